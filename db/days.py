"""Days that hold rows, told by who writes them: what is exported of a day that is over is as new as the counters it was made at.

A counter moves in the transaction that brings the rows, so whoever sees the one sees the other.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor

from core.records import Columns

DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)
#: So far the clocks of the database and of a writer may be apart: only the database says which day is over.
_SKEW_US = 300_000_000
#: Known days of a process; forgotten together, and asked for again.
_MOST_KNOWN = 10_000

#: (venue, kind, days since 1970)
Day = tuple[str, str, int]
_known: set[tuple[str, Day]] = set()


@dataclass(frozen=True, slots=True)
class Recorded:
    """Counters of one day of a venue's kind."""

    venue: str
    kind: str
    day: date
    changes: int
    judgements: int


def touched(rows: Iterable[tuple[str, str, Columns]]) -> set[Day]:
    """Of (venue, kind, columns): the days of event_at."""
    found: set[Day] = set()
    for venue, kind, columns in rows:
        events = columns["event_at"]
        if len(events):
            first, last = int(events.min()) // DAY_US, int(events.max()) // DAY_US
            days: Sequence[int] = [first] if first == last else sorted({int(day) for day in events // DAY_US})
            found.update((venue, kind, day) for day in days)
    return found


def mark(cursor: Cursor, days: Iterable[Day]) -> set[Day]:
    """Tell of rows of these days, as one of the last of a transaction: days that are over count one change each, in one order for all writers.
    Returns the days to `remember` once it is committed."""
    wanted, today = set(days), (time.time_ns() // 1000 + _SKEW_US) // DAY_US
    late = {day for day in wanted if day[2] < today}
    fresh = sorted(day for day in wanted if day in late or (cursor.connection.dsn, day) not in _known)
    if not fresh:
        return set()
    values = {
        "venues": [venue for venue, _, _ in fresh],
        "kinds": [kind for _, kind, _ in fresh],
        "days": [_EPOCH + timedelta(days=number) for _, _, number in fresh],
    }
    cursor.execute(
        "INSERT INTO recorded_days (venue, kind, day) SELECT * FROM unnest(%(venues)s::text[], %(kinds)s::text[], %(days)s::date[]) "
        "ON CONFLICT DO NOTHING",
        values,
    )
    if late:
        cursor.execute(
            "WITH late AS MATERIALIZED (SELECT r.venue, r.kind, r.day FROM recorded_days r "
            "  JOIN unnest(%(venues)s::text[], %(kinds)s::text[], %(days)s::date[]) t(venue, kind, day) USING (venue, kind, day) "
            "  WHERE r.day < (now() AT TIME ZONE 'UTC')::date ORDER BY r.venue, r.kind, r.day FOR UPDATE OF r) "
            "UPDATE recorded_days r SET changes = changes + 1 FROM late WHERE (r.venue, r.kind, r.day) = (late.venue, late.kind, late.day)",
            values,
        )
    return set(fresh)


def remember(connection: RawConnection, days: Iterable[Day]) -> None:
    """These days are committed."""
    if len(_known) > _MOST_KNOWN:
        _known.clear()
    _known.update((connection.dsn, day) for day in days)


def judged(cursor: Cursor, venue: str) -> None:
    """The hours in judged_hours were judged anew: tells those of days that are over, of whatever kind, as the last of a transaction."""
    cursor.execute(
        "WITH judged AS MATERIALIZED (SELECT r.venue, r.kind, r.day FROM recorded_days r WHERE r.venue = %s "
        "  AND r.day IN (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date FROM judged_hours) "
        "  AND r.day < (now() AT TIME ZONE 'UTC')::date ORDER BY r.venue, r.kind, r.day FOR UPDATE OF r) "
        "UPDATE recorded_days r SET judgements = judgements + 1 FROM judged j WHERE (r.venue, r.kind, r.day) = (j.venue, j.kind, j.day)",
        (venue,),
    )


def recorded(cursor: Cursor, since: date, until: date) -> dict[tuple[str, str, date], Recorded]:
    """Days from `since` up to `until`, which is not included, by (venue, kind, day)."""
    cursor.execute(
        "SELECT venue, kind, day, changes, judgements FROM recorded_days WHERE day >= %s AND day < %s ORDER BY day, venue, kind",
        (since, until),
    )
    return {(row[0], row[1], row[2]): Recorded(*row) for row in cursor.fetchall()}


def forget(cursor: Cursor, day: Recorded) -> None:
    """No rows of it were found, and none came since."""
    cursor.execute(
        "DELETE FROM recorded_days WHERE (venue, kind, day, changes) = (%s, %s, %s, %s)", (day.venue, day.kind, day.day, day.changes)
    )


def writers_since(cursor: Cursor, day: date) -> int:
    """Transactions of this account that began before the day was over and go on: they may bring rows of it and mark none."""
    cursor.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user "
        "AND pid <> pg_backend_pid() AND xact_start < %s::timestamp AT TIME ZONE 'UTC'",
        (day + timedelta(days=1),),
    )
    return int(cursor.fetchone()[0])  # type: ignore[index]
