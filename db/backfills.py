"""Jobs that read the past again, as rows: asked for, taken up step by step, ended. A step holds the job's lock on its connection."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import cursor as Cursor

from db import gaps
from db.evidence import plain
from db.moments import micros, moment

QUEUED, RUNNING, DONE, PARTLY, FAILED, CANCELLED = "queued", "running", "done", "partly", "failed", "cancelled"
ALIVE = [QUEUED, RUNNING]
#: First half of the advisory lock's key, the second is the job's number. Any number, the same in every worker.
_LOCK = 7_301_044
MAX_REASON_CHARS = 1_000


@dataclass(slots=True)
class Job:
    """`from_us` to `to_us` bound it by the venue's clock; where `first` and `last` are set, it is about just these ids."""

    venue: str
    channel: str
    instruments: Sequence[str]
    from_us: int
    to_us: int
    first: int | None = None
    last: int | None = None
    gap_id: int | None = None
    backfill_id: int = 0
    state: str = QUEUED
    position: dict[str, Any] = field(default_factory=dict)
    progress: float = 0.0
    rows: int = 0
    requests: int = 0
    lacking: int = 0
    reason: str | None = None

    def note(self, reason: str) -> None:
        """Add to the reason, once and within its bound."""
        known, reason = self.reason or "", plain(reason)
        if reason not in known and len(known) < MAX_REASON_CHARS:
            self.reason = f"{known}; {reason}".removeprefix("; ")[:MAX_REASON_CHARS]


def ask(cursor: Cursor, job: Job) -> int | None:
    """Put a job into the queue; its number, or None when its gap has one already."""
    cursor.execute(
        "INSERT INTO backfills (venue, channel, instruments, from_at, to_at, first_number, last_number, gap_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING backfill_id",
        (
            job.venue,
            job.channel,
            list(job.instruments),
            moment(job.from_us),
            moment(job.to_us),
            job.first,
            job.last,
            job.gap_id,
        ),
    )
    found = cursor.fetchone()
    return None if found is None else int(found[0])


def alive(cursor: Cursor) -> int:
    cursor.execute("SELECT count(*) FROM backfills WHERE state = ANY(%s)", (ALIVE,))
    return int(cursor.fetchone()[0])  # type: ignore[index]


def due(cursor: Cursor, limit: int) -> list[int]:
    """Numbers of the jobs whose time has come, the longest waiting first."""
    cursor.execute("SELECT backfill_id FROM backfills WHERE state = ANY(%s) AND due_at <= now() ORDER BY due_at LIMIT %s", (ALIVE, limit))
    return [row[0] for row in cursor.fetchall()]


def next_due_seconds(cursor: Cursor) -> float | None:
    """How long until a job is due; None without one."""
    cursor.execute("SELECT extract(epoch FROM min(due_at) - now())::float8 FROM backfills WHERE state = ANY(%s)", (ALIVE,))
    found: float | None = cursor.fetchone()[0]  # type: ignore[index]
    return found


def lock(cursor: Cursor, backfill_id: int) -> bool:
    """Keep others from the job until `unlock`, or until this connection dies."""
    cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK, backfill_id % 2**31))
    return bool(cursor.fetchone()[0])  # type: ignore[index]


def unlock(cursor: Cursor, backfill_id: int) -> None:
    cursor.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCK, backfill_id % 2**31))


def load(cursor: Cursor, backfill_id: int) -> Job | None:
    """The job as it stands, or None when it is over."""
    cursor.execute(
        "SELECT from_at, to_at, venue, channel, instruments, first_number, last_number, gap_id, backfill_id, state, position, progress, "
        "rows, requests, lacking, reason FROM backfills WHERE backfill_id = %s AND state = ANY(%s)",
        (backfill_id, ALIVE),
    )
    found = cursor.fetchone()
    if found is None:
        return None
    start, end, venue, channel, instruments, *rest = found
    return Job(venue, channel, instruments, micros(start) or 0, micros(end) or 0, *rest)


def save(cursor: Cursor, job: Job, wait_seconds: float) -> bool:
    """Keep how far it is; it is taken up again after so long, unless it is over. False when somebody has ended it meanwhile."""
    cursor.execute(
        "UPDATE backfills SET state = %s, position = %s, progress = %s, rows = %s, requests = %s, lacking = %s, reason = %s, "
        "heartbeat_at = now(), due_at = now() + %s * INTERVAL '1 second', ended_at = CASE WHEN %s THEN NULL ELSE now() END "
        "WHERE backfill_id = %s AND state = ANY(%s)",
        (
            job.state,
            json.dumps(job.position, ensure_ascii=False),
            job.progress,
            job.rows,
            job.requests,
            job.lacking,
            job.reason,
            wait_seconds,
            job.state in ALIVE,
            job.backfill_id,
            ALIVE,
        ),
    )
    return cursor.rowcount == 1


def cancel(cursor: Cursor, backfill_id: int) -> bool:
    """End a job by hand; its gap stays as it is for good. False when there is none alive of this number."""
    cursor.execute(
        "UPDATE backfills SET state = %s, reason = concat_ws('; ', reason, 'cancelled by hand'), ended_at = now() "
        "WHERE backfill_id = %s AND state = ANY(%s) RETURNING gap_id",
        (CANCELLED, backfill_id, ALIVE),
    )
    found = cursor.fetchone()
    if found is not None and found[0] is not None:
        gaps.move(cursor, found[0], gaps.UNFILLABLE, "its backfill was cancelled by hand", backfill=backfill_id)
    return found is not None


def standing(cursor: Cursor, job: Job, *, any_end: bool, any_instruments: bool) -> int | None:
    """The number of a live job by hand that is after the same, whatever its end or its instruments are where those were left open."""
    cursor.execute(
        "SELECT backfill_id FROM backfills WHERE venue = %s AND channel = %s AND from_at = %s AND (%s OR to_at = %s) "
        "AND (%s OR instruments = %s) AND gap_id IS NULL AND state = ANY(%s) ORDER BY backfill_id DESC LIMIT 1",
        (job.venue, job.channel, moment(job.from_us), any_end, moment(job.to_us), any_instruments, list(job.instruments), ALIVE),
    )
    found = cursor.fetchone()
    return None if found is None else int(found[0])
