"""What goes wrong on command. Every fault is bounded in count or in time, and reported while and after it lasts."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_SECONDS = 86_400.0
MAX_COUNT = 1_000_000
REMEMBERED = 200  # ended faults still listed

Fields = dict[str, dict[str, Any]]  # kind -> the other fields it takes, with their defaults


@dataclass(frozen=True)
class Kinds:
    """What a venue can be asked for: bounded in seconds, in count, or over at once."""

    timed: Fields
    counted: Fields
    instant: Fields

    @property
    def all(self) -> Fields:
        return self.timed | self.counted | self.instant


#: kinds every venue knows
TIMED: Fields = {
    "stall": {"route": None},
    "half_open": {"route": None},
    "freeze": {"symbols": None},
    "silence_route": {"route": None, "channel": None},
    "ceiling": {"streams": 200, "silent": False},
    "maintenance": {},
    "rest_slow": {"delay_seconds": 3.0},
    "endless_pages": {},
}
COUNTED: Fields = {
    "unknown": {"route": None},
    "rest_429": {"retry_after": None},
    "rest_5xx": {"status": 500},
    "rest_huge": {"megabytes": 8},
}
INSTANT: Fields = {"drop": {"route": None}}
FRAME_KINDS = ("skip", "repeat", "reorder", "torn", "corrupt")


def frame_kinds(channel: str) -> Fields:
    """Kinds that strike single frames, of this channel unless another is named."""
    return {kind: {"channel": channel, "symbol": None} for kind in FRAME_KINDS}


class BadFault(ValueError):
    """The command names no known fault, or a field it does not take."""


@dataclass
class Fault:
    id: int
    kind: str
    fields: dict[str, Any]
    remaining: int | None = None  # None: not bounded by count
    until_us: int | None = None  # None: not bounded by time
    injected: int = 0
    ended: str | None = None

    def take(self, count: int = 1) -> None:
        self.injected += count
        if self.remaining is not None:
            self.remaining -= count

    def report(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            **self.fields,
            "remaining": self.remaining,
            "until_us": self.until_us,
            "injected": self.injected,
            "ended": self.ended,
        }


@dataclass
class Faults:
    """The faults of one venue; `changed` runs whenever one begins or ends."""

    kinds: Kinds
    note: Callable[..., None]
    changed: Callable[[Fault], None]
    active: list[Fault] = field(default_factory=list)
    past: deque[Fault] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, command: dict[str, Any], now_us: int) -> Fault:
        kind, kinds = command.get("kind"), self.kinds.all
        if kind not in kinds:
            raise BadFault(f"unknown kind {kind!r}; known: {', '.join(sorted(kinds))}")
        unknown = set(command) - set(kinds[kind]) - {"venue", "kind", "seconds", "count"}
        if unknown:
            raise BadFault(f"{kind} takes no {', '.join(sorted(unknown))}")
        fields = {name: command.get(name, default) for name, default in kinds[kind].items()}
        fault = Fault(next(self._ids), kind, fields)
        seconds, count = command.get("seconds"), command.get("count")
        if kind in self.kinds.timed or seconds is not None:
            fault.until_us = now_us + int(min(float(10 if seconds is None else seconds), MAX_SECONDS) * 1e6)
        if (kind in self.kinds.counted and seconds is None) or count is not None:
            fault.remaining = min(int(1 if count is None else count), MAX_COUNT)
        if kind in self.kinds.instant:
            fault.remaining = 1
        self.active.append(fault)
        self.note("asked", **fault.report())
        self.changed(fault)
        return fault

    def of(self, kind: str, **match: Any) -> Iterator[Fault]:
        """Active faults of a kind; a field of a fault that is None matches anything."""
        for fault in self.active:
            live = fault.kind == kind and (fault.remaining is None or fault.remaining > 0)
            if live and all(fault.fields[name] in (None, value) for name, value in match.items()):
                yield fault

    def first(self, kind: str, **match: Any) -> Fault | None:
        return next(self.of(kind, **match), None)

    def sweep(self, now_us: int) -> None:
        """End what is used up or over."""
        for fault in list(self.active):
            if fault.remaining is not None and fault.remaining <= 0:
                self.end(fault, "count")
            elif fault.until_us is not None and now_us >= fault.until_us:
                self.end(fault, "time")

    def end(self, fault: Fault, reason: str) -> None:
        fault.ended = reason
        self.active.remove(fault)
        self.past.append(fault)
        self.note("ended", **fault.report())
        self.changed(fault)

    def clear(self, fault_id: int | None) -> int:
        chosen = [fault for fault in self.active if fault_id in (None, fault.id)]
        for fault in chosen:
            self.end(fault, "request")
        return len(chosen)

    def report(self) -> dict[str, Any]:
        return {"active": [f.report() for f in self.active], "past": [f.report() for f in self.past]}
