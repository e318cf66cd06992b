"""How market data is kept, as statements: chunks and policies as farm.toml says, and dropping what has had its time, behind its guards.

What a writer may not do by itself it does by the functions of migration 0013, which run as the owner.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor

from core.records import KINDS, QUOTES, TRADES
from core.storage import BARS, Kept
from db import rollups
from db.engine import Connection
from db.queries import sql

#: What wants a lock that others have is done at the next run; behind one that waits, everybody waits.
_LOCKS = "SET LOCAL lock_timeout = '5s'"
#: Sizes are kept so long: a forecast looks at the last days, and an operator at the weeks before.
_SIZES = "60 days"
#: What bars are made of.
ROLLED = (QUOTES.name, TRADES.name)
#: What `drop` says beside the names of guards: a late row is being written, or somebody reads for long.
IN_USE = "in use"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of `table` with event_at from `since` on and before `until`, as one relation (schema and name)."""

    table: str
    name: str
    since: datetime
    until: datetime


#: Asked in the transaction that will drop a chunk, while nobody can add a row to it: before which time of event_at all of its table is done
#: with; None: nothing yet.
Guard = Callable[[Cursor, Chunk], datetime | None]


def apply(connection: Connection, table: str, kept: Kept) -> bool:
    """Make it so, in one transaction; False when it was so. On the Apache edition nothing is compressed."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_LOCKS)
        cursor.execute("SELECT storage_apply(%s, %s, %s, %s)", (table, kept.chunk, kept.compress_after, kept.drop_after))
        return bool(cursor.fetchone()[0])  # type: ignore[index]


def expired(connection: Connection) -> list[Chunk]:
    """Chunks whose time has passed, a table's oldest first."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name, chunk, since, until FROM storage_expired() ORDER BY table_name, since")
        return [Chunk(*row) for row in cursor.fetchall()]


def drop(connection: Connection, chunk: Chunk, guards: Mapping[str, Guard]) -> list[str]:
    """Drop an expired chunk if its guards allow it, in the transaction in which they are asked; returns those that hold it back, or that
    somebody uses it.

    A guard that the table has and `guards` has not holds it too. What each said is kept for `./farm storage`.
    """
    try:
        return _drop(connection, chunk, guards)
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        return [IN_USE]


def _drop(connection: Connection, chunk: Chunk, guards: Mapping[str, Guard]) -> list[str]:
    with connection, connection.cursor() as cursor:
        cursor.execute(_LOCKS)
        cursor.execute("SELECT storage_hold(%s)", (chunk.name,))
        cursor.execute("SELECT guard FROM storage_guards WHERE table_name = %s ORDER BY guard", (chunk.table,))
        holding = []
        for (name,) in cursor.fetchall():
            until = guards[name](cursor, chunk) if name in guards else None
            cursor.execute(
                "UPDATE storage_guards SET safe_until = %s, checked_at = now() WHERE table_name = %s AND guard = %s",
                (until, chunk.table, name),
            )
            if until is None or until < chunk.until:
                holding.append(name)
        if not holding:
            if chunk.table in ROLLED:
                rollups.raw_dropped(cursor, chunk.until)
            cursor.execute("SELECT storage_drop(%s)", (chunk.name,))
        return holding


def received_before(done: Callable[[Cursor, str], datetime | None]) -> Guard:
    """A guard of what is done by our clock, venue by venue: `done` says before which time everything that a venue sent is (the raw archive's
    is so). What came late is as late as it came, so that the whole chunk is read."""

    def guard(cursor: Cursor, chunk: Chunk) -> datetime | None:
        lacking = [until for venue, newest in received(cursor, chunk).items() if (until := done(cursor, venue)) is None or until <= newest]
        if None in lacking:
            return None
        return min([chunk.since, *filter(None, lacking)]) if lacking else chunk.until

    return guard


def received(cursor: Cursor, chunk: Chunk) -> dict[str, datetime]:
    """venue -> when the last of its rows in the chunk arrived, by our clock; what came late is as late as it came. Reads the whole chunk."""
    cursor.execute(
        "SELECT coalesce(i.venue, ''), max(c.newest) FROM (SELECT instrument_id, max(received_at) AS newest "
        f"  FROM {KINDS[chunk.table].name} WHERE event_at >= %s AND event_at < %s GROUP BY 1) c "
        "LEFT JOIN instruments i USING (instrument_id) GROUP BY 1",
        (chunk.since, chunk.until),
    )
    return dict(cursor.fetchall())


def measure(connection: Connection, disks: Iterable[Mapping[str, int | str]]) -> None:
    """Write down for this hour how large tables are, and how full disks: {"path", "used_bytes", "free_bytes"}."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, sum(hypertable_size(format('%I.%I', hypertable_schema, hypertable_name)::regclass))::bigint, NULL::bigint "
            "FROM storage_hypertables() GROUP BY 1"
        )
        rows = cursor.fetchall() + [(f"disk {disk['path']}", disk["used_bytes"], disk["free_bytes"]) for disk in disks]
        for row in rows:
            cursor.execute(
                "INSERT INTO storage_sizes (subject, hour, measured_at, bytes, free_bytes) "
                "VALUES (%s, date_trunc('hour', now(), 'UTC'), now(), %s, %s) ON CONFLICT (subject, hour) DO UPDATE "
                "SET measured_at = excluded.measured_at, bytes = excluded.bytes, free_bytes = excluded.free_bytes",
                row,
            )
        cursor.execute("DELETE FROM storage_sizes WHERE hour < now() - %s::interval", (_SIZES,))


def look(cursor: Cursor, name: str) -> list[dict[str, Any]]:
    """Rows of db/queries/<name>.sql: `storage_tables` as they lie on the disk, `storage_growth` of them and of disks, what is held back
    (`storage_held`)."""
    cursor.execute(sql(name))
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def ends(
    cursor: Cursor, table: str, first: tuple[datetime, datetime], last: tuple[datetime, datetime]
) -> tuple[datetime | None, datetime | None]:
    """Time of a table's oldest and newest row, looked for within its first and its last chunk, by the index of each instrument."""
    name, at = (KINDS[table].name, "event_at") if table in KINDS else (BARS[table], "bucket")
    found = []
    for edge, (since, until) in (("min", first), ("max", last)):
        cursor.execute(
            f"SELECT {edge}(r.at) FROM instruments i, LATERAL (SELECT {edge}({at}) AS at FROM {name} t "
            f"  WHERE t.instrument_id = i.instrument_id AND t.{at} >= %s AND t.{at} < %s) r",
            (since, until),
        )
        found.append(cursor.fetchone()[0])  # type: ignore[index]
    return found[0], found[1]


def edition(cursor: Cursor) -> str:
    """community or apache; the second has neither compression nor policies."""
    cursor.execute("SELECT current_setting('timescaledb.license')")
    return "community" if cursor.fetchone() == ("timescale",) else "apache"
