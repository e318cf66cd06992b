"""What independent sources said of what is stored, counted by instrument and hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from db.moments import moment
from db.queries import sql

HOUR_US = 3_600_000_000
BOOK, VOLUME = "book", "volume"
#: (instrument_id, shard, begin and end of the minute, volume of its candle, volume of its trades)
Minute = tuple[int, str, datetime, datetime, float, float]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """One comparison. `agrees` None: it proves nothing, as what is compared was just changing. `at_us`: our clock at the look, or the
    venue's where a time is compared."""

    venue: str
    channel: str
    instrument_id: int
    subject: str
    at_us: int
    agrees: bool | None
    detail: str | None = None


def count(cursor: Cursor, found: Sequence[Witnessed]) -> None:
    """Add comparisons to those of their hours."""
    rows = [
        (
            *(one.venue, one.channel, one.instrument_id, moment(one.at_us // HOUR_US * HOUR_US), one.subject),
            *(1, int(one.agrees is True), int(one.agrees is False)),
            moment(one.at_us) if one.agrees is True else None,
            moment(one.at_us) if one.agrees is False else None,
            one.detail,
        )
        for one in found
    ]
    # One row must not be met twice by one statement; and two writers that come in one order never wait for each other in a ring.
    while rows:
        batch = {row[:5]: row for row in reversed(rows)}
        execute_values(
            cursor,
            "INSERT INTO witnesses AS w (venue, channel, instrument_id, hour, subject, looks, agreed, disagreed, agreed_at, disagreed_at, detail) "
            "VALUES %s ON CONFLICT (venue, channel, instrument_id, hour, subject) DO UPDATE SET looks = w.looks + 1, "
            "agreed = w.agreed + excluded.agreed, disagreed = w.disagreed + excluded.disagreed, "
            "agreed_at = greatest(w.agreed_at, excluded.agreed_at), disagreed_at = greatest(w.disagreed_at, excluded.disagreed_at), "
            "detail = coalesce(excluded.detail, w.detail)",
            sorted(batch.values()),
            template="(%s, %s, %s, %s, %s, %s, %s, %s, %s::timestamptz, %s::timestamptz, %s)",
        )
        taken = set(map(id, batch.values()))
        rows = [row for row in rows if id(row) not in taken]


# --- trades against candles -----------------------------------------------------------------------------------------------
def volumes(cursor: Cursor, venue: str, channel: str, since: datetime, until: datetime, slack: timedelta) -> list[Minute]:
    """Minutes that began within the times, of which no loss is known within `slack` of them."""
    parameters = {"venue": venue, "channel": channel, "since": since, "until": until, "slack": slack}
    cursor.execute(sql("witness_volumes"), parameters)
    return cursor.fetchall()


def open_gap(cursor: Cursor, look: Witnessed, shard: str, begins: datetime, ends: datetime) -> None:
    cursor.execute(
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, event_from, event_to, state, detail) "
        "VALUES (%s, %s, %s, %s, 'witness', %s, %s, 'missing', %s)",
        (look.venue, look.channel, shard, look.instrument_id, begins, ends, look.detail),
    )


def looked_until(cursor: Cursor, venue: str, channel: str) -> datetime | None:
    cursor.execute("SELECT (value #>> '{}')::timestamptz FROM system_metadata WHERE key = %s", (_key(venue, channel),))
    found = cursor.fetchone()
    return found[0] if found else None


def look_on(cursor: Cursor, venue: str, channel: str, until: datetime) -> None:
    """The next look begins there."""
    cursor.execute(
        "INSERT INTO system_metadata (key, value, updated_at) VALUES (%s, to_jsonb(%s::timestamptz), now()) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        (_key(venue, channel), until),
    )


def _key(venue: str, channel: str) -> str:
    return f"witness:{venue}:{channel}"
