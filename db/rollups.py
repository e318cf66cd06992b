"""Bars of quotes and trades: taking what the writers have noted (db/touched.py) and making those bars anew, a transaction a part.

This is the Apache edition's way; on the community edition a job of the database does the same to continuous aggregates (migration 0012).
"""

from datetime import datetime

from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor

from db.queries import sql

#: A minute is rolled up so long after its end: what comes later costs a second rolling up of it.
SETTLED_SECONDS = 5
#: Minutes of instruments that are taken at one time: some thousand rows each at most, and a commit after some seconds at most.
MOST_NOTES = 2_000
#: A note of all instruments counts for so many: of what was recorded before there were bars they are ten minutes long.
WEIGHT_OF_ALL = 1_000
#: Any number, the same in every worker.
_LOCK = 7_301_047


def lock(cursor: Cursor) -> bool:
    """Keep others from rolling up until the end of the connection."""
    cursor.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
    return bool(cursor.fetchone()[0])  # type: ignore[index]


def by_the_database(cursor: Cursor) -> bool:
    """Whether this is the community edition."""
    cursor.execute("SELECT to_regclass('rollups.quotes_1s') IS NOT NULL")
    return bool(cursor.fetchone()[0])  # type: ignore[index]


def look(connection: RawConnection) -> int:
    """What is noted so far may be taken now; returns the newest note. Raises psycopg2.errors.LockNotAvailable when a writer stays in the
    middle of its commit."""
    # A transaction that ends with its statement: writers would wait for a client that is stopped in between.
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rollups.look(make_interval(secs => %s))", (SETTLED_SECONDS,))
            return int(cursor.fetchone()[0])  # type: ignore[index]
    finally:
        connection.autocommit = False


def minutes(cursor: Cursor, newest: int, *, most: int = MOST_NOTES) -> int:
    """Take notes of minutes that are over, the newest first, and make their seconds and minutes anew; returns how many notes. The hours
    that they belong to are stale then."""
    taken = _take(cursor, "bars_1m", newest, most)
    span = _span(cursor)
    if span is not None:
        cursor.execute(sql("roll_seconds"), span)
        cursor.execute(sql("roll_bars").format(bars="bars_1m", source="bars_1s", width="1 minute"), span)
        _note_hours(cursor)
    return taken


def hours(cursor: Cursor, *, most: int = MOST_NOTES) -> int:
    """The same for the hours that are over."""
    taken = _take(cursor, "bars_1h", None, most)
    span = _span(cursor)
    if span is not None:
        cursor.execute(sql("roll_bars").format(bars="bars_1h", source="bars_1m", width="1 hour"), span)
    return taken


def _take(cursor: Cursor, bars: str, newest: int | None, most: int) -> int:
    """Fill stale_windows: instruments and times that do not overlap."""
    cursor.execute(
        "CREATE TEMP TABLE IF NOT EXISTS stale_windows (instrument_id INTEGER NOT NULL, since TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL) "
        "ON COMMIT DELETE ROWS"
    )
    cursor.execute("TRUNCATE stale_windows")
    cursor.execute(sql("take_stale_bars"), {"bars": bars, "newest": newest, "most": most, "weight": WEIGHT_OF_ALL})
    return int(cursor.fetchone()[0])  # type: ignore[index]


def _span(cursor: Cursor) -> dict[str, datetime] | None:
    """From where to where the windows reach, so that a plan begins with the chunks of that time."""
    cursor.execute("ANALYZE stale_windows")
    cursor.execute("SELECT min(since), max(until) FROM stale_windows")
    since, until = cursor.fetchone()  # type: ignore[misc]
    return None if since is None else {"since": since, "until": until}


def _note_hours(cursor: Cursor) -> None:
    """One that goes on waits for its end with all its instruments at once."""
    cursor.execute(
        "WITH touched AS (SELECT DISTINCT CASE WHEN hour + INTERVAL '1 hour' <= closed_until THEN instrument_id END AS instrument_id, hour "
        "  FROM rolled_bars, stale_windows, "
        "  generate_series(date_trunc('hour', since, 'UTC'), until - INTERVAL '1 microsecond', INTERVAL '1 hour') hour) "
        "INSERT INTO stale_bars (bars, instrument_id, from_at, to_at) SELECT 'bars_1h', instrument_id, hour, hour + INTERVAL '1 hour' "
        "FROM touched t WHERE NOT EXISTS ("
        "  SELECT FROM stale_bars s WHERE s.bars = 'bars_1h' AND s.from_at = t.hour AND coalesce(s.instrument_id, 0) = coalesce(t.instrument_id, 0))"
    )


# --- what others ask ------------------------------------------------------------------------------------------------------
def rolled_until(cursor: Cursor) -> datetime | None:
    """Before this moment (of the venues' clocks) every row of quotes and trades that is in the database is in the bars, of every width. None:
    nothing has been rolled up yet. The hour that goes on is not over, so this is up to an hour and some minutes ago when all is well."""
    cursor.execute("SELECT least(closed_until, (SELECT min(from_at) FROM stale_bars)) FROM rolled_bars WHERE closed_until IS NOT NULL")
    found = cursor.fetchone()
    return found[0] if found else None


def raw_dropped(cursor: Cursor, until: datetime) -> None:
    """Quotes or trades before this moment are about to be dropped, in this transaction: their bars stay as they are, whatever comes late."""
    cursor.execute("UPDATE rolled_bars SET raw_from = greatest(raw_from, %s)", (until,))


def caught_up(cursor: Cursor) -> None:
    """Nothing that is over waits any more: whoever watches is told by this that rolling up goes on."""
    cursor.execute("UPDATE rolled_bars SET caught_up_at = clock_timestamp()")


def waiting(cursor: Cursor) -> int:
    """Notes that have not been looked after, of what goes on too."""
    cursor.execute("SELECT count(*) FROM stale_bars")
    return int(cursor.fetchone()[0])  # type: ignore[index]
