"""Programs of this farm that no supervisor watches any more: found by a mark in their environment, and ended."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from ops.local.server import is_alive

MARK = "TAPEFARM_SUPERVISED"
_SERVERS = ("postgres", "redis-server")
# The kernel has already told them to stop when their supervisor died; a writer may finish its transaction.
GRACE_SECONDS = 10.0


def orphans(home: Path) -> list[psutil.Process]:
    """Living processes that bear this farm's mark, other than ourselves and our ancestors."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.pid not in spared and process.environ().get(MARK) == str(home)
        except (psutil.Error, OSError):
            continue
        if marked and is_alive(process):
            found.append(process)
    return found


def end_orphans(home: Path, *, grace_seconds: float = GRACE_SECONDS) -> int:
    """End them, the servers last; returns how many processes there were."""
    found = orphans(home)
    servers = [process for process in found if _name(process) in _SERVERS]
    others = [process for process in found if process not in servers]
    for group in (others, servers):
        _end(group, grace_seconds)
    return len(found)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _end(processes: list[psutil.Process], grace_seconds: float) -> None:
    for process in processes:
        _signal(process, signal.SIGINT if _name(process) == "postgres" else signal.SIGTERM)
    if not _gone(processes, grace_seconds):
        for process in processes:
            _signal(process, signal.SIGKILL)
        _gone(processes, grace_seconds)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)


def _gone(processes: list[psutil.Process], timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while any(is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
