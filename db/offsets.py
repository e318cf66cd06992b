"""How far each journal stream is written. An offset moves only in the transaction of its rows, and only from where it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg2.extensions import cursor as Cursor

from db.evidence import Place
from db.moments import micros, moment

#: First half of the advisory lock's key; the second is the group. Any number, the same in every writer.
DRAIN_LOCK = 7_301_043


class Fenced(Exception):
    """Another writer moved the offset: what was about to be written is there already, or the stream has a new owner."""


@dataclass(slots=True)
class Counts:
    """What one transaction adds to a stream's totals."""

    entries: int = 0
    frames: int = 0
    rows: int = 0
    repeated: int = 0
    ignored: int = 0
    quarantined: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Offset:
    last_id: str
    connections: Mapping[str, Any]
    last_event_us: int | None = None
    last_received_us: int | None = None
    heard_from_us: int | None = None  # the first frame ever
    heard_to_us: int | None = None  # newest moment of any entry


@dataclass(frozen=True, slots=True)
class Advance:
    """From where to where one stream moves, and what it saw on the way. `shared`: other replicas write the same place, and
    `heard_before_us` is up to when this one had been read."""

    stream: str
    before: str
    after: Offset
    counts: Counts = field(default_factory=Counts)
    shared: bool = False
    heard_before_us: int | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        venue, channel, shard, _ = self.stream.split(":")
        return venue, channel, shard

    @property
    def replica(self) -> str:
        return self.stream.rpartition(":")[2]


def lock_group(cursor: Cursor, group: int) -> bool:
    """Take the group's lock on this connection; PostgreSQL frees it when the connection dies, however it dies."""
    cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", (DRAIN_LOCK, group))
    return bool(cursor.fetchone()[0])  # type: ignore[index]


def unlock_groups(cursor: Cursor) -> None:
    """Give back what `lock_group` took on this connection, if anything."""
    cursor.execute("SELECT pg_advisory_unlock_all()")


def load(cursor: Cursor, stream: str, place: Place) -> Offset:
    """Where a stream stands; one not known yet begins at the start."""
    cursor.execute(
        "INSERT INTO stream_offsets (stream, venue, channel, shard, last_id, updated_at) VALUES (%s, %s, %s, %s, '0-0', now()) "
        "ON CONFLICT (stream) DO NOTHING",
        (stream, place.venue, place.channel, place.shard),
    )
    cursor.execute(
        "SELECT last_id, connections, last_event_at, last_received_at, heard_from, heard_to FROM stream_offsets WHERE stream = %s",
        (stream,),
    )
    last_id, connections, *times = cursor.fetchone()  # type: ignore[misc]
    return Offset(last_id, connections, *map(micros, times))


def streams(cursor: Cursor) -> list[str]:
    """Every stream that was ever read."""
    cursor.execute("SELECT stream FROM stream_offsets")
    return [name for (name,) in cursor.fetchall()]


def committed(cursor: Cursor, stream: str) -> str:
    """Journal id of the last entry of a stream whose rows are committed."""
    cursor.execute("SELECT last_id FROM stream_offsets WHERE stream = %s", (stream,))
    found = cursor.fetchone()
    return "0-0" if found is None else str(found[0])


def stand(cursor: Cursor, stream: str, place: Place, connections: Mapping[str, Any]) -> None:
    """Let a stream that was never read begin with connections that are known already."""
    cursor.execute(
        "INSERT INTO stream_offsets (stream, venue, channel, shard, last_id, connections, updated_at) VALUES (%s, %s, %s, %s, '0-0', %s, now())",
        (stream, place.venue, place.channel, place.shard, json.dumps(connections)),
    )


def rewind(cursor: Cursor, stream: str, offset: Offset) -> Offset:
    """Begin the stream anew: its journal was lost and now counts from lower ids. Rows already written are known by their keys."""
    cursor.execute("UPDATE stream_offsets SET last_id = '0-0' WHERE stream = %s AND last_id = %s", (stream, offset.last_id))
    return replace(offset, last_id="0-0")


def advance(cursor: Cursor, step: Advance) -> None:
    """Raises Fenced when the offset is not where this writer left it."""
    counts = step.counts
    cursor.execute(
        "UPDATE stream_offsets SET last_id = %s, connections = %s, entries = entries + %s, frames = frames + %s, rows = rows + %s, "
        "repeated = repeated + %s, ignored = ignored + %s, quarantined = quarantined + %s, lost = lost + %s, "
        "last_event_at = coalesce(%s, last_event_at), last_received_at = coalesce(%s, last_received_at), "
        "heard_from = coalesce(heard_from, %s), heard_to = greatest(heard_to, %s), updated_at = clock_timestamp() "
        "WHERE stream = %s AND last_id = %s",
        (
            step.after.last_id,
            json.dumps(step.after.connections),
            counts.entries,
            counts.frames,
            counts.rows,
            counts.repeated,
            counts.ignored,
            counts.quarantined,
            counts.lost,
            moment(step.after.last_event_us),
            moment(step.after.last_received_us),
            moment(step.after.heard_from_us),
            moment(step.after.heard_to_us),
            step.stream,
            step.before,
        ),
    )
    if cursor.rowcount != 1:
        raise Fenced(f"{step.stream} is no longer at {step.before}")
