"""What is there of an instrument: the numbers of its sequence, the count of its rows. Times bound every look, as tables are cut by time."""

from typing import Any

import numpy as np
from psycopg2.extensions import cursor as Cursor

from core.records import Kind
from db.moments import moment


def instrument_id(cursor: Cursor, venue: str, symbol: str) -> int | None:
    cursor.execute("SELECT instrument_id FROM instruments WHERE venue = %s AND symbol = %s", (venue, symbol))
    found = cursor.fetchone()
    return None if found is None else int(found[0])


def numbers(
    cursor: Cursor, kind: Kind, instrument: int | None, first: int, last: int | None, since_us: int, until_us: int, *, limit: int | None
) -> tuple[Any, Any]:
    """(numbers, event times in us) as int64 arrays, of rows with first <= number <= last within the times, both included; in the order
    of time, at most `limit` (None: all)."""
    if instrument is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    cursor.execute(
        f"SELECT {kind.sequence}, (extract(epoch FROM event_at) * 1000000)::int8 FROM {kind.name} "
        f"WHERE instrument_id = %s AND event_at BETWEEN %s AND %s AND {kind.sequence} BETWEEN %s AND %s "
        f"ORDER BY event_at, {kind.sequence} LIMIT %s",
        (instrument, moment(since_us), moment(until_us), first, 2**63 - 1 if last is None else last, limit),
    )
    found = np.array(cursor.fetchall(), np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def count(cursor: Cursor, kind: Kind, venue: str, symbol: str | None, since_us: int, until_us: int) -> int:
    """Rows of an instrument, or (None) of all of the venue, with since <= event_at < until."""
    cursor.execute(
        f"SELECT count(*) FROM {kind.name} WHERE event_at >= %s AND event_at < %s "
        "AND instrument_id IN (SELECT instrument_id FROM instruments WHERE venue = %s AND (%s IS NULL OR symbol = %s))",
        (moment(since_us), moment(until_us), venue, symbol, symbol),
    )
    return int(cursor.fetchone()[0])  # type: ignore[index]


def newest(cursor: Cursor, kind: Kind, instrument: int | None, since_us: int, until_us: int) -> tuple[int, int] | None:
    """(number, event time in us) of the last row within the times, both included."""
    cursor.execute(
        f"SELECT {kind.sequence}, (extract(epoch FROM event_at) * 1000000)::int8 FROM {kind.name} "
        f"WHERE instrument_id = %s AND event_at BETWEEN %s AND %s ORDER BY event_at DESC, {kind.sequence} DESC LIMIT 1",
        (instrument, moment(since_us), moment(until_us)),
    )
    found = cursor.fetchone()
    return None if found is None else (int(found[0]), int(found[1]))
