"""Waits until everything that a venue had sent up to a moment is committed."""

import time
from collections.abc import Iterable
from typing import Any

from core.board import Board
from core.journal import Journal, StreamName
from db import queries
from db.moments import micros

POLL_SECONDS = 0.2
#: A stream on which nothing comes any more is settled when none of its entries has waited for so long.
CALM_SECONDS = 2.0
#: What the board says of a streamer is at most so old (two rounds of its clerk).
VITAL_SECONDS = 4.5


class Unsettled(Exception):
    """Rows are still on their way."""


def settle(url: str, journal: Journal, board: Board, venues: Iterable[str], cutoff_us: int, timeout_seconds: float) -> None:
    """Return once every stream of the venues has committed an event after the cutoff, or is empty and calm. Raises Unsettled.

    A socket delivers in order: a committed event after the cutoff proves that all before it are committed. Where no event
    comes, a streamer whose memory and spool were once seen empty since has put all before it into the journal.
    """
    began = calm_since = time.monotonic()
    wanted, emptied = set(venues), False
    while True:
        behind = _behind(url, journal, wanted, cutoff_us)
        now = time.monotonic()
        if any(behind.values()):
            calm_since = now
        emptied = emptied or (now - began >= VITAL_SECONDS and not _held(board, wanted))
        if not behind or (emptied and now - calm_since >= CALM_SECONDS):
            return
        if now - began > timeout_seconds:
            told = ", ".join(f"{name} ({entries} journal entries)" for name, entries in behind.items())
            raise Unsettled(f"After {timeout_seconds:.0f} s rows still wait to be written: {told}. `./farm status` says why.")
        time.sleep(POLL_SECONDS)


def _behind(url: str, journal: Journal, venues: set[str], cutoff_us: int) -> dict[str, int]:
    """stream -> waiting entries, of the sockets' streams not committed past the cutoff."""
    offsets = {row["stream"]: row for row in queries.rows(url, "stream_offsets")}
    names = {str(name) for name in journal.streams()} | set(offsets)
    behind = {}
    for name in sorted(names):
        stream = StreamName.parse(name)
        row = offsets.get(name)
        # REST replies have a shard of their own; they are no part of what sockets delivered.
        if stream.venue not in venues or stream.shard == "rest" or (row and (micros(row["last_event_at"]) or 0) > cutoff_us):
            continue
        behind[name] = journal.backlog(stream, row["last_id"] if row else "0-0")
    return behind


def _held(board: Board, venues: set[str]) -> int:
    """Bytes in the streamers' memories and spools."""
    vitals: dict[str, dict[str, Any]] = board.vitals("streamer")
    return sum(v.get("queue_bytes", 0) + v.get("spool_bytes", 0) for who, v in vitals.items() if who.split(":")[1] in venues)
