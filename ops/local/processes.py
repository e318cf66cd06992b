"""What the kernel tells of processes, read so that nothing can wait: who descends from whom, who is stopped, who holds how much memory.

Loaded into supervisord, so the standard library alone.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


@dataclass(frozen=True)
class Seen:
    """One process at a look. `stopped`: by a signal, as with SIGSTOP, and not by a debugger."""

    pid: int
    parent: int
    stopped: bool


def look() -> dict[int, Seen]:
    """All processes of the machine by number."""
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (seen := _seen(entry)):
            found[seen.pid] = seen
    return found


def family(table: Mapping[int, Seen], pid: int) -> list[Seen]:
    """The process and its descendants, itself first; empty when it is gone."""
    children: dict[int, list[int]] = {}
    for one in table.values():
        children.setdefault(one.parent, []).append(one.pid)
    found, waiting = [], [pid]
    while waiting:
        number = waiting.pop()
        if number in table:
            found.append(table[number])
            waiting += children.get(number, [])
    return found


def memory_bytes(pid: int) -> tuple[int, int]:
    """(resident, of that shared with other processes), both 0 when it is gone."""
    try:
        _, resident, shared, *_ = (_PROC / str(pid) / "statm").read_bytes().split()
    except (OSError, ValueError):
        return 0, 0
    return int(resident) * _PAGE, int(shared) * _PAGE


def own_bytes(pid: int) -> int:
    """Resident and shared with nobody; 0 when it is gone."""
    resident, shared = memory_bytes(pid)
    return resident - shared


def _seen(entry: Path) -> Seen | None:
    try:
        # The name in brackets may itself hold spaces and brackets.
        _, _, rest = (entry / "stat").read_bytes().rpartition(b") ")
        state, parent, _ = rest.split(b" ", 2)
    except (OSError, ValueError):
        return None
    return Seen(int(entry.name), int(parent), state == b"T")
