"""Which bars a transaction makes stale: noted in it, with its rows, so that none is forgotten and none is made anew for nothing.

A note is a minute of an instrument. As long as nobody has looked for notes since (`rolled_bars.look`), one that is there will do for later rows
of its minute too; so live rows cost a note an instrument and minute, or a look, and a question a transaction.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from psycopg2.extensions import cursor as Cursor

from core.records import QUOTES, TRADES, Columns

#: What bars are made of.
ROLLED = (QUOTES.name, TRADES.name)
#: Nobody has looked for long; what is forgotten here is noted again.
MOST_NOTED = 200_000
_MINUTE_US = 60_000_000
#: An instrument_id has 31 bits; the minutes from 1970 have the other 32 until the year 10136.
_BITS = 31

#: (minutes since 1970) << 31 | instrument_id
Minute = int


def minutes(rows: Mapping[str, Sequence[Columns]]) -> frozenset[Minute]:
    """What the rows of these tables touch. Cheapest where they are sorted by instrument."""
    found: set[Minute] = set()
    for name in ROLLED:
        for part in rows.get(name, ()):
            keys = (np.asarray(part["event_at"], np.int64) // _MINUTE_US << _BITS) | np.asarray(part["instrument_id"], np.int64)
            if len(keys):
                found.update(keys[np.flatnonzero(keys[1:] != keys[:-1])].tolist(), (int(keys[-1]),))
    return frozenset(found)


class Touched:
    """What one connection has noted since the last look."""

    def __init__(self) -> None:
        self._look: int | None = None
        self._noted: set[Minute] = set()

    def note(self, cursor: Cursor, touched: frozenset[Minute]) -> frozenset[Minute]:
        """Note what is not noted yet; the last statement before the commit, as it holds a lock that a look waits for. Returns what is to be
        given to `committed` after it."""
        if not touched:
            return touched
        cursor.execute("SELECT rollups.looks()")
        (look,) = cursor.fetchone()  # type: ignore[misc]
        if look != self._look:
            self._look, self._noted = look, set()
        fresh = touched - self._noted
        if fresh:
            noted = sorted(fresh)
            cursor.execute(
                "INSERT INTO stale_bars (bars, instrument_id, from_at, to_at) "
                "SELECT 'bars_1m', instrument_id, to_timestamp(minute * 60), to_timestamp(minute * 60 + 60) "
                "FROM unnest(%s::int[], %s::bigint[]) AS noted(instrument_id, minute)",
                ([key & ((1 << _BITS) - 1) for key in noted], [key >> _BITS for key in noted]),
            )
        return fresh

    def committed(self, noted: frozenset[Minute]) -> None:
        self._noted |= noted
        if len(self._noted) > MOST_NOTED:
            self._noted = set()
