"""What a process counts, in a file of mapped memory that whoever asks reads: nothing is sent, nobody is waited for.

A process takes a *slot* of its role, by a lock that ends with it, and counts in that slot's file; whoever has the slot next goes on in
it. So counts do not fall when a program is started again, and there are as many files as processes that ran at one time. Before `begin`,
and in a child that was forked, nothing is counted.
The file's room (`core/count_files.py` says what is in it) is allocated at once: a disk that fills up later must not end who counts.
"""

import fcntl
import logging
import mmap
import os
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from core import count_files

log = logging.getLogger(__name__)

ROOM_BYTES = 1 << 18
#: Processes of one role at one time that count; worker processes have one each.
MOST_SLOTS = 64
#: From so many values on, comparing all with each bound is several times faster than to search for each.
_MANY = 2_000


@dataclass(frozen=True, slots=True)
class Metric:
    """`bounds`: of a histogram, whose values are the counts up to each bound (and above its lower one), beyond the last, and the sum."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: str = "gauge"
    bounds: tuple[float, ...] = ()

    @property
    def values(self) -> int:
        return len(self.bounds) + 2 if self.bounds else 1


class Counter(Metric):
    __slots__ = ()

    def add(self, amount: float, *labels: str) -> None:
        if (slot := _slot) is not None:
            with slot.lock:
                slot.values[slot.place(self, labels)] += amount


class Histogram(Metric):
    __slots__ = ()

    def observe(self, value: float, *labels: str) -> None:
        if (slot := _slot) is not None:
            with slot.lock:
                place = slot.place(self, labels)
                slot.values[place + bisect_left(self.bounds, value)] += 1.0
                slot.values[place + self.values - 1] += value

    def observe_all(self, values: Any, *labels: str, unit: float = 1.0) -> None:
        """An array of numbers, in one operation; `unit`: what 1 of them is, such as 1e-6 for microseconds of a metric in seconds."""
        if (slot := _slot) is not None and len(values):
            told = np.empty(self.values)
            told[:-1] = _histogram(values, np.array(self.bounds) / unit)
            told[-1] = float(values.sum()) * unit
            with slot.lock:
                place = slot.place(self, labels)
                slot.columns[place : place + self.values] += told


def _histogram(values: Any, bounds: Any) -> Any:
    """How many lie up to each bound and above the one before, and beyond the last."""
    if len(values) < _MANY:
        return np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)
    return np.diff([0, *(np.count_nonzero(values <= bound) for bound in bounds), len(values)])


class _Slot:
    """`place` is where the values of a series begin, in `values` as in `columns`."""

    def __init__(self, path: Path, held: int) -> None:
        """`held`: the descriptor whose lock makes the slot ours. Raises OSError."""
        self.lock = Lock()
        self._held = held
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, ROOM_BYTES)
            self._memory = mmap.mmap(descriptor, ROOM_BYTES)
        finally:
            os.close(descriptor)
        entries = count_files.entries(self._memory[:])
        if entries is None:
            log.warning("counts cannot be read and begin anew path=%s", path)
            self._memory[:] = bytes(ROOM_BYTES)
            entries = []
        self._used = entries[-1].ends if entries else count_files.HEAD_BYTES
        self._mark_used()
        self.values = memoryview(self._memory).cast("d")
        self.columns = np.frombuffer(self._memory, np.float64)
        self._known = {entry.key: entry.begins // 8 for entry in entries}
        self._places: dict[tuple[str, tuple[str, ...]], int] = {}
        # What finds no room is counted behind all that is read.
        self._full = 0

    def place(self, metric: Metric, labels: tuple[str, ...]) -> int:
        found = self._places.get((metric.name, labels))
        if found is None:
            found = self._places[metric.name, labels] = self._made(metric, labels)
        return found

    def _made(self, metric: Metric, labels: tuple[str, ...]) -> int:
        assert len(labels) == len(metric.labels), (metric.name, labels)
        key = count_files.key_of(metric.name, labels, metric.bounds)
        if (known := self._known.get(key)) is not None:
            return known
        entry = count_files.entry(key, metric.values)
        ends = self._used + len(entry)
        # At the end stays room for the values of whatever finds no more.
        if ends > ROOM_BYTES - 8 * count_files.MOST_VALUES:
            if not self._full:
                log.warning("there is no room for more counts, from here on some are missing first=%s labels=%s", metric.name, labels)
                self._full = ROOM_BYTES // 8 - count_files.MOST_VALUES
            return self._full
        self._memory[self._used : ends] = entry
        self._used = ends
        self._mark_used()
        return ends // 8 - metric.values

    def _mark_used(self) -> None:
        """Last, so that what a killed process leaves can be read."""
        self._memory[: count_files.HEAD_BYTES] = count_files.head(self._used)

    def leave(self) -> None:
        os.close(self._held)


_slot: _Slot | None = None


def begin(folder: Path, role: str) -> None:
    """Count from here on, in the first slot of the role that no other process has. Where there is none, or no folder, nothing is counted."""
    global _slot  # noqa: PLW0603  # of the process, as its memory is
    end()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(MOST_SLOTS):
            if (held := _locked(folder / f"{role}-{number}.lock")) is not None:
                _slot = _taken(folder / f"{role}-{number}{count_files.SUFFIX}", held)
                return
        log.warning("all slots are taken, this process counts nothing role=%s slots=%d", role, MOST_SLOTS)
    except OSError as exc:
        log.warning("this process counts nothing role=%s error=%s", role, exc)


def _taken(path: Path, held: int) -> _Slot:
    try:
        return _Slot(path, held)
    except OSError:
        os.close(held)
        raise


def end() -> None:
    """Count nothing more; the slot is free for another process."""
    global _slot  # noqa: PLW0603
    if _slot is not None:
        _slot.leave()
        _slot = None


def _forked() -> None:
    """A child is not the process that took the slot, and one that counted in it would count over what its parent does."""
    global _slot  # noqa: PLW0603
    _slot = None


os.register_at_fork(after_in_child=_forked)


def _locked(path: Path) -> int | None:
    """By lockf, and not flock: a child that was forked must not hold the slot of a parent that is gone."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
