"""An installation by ops/deploy.sh: where its settings are, which of systemd's units it wants, who its programs are.

Read by root, who then acts as the account of the farm.
"""

import os
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.settings import ROOT, Settings
from ops.cli import programs
from ops.cli.environment import read_dotenv
from venues import VENUES

FOLDER = Path("/etc/tapefarm")
ACCOUNT = "tapefarm"
#: What deploy.sh knows of servers that it has set up, then what the operator says, which goes before it; as the units read them.
FILES = ("servers.env", "tapefarm.env")


def settings_of_host(folder: Path = FOLDER) -> dict[str, str]:
    """Every variable that an operator's command sees. Raises NotPrivate and Refused."""
    found = dict(_places())
    for name in FILES:
        found |= read_dotenv(folder / name)
    return {name: value for name, value in found.items() if value}


def _places() -> Iterator[tuple[str, str]]:
    for line in (ROOT / "ops/systemd/places.env").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def streamer_unit(venue: str, replica: str) -> str:
    return f"tapefarm-streamer@{venue}-{replica}.service"


def venues_of(knobs: Settings) -> list[str]:
    """Those that can be recorded here: one that wants a login and has none is left out, as by `./farm restart`."""
    if "streamers" not in knobs.program_names_here:
        return []
    return [venue for venue in sorted(knobs.collect) if not knobs.lacking(venue, VENUES[venue].login)]


def others_of(knobs: Settings) -> list[str]:
    """All but streamers. They need nobody's order among themselves; the watcher comes last, so that an orderly restart is no alarm."""
    here = knobs.program_names_here
    queues = sorted(queue for name, own in programs.QUEUES.items() if name in here for queue in own)
    singles = [name for name in ("beat", "flower", "console", "watcher") if name in here]
    return [*(f"tapefarm-worker@{queue}.service" for queue in queues), *(f"tapefarm-{name}.service" for name in singles)]


def units_of(knobs: Settings) -> list[str]:
    """All that shall run on this host."""
    return [*(streamer_unit(venue, replica) for replica in knobs.replica_names_here for venue in venues_of(knobs)), *others_of(knobs)]


def become_account() -> None:
    """Root becomes the account of the farm, for good; whoever is somebody already stays so."""
    if os.geteuid() != 0:
        return
    entry = pwd.getpwnam(ACCOUNT)
    os.initgroups(entry.pw_name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def environment_for(values: Mapping[str, str]) -> dict[str, str]:
    """Of a program that root starts as the account: nothing of root's own but what a terminal needs."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TERM", "COLUMNS", "LINES")}
    return {**kept, "HOME": values["FARM_HOME"], **values}
