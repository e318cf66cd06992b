"""How a job that reads the past again ends, and its gap with it: judged by what the database was seen to hold, never by what was asked."""

from typing import Any

from db import backfills, gaps
from db.backfills import Job
from tasks.position import Position

#: A deaf shard is judged after the ids that its instruments lost; those have jobs of their own.
OTHERS_SECONDS = 5.0


def end(cursor: Any, job: Job, position: Position) -> float:
    """Set the end of a job that has gone all its way; returns how long to wait where it is too early to judge its gap."""
    others = gaps.of_ids_within(cursor, job.gap_id) if job.gap_id is not None and job.first is None else {}
    if others.keys() & {gaps.MISSING, gaps.FILLING}:
        position.waits = "gaps of single instruments within its time are still open"
        return OTHERS_SECONDS
    job.state = backfills.PARTLY if job.rows else backfills.FAILED
    if not job.lacking and job.reason is None:
        job.state = backfills.DONE
    if job.gap_id is not None:
        state = gap_state(job, others)
        reason = (
            "all that was missing is in the database" if state == gaps.FILLED else job.reason or "ids of single instruments are lacking"
        )
        gaps.move(cursor, job.gap_id, state, reason, backfill=job.backfill_id, rows=job.rows, lacking=position.lacking)
    return 0.0


def fail(cursor: Any, job: Job, reason: str) -> None:
    """End a job that cannot go on, and its gap."""
    job.note(reason)
    job.state = backfills.FAILED
    if job.gap_id is not None:
        gaps.move(cursor, job.gap_id, gaps.UNFILLABLE, reason, backfill=job.backfill_id)


def gap_state(job: Job, others: dict[str, int]) -> str:
    """`others`: states of the gaps in single instruments' ids that belong to the same time."""
    broken = others.keys() & {gaps.PARTLY, gaps.UNFILLABLE}
    if job.state == backfills.DONE and not broken:
        return gaps.FILLED
    if job.first is not None and job.last is not None:
        came = job.lacking < job.last - job.first + 1
    else:
        came = bool(job.rows) or job.state == backfills.DONE or gaps.FILLED in others or gaps.PARTLY in others
    return gaps.PARTLY if came else gaps.UNFILLABLE
