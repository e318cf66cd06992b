"""Which programs of the farm run: as their supervisor says, as systemd does, or as the names of their containers do."""

import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.settings import Settings
from ops.cli.programs import stands_in, streamer_name
from ops.local.errors import LocalError
from ops.local.supervision import ProgramState, states
from ops.report import units

#: Names of the containers that belong to the farm, comma between; docker-compose.yml says them. Streamers are those of the settings.
CONTAINERS = "FARM_CONTAINERS"
#: Docker's own name server answers at once for who runs; for others it may ask further.
NAME_SECONDS = 2.0
NOT_RUNNING = "The farm is not running: `./farm up` starts it."


def components(home: Path, knobs: Settings | None) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """(rows of name, state, pid, restarts, since; reasons; notices). A streamer is down for good only when all its replicas are."""
    names = containers(knobs)
    if names:
        return _judged([_named(name, there) for name, there in resolved(names).items()], "its container does not run")
    if target := os.environ.get(units.TARGET):
        try:
            return _judged(units.rows(target), "`journalctl -u` its unit shows what it says")
        except units.Untold as exc:
            return [], [str(exc)], []
    try:
        known = states(home)
    except LocalError as exc:
        return [], [str(exc)], []
    if not known:
        return [], [NOT_RUNNING], []
    return _judged([_row(one) for one in known], "")


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


def _judged(rows: list[dict[str, Any]], hint: str) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    running = {row["name"] for row in rows if row["state"] == "running"}
    down = [(_word(row, hint), stands_in(row["name"], running)) for row in rows if row["name"] not in running]
    shown = [{name: value for name, value in row.items() if name != "problem"} for row in rows]
    reasons = [word for word, other in down if not other]
    return shown, reasons, [f"{word}; meanwhile {other} records the same" for word, other in down if other]


def _word(row: dict[str, Any], hint: str) -> str:
    problem = f" ({row['problem']})" if row["problem"] else ""
    says = hint or f"`./farm logs {row['name']}` shows what it says"
    return f"{row['name']} is {row['state']}{problem}: {says}"
