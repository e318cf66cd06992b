"""Frames on their way to the sockets, in the order of events: their fate is settled, then the ledger is written, then the sockets."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.emission import CODES, CORRUPTED, NONE, REORDERED, SKIPPED, Counts, faulty
from sandbox.polymarket import wire
from sandbox.polymarket.hub import Route
from sandbox.polymarket.records import KINDS
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

STRIKES = ("skip", "torn", "corrupt", "repeat")
#: Frames in a shape that is allowed and seldom seen: readers must take them all the same.
DISGUISES = {"bare_prices": wire.with_bare_prices, "unknown_fields": wire.with_unknown_fields}


@dataclass(slots=True)
class Frame:
    """`rows`: (kind, values of a record before `delivered` and `fault`) that stand or fall with it."""

    feed: str
    market: int
    names: tuple[str, ...]  # the tokens it is about
    body: bytes
    route: Route
    rows: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    fault: int = NONE

    @property
    def delivered(self) -> int:
        return 0 if self.fault == SKIPPED else len(self.route.live)


class Feed:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self._frames: list[Frame] = []
        self.counts = {kind: Counts() for kind in KINDS}
        self.frames: dict[str, int] = {}  # written, by feed
        self._turn = 0

    def tell(self, frame: Frame) -> None:
        if frame.rows or frame.route.live:
            self._frames.append(frame)

    def send(self) -> None:
        """All that was told since the last time."""
        frames, self._frames = self._frames, []
        faulted = bool(self._venue.faults.active)
        for frame in frames:
            if frame.route.wanted and not frame.route.live:
                frame.fault = SKIPPED
            elif faulted and frame.route.live:
                frame.fault = self._fate(frame)
                self._disguise(frame)
        if faulted:
            self._reorder(frames)
        self._record(frames)
        for frame in frames:
            self._write(frame)

    def note(self, rows: list[tuple[str, tuple[Any, ...]]]) -> None:
        """What is no event and may be known all the same: the top of a book that is about to be sent whole, a book that REST tells."""
        kind, now_us = rows[0][0], self._venue.clock.now_us()
        found = [(symbol, event_us, now_us, *rest, 0, NONE) for _, (symbol, event_us, *rest) in rows]
        self._venue.record(kind, np.array(found, KINDS[kind]))

    def _fate(self, frame: Frame) -> int:
        for kind in STRIKES:
            for fault in self._venue.faults.of(kind, channel=frame.feed):
                if fault.fields["symbol"] in (None, *frame.names):
                    fault.take()
                    return CODES[kind]
        return NONE

    def _disguise(self, frame: Frame) -> None:
        for kind, change in DISGUISES.items():
            for fault in self._venue.faults.of(kind, channel=frame.feed):
                changed = change(frame.body)
                if changed != frame.body and fault.fields["symbol"] in (None, *frame.names):
                    frame.body = changed
                    fault.take()
                    break

    def _reorder(self, frames: list[Frame]) -> None:
        """Two frames of one market and feed change places."""
        for fault in self._venue.faults.of("reorder"):
            pair = next(self._pairs(frames, fault.fields["channel"], fault.fields["symbol"]), None)
            if pair:
                one, other = pair
                frames[one].fault = frames[other].fault = REORDERED
                frames[one], frames[other] = frames[other], frames[one]
                fault.take(2)

    def _pairs(self, frames: list[Frame], feed: str, symbol: str | None) -> Iterator[tuple[int, int]]:
        seen: dict[tuple[str, ...], int] = {}
        for place, frame in enumerate(frames):
            if frame.feed == feed and frame.route.live and frame.fault == NONE and symbol in (None, *frame.names):
                if frame.names in seen:
                    yield seen[frame.names], place
                seen[frame.names] = place

    def _record(self, frames: list[Frame]) -> None:
        sent_us = self._venue.clock.now_us()
        rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for frame in frames:
            for kind, (symbol, event_us, *values) in frame.rows:
                rows[kind].append((symbol, event_us, sent_us, *values, frame.delivered, frame.fault))
        for kind, found in rows.items():
            batch = np.array(found, KINDS[kind])
            self.counts[kind].add(batch)
            self._venue.record(kind, batch)

    def _write(self, frame: Frame) -> None:
        if frame.fault == SKIPPED:
            return
        self._turn += 1
        body = wire.corrupted(self._turn, frame.body) if frame.fault == CORRUPTED else frame.body
        written = [text_frame(body)] if frame.fault in (NONE, REORDERED) else faulty(body, frame.fault)
        for socket in frame.route.live:
            socket.out += written
        self.frames[frame.feed] = self.frames.get(frame.feed, 0) + len(frame.route.live) * len(written)
