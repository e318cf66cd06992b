"""All faults, in the order in which they strike."""

from collections.abc import Sequence

from ops.chaos import machine, messages, network, poison, processes, servers
from ops.chaos.fault import Fault
from ops.cli.errors import Refused

FAULTS: Sequence[Fault] = [*processes.FAULTS, *servers.FAULTS, *network.FAULTS, *poison.FAULTS, *messages.FAULTS, *machine.FAULTS]
STORM = "storm"


def chosen(name: str | None, *, core: bool) -> list[Fault]:
    """Those of that name, of the core, or all; none where only the storm is wanted. Raises Refused for a name that there is not."""
    if name is None:
        return [fault for fault in FAULTS if fault.core or not core]
    if name != STORM and name not in {fault.name for fault in FAULTS}:
        raise Refused(f"There is no fault {name!r}: `./farm chaos --list` names them.", status=2)
    return [fault for fault in FAULTS if fault.name == name]
