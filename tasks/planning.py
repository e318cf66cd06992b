"""Which gaps can be filled, and by which job; of the others, why they cannot."""

from collections.abc import Sequence
from typing import Any

from core.history import ALL
from core.records import KINDS
from core.venue import Venue
from db import backfills, gaps
from db.backfills import Job
from db.gaps import Gap
from tasks.stepping import LOOK_BACK_US


def settle(cursor: Any, gap: Gap, venue: Venue | None, universe: Sequence[str], lookback_hours: float) -> str:
    """Open a job for the gap, or end it; returns the state that it has now."""
    found = job_of(cursor, gap, venue, universe, lookback_hours)
    if isinstance(found, str):
        gaps.move(cursor, gap.gap_id, gaps.UNFILLABLE, found)
        return gaps.UNFILLABLE
    number = backfills.ask(cursor, found)
    if number is not None:
        gaps.move(cursor, gap.gap_id, gaps.FILLING, "it is read again", backfill=number)
    return gaps.FILLING


def job_of(cursor: Any, gap: Gap, venue: Venue | None, universe: Sequence[str], lookback_hours: float) -> Job | str:
    """The job that fills a gap, or why there can be none."""
    history = venue.histories.get(gap.channel) if venue else None
    if history is None:
        return f"{gap.venue} serves no history of {gap.channel}"
    if gap.symbol is not None:
        start_us = gap.to_us - LOOK_BACK_US if gap.from_us is None else gap.from_us
        ids = (gap.first_missing, gap.last_missing) if history.numbered else (None, None)
        return Job(gap.venue, gap.channel, [gap.symbol], start_us, gap.to_us, *ids, gap_id=gap.gap_id)
    if gap.from_us is None:
        return "nothing had come before it, so nobody knows where it begins"
    if history.whole:
        return Job(gap.venue, gap.channel, [ALL], gap.from_us, gap.to_us, gap_id=gap.gap_id)
    kind = KINDS[history.kind]
    symbols = gaps.concerned(cursor, kind, gap, gap.from_us, universe, by_ids=history.numbered, lookback_hours=lookback_hours)
    return Job(gap.venue, gap.channel, symbols, gap.from_us, gap.to_us, gap_id=gap.gap_id)
