"""Which programs of the farm run: as their supervisor says, as systemd does, or as the names of their containers do."""

import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.settings import Settings
from ops.cli import units
from ops.cli.programs import streamer_name
from ops.local.supervision import ProgramState, states

#: Names of the containers that belong to the farm, comma between; docker-compose.yml says them. Streamers are those of the settings.
CONTAINERS = "FARM_CONTAINERS"
#: Docker's own name server answers at once for who runs; for others it may ask further.
NAME_SECONDS = 2.0


def programs(home: Path, knobs: Settings | None) -> tuple[list[dict[str, Any]], str]:
    """(rows of name, state, pid, restarts, since, problem, of all that belong to this host; where what they say is to be found, or nothing
    where it is in the farm's own logs). No rows: nobody has been told to run any. Docker tells nobody of restarts. Raises LocalError."""
    names = containers(knobs)
    if names:
        return [_named(name, there) for name, there in resolved(names).items()], "its container does not run"
    if target := os.environ.get(units.TARGET):
        return units.rows(target), "`journalctl -u` its unit shows what it says"
    return [_row(one) for one in states(home)], ""


def containers(knobs: Settings | None) -> list[str]:
    """Of a stack without a supervisor; empty where there is one."""
    lasting = [name for part in os.environ.get(CONTAINERS, "").split(",") if (name := part.strip())]
    if not lasting or knobs is None:
        return lasting
    return lasting + [streamer_name(venue, replica) for venue in knobs.collect for replica in knobs.replica_names_here]


def resolved(names: Sequence[str], resolve: Callable[[str], object] | None = None) -> dict[str, bool]:
    """name -> whether it has an address, which Docker gives to containers that run. One that is not told in time counts as away."""
    ask = resolve or (lambda name: socket.getaddrinfo(name, None))
    pool = ThreadPoolExecutor(len(names), thread_name_prefix="resolve")
    asked = {name: pool.submit(ask, name) for name in names}
    pool.shutdown(wait=False)
    found = {}
    for name, future in asked.items():
        try:
            future.result(NAME_SECONDS)
            found[name] = True
        except OSError:  # a TimeoutError is one
            found[name] = False
    return found


def _named(name: str, there: bool) -> dict[str, Any]:
    return {"name": name, "state": "running" if there else "down", "pid": None, "restarts": 0, "since": None, "problem": ""}


def _row(one: ProgramState) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("name", "state", "pid", "restarts", "since", "problem")}
