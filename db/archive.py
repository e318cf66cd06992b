"""How far the raw archive is, for who may drop nothing that it lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from db.moments import moment
from db.queries import sql


@dataclass(frozen=True, slots=True)
class Archived:
    """Of one journal stream: everything that was appended before `to_us` is on disk up to `last_id`, or counted in `missed`."""

    stream: str
    last_id: str
    to_us: int
    missed: int


def tell(cursor: Cursor, streams: Sequence[Archived]) -> None:
    rows = [(one.stream, *one.stream.split(":")[:2], one.last_id, moment(one.to_us), one.missed) for one in streams]
    execute_values(
        cursor,
        "INSERT INTO archived_streams (stream, venue, channel, last_id, archived_to, missed, updated_at) VALUES %s "
        "ON CONFLICT (stream) DO UPDATE SET last_id = excluded.last_id, archived_to = excluded.archived_to, missed = excluded.missed, "
        "updated_at = excluded.updated_at",
        rows,
        template="(%s, %s, %s, %s, %s, %s, clock_timestamp())",
    )


def archived_until(cursor: Cursor, venue: str | None = None) -> datetime | None:
    """Everything that was appended to the journal before is archived, of one venue or of all; what a streamer did not have to spool was
    received some milliseconds before it was appended. None while a stream that was ever read has not been archived at all.

    A stream of which all that is committed is on disk keeps nothing waiting: a shard or replica of former times would for ever."""
    cursor.execute(sql("archived_until"), {"venue": venue})
    lacking, until = cursor.fetchone()  # type: ignore[misc]
    return None if lacking else until
