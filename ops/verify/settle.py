"""Waits until everything that a venue had sent up to a moment is committed."""

import time
from collections.abc import Iterable
from typing import Any

from core.board import Board
from core.journal import START, Journal, StreamName, id_order
from db import queries
from db.moments import micros

POLL_SECONDS = 0.2
#: What the board says of a streamer is at most so old (two rounds of its clerk).
VITAL_SECONDS = 4.5


class Unsettled(Exception):
    """Rows are still on their way."""


def settle(url: str, journal: Journal, board: Board, venues: Iterable[str], cutoff_us: int, timeout_seconds: float) -> None:
    """Return once all that was sent before the cutoff is committed. Raises Unsettled.

    A socket delivers in order: a committed event after the cutoff proves that all before it are committed. Where no event
    comes, a streamer whose memory and spool were once seen empty since has put all before it into the journal. What stood there
    when this was so of each has to be committed.
    """
    began, wanted = time.monotonic(), set(venues)
    emptied: set[str] = set()
    stood: dict[StreamName, str | None] | None = None
    while True:
        waiting = _behind(url, journal, wanted, cutoff_us)
        if stood is None and time.monotonic() - began >= VITAL_SECONDS:
            held = _held(board, wanted)
            emptied.update(who for who, size in held.items() if not size)
            stood = journal.last_ids(waiting) if emptied >= held.keys() else None
        if stood is not None:
            waiting = {stream: at for stream, at in waiting.items() if id_order(at) < id_order(stood.get(stream) or START)}
        if not waiting:
            return
        if time.monotonic() - began > timeout_seconds:
            entries = journal.waiting(waiting)
            told = ", ".join(f"{stream} ({entries[stream][0]} journal entries)" for stream in waiting)
            raise Unsettled(f"After {timeout_seconds:.0f} s rows still wait to be written: {told}. `./farm status` says why.")
        time.sleep(POLL_SECONDS)


def _behind(url: str, journal: Journal, venues: set[str], cutoff_us: int) -> dict[StreamName, str]:
    """The sockets' streams that are not committed past the cutoff, each with the id up to which it is committed."""
    offsets = {row["stream"]: row for row in queries.rows(url, "stream_offsets")}
    behind = {}
    for name in sorted({str(name) for name in journal.streams()} | set(offsets)):
        stream, row = StreamName.parse(name), offsets.get(name)
        # REST replies have a shard of their own; they are no part of what sockets delivered.
        if stream.venue not in venues or stream.shard == "rest" or (row and (micros(row["last_event_at"]) or 0) > cutoff_us):
            continue
        behind[stream] = row["last_id"] if row else START
    return behind


def _held(board: Board, venues: set[str]) -> dict[str, int]:
    """streamer -> bytes in its memory and spool."""
    vitals: dict[str, dict[str, Any]] = board.vitals("streamer")
    return {who: v.get("queue_bytes", 0) + v.get("spool_bytes", 0) for who, v in vitals.items() if who.split(":")[1] in venues}
