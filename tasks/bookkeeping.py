"""What numbered frames and replayed books prove of a batch, as notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.records import Columns
from core.venue import Numbered
from db.evidence import BookDoubted, BookTrusted, Note, NumberGap, Place
from tasks.books import Books, Doubt
from tasks.continuity import Sockets


def number_gaps(sockets: Sockets, connection_id: str, numbered: Numbered, rows: Mapping[str, Columns], received_us: Any) -> list[NumberGap]:
    """Numbers that a connection of the shard left out, each with the times around it."""
    gaps = []
    for scope, first, last, frame in sockets.connections[connection_id].holes(numbered):
        before, after = _around(rows, frame)
        since_us = int(received_us[frame - 1]) if frame else sockets.last_received_us
        gaps.append(NumberGap(sockets.place, scope, first, last, before or sockets.last_event_us, after, since_us, int(received_us[frame])))
    return gaps


def _around(rows: Mapping[str, Columns], frame: int) -> tuple[int | None, int | None]:
    """(newest event time before the frame, oldest from it on), in us."""
    placed = [columns for columns in rows.values() if "frame" in columns]
    frames = np.concatenate([columns["frame"] for columns in placed]) if placed else np.zeros(0, np.int64)
    events = np.concatenate([columns["event_at"] for columns in placed]) if placed else np.zeros(0, np.int64)
    before, after = events[frames < frame], events[frames >= frame]
    return int(before.max()) if len(before) else None, int(after.min()) if len(after) else None


@dataclass(frozen=True, slots=True)
class Replayed:
    """`wishes`: symbols whose whole state should be asked for anew, "" for all of the stream."""

    rows: Mapping[str, Columns]
    notes: Sequence[Note]
    wishes: set[str]
    unknown: int


def replay(books: Books, place: Place, connection_id: str, rows: Mapping[str, Columns], holes: Sequence[NumberGap]) -> Replayed:
    """The batch through the connection's books. A hole in its numbers puts all of them in doubt."""
    taken = books.take(connection_id, rows)
    notes: list[Note] = [BookTrusted(place, instrument, event_us) for instrument, event_us in taken.trusted]
    doubts: list[Doubt] = list(taken.doubts)
    wishes = _symbols(rows, {doubt.instrument_id for doubt in doubts})
    if holes:
        hole = holes[0]
        doubts += books.doubt_all(connection_id, "numbers of its subscription are missing", hole.event_from_us or hole.received_to_us)
        wishes.add("")
    # A twin that holds the book in good faith keeps it whole: what is asked for anew then is no gap.
    notes += [
        BookDoubted(place, d.instrument_id, d.since_us, d.cause)
        for d in doubts
        if not books.trusted_elsewhere(connection_id, d.instrument_id)
    ]
    return Replayed(taken.rows, notes, wishes, taken.unknown)


def _symbols(rows: Mapping[str, Columns], wanted: set[int]) -> set[str]:
    if not wanted:
        return set()
    return {
        symbol
        for columns in rows.values()
        for number, symbol in zip(columns["instrument_id"].tolist(), columns["symbol"], strict=True)
        if number in wanted
    }
