"""All faults, in the order in which they strike."""

from collections.abc import Sequence

from ops.chaos import machine, messages, network, poison, processes, servers
from ops.chaos.fault import Fault
from ops.cli.errors import Refused

FAULTS: Sequence[Fault] = [*processes.FAULTS, *servers.FAULTS, *network.FAULTS, *poison.FAULTS, *messages.FAULTS, *machine.FAULTS]
STORM, SOAK = "storm", "soak"


def chosen(names: Sequence[str], *, core: bool) -> list[Fault]:
    """Those of these names, or of the core, or all; the storm is none of them. Raises Refused for a name that there is not."""
    known = {STORM, *(fault.name for fault in FAULTS)}
    if unknown := [name for name in names if name not in known]:
        raise Refused(f"There is no fault {unknown[0]!r}: `./farm chaos --list` names them.", status=2)
    return [fault for fault in FAULTS if (fault.name in names if names else fault.core or not core)]
