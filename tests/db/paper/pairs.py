"""Two venues with a market each that ask one question."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor

from core.records import Instrument, Market
from db import instruments, markets
from db.paper import matches
from db.paper.matches import Decision

AT = 1_795_300_000_000_000
RAIN = Market("RAIN-1", "Will it rain in Oslo on Nov 23, 2026?", "active", (("RAIN-1", "Rain"),), "Any drop counts.", closes_at_us=AT)
RAIN_TOO = Market(
    "0xabc", "Oslo: rain on November 23?", "active", (("11", "Yes"), ("12", "No")), "One drop is enough.", closes_at_us=AT + 5
)
BOTH = Decision("ada", "Rain", "Yes")


class Markets:
    """Markets as their venues describe them; a later description is a minute later."""

    def __init__(self, connection: RawConnection) -> None:
        self.connection, self._at = connection, AT

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        with self.connection, self.connection.cursor() as cursor:
            yield cursor

    def say(self, venue: str, *listed: Market) -> list[int]:
        """Keys."""
        self._at += 60_000_000
        with self.cursor() as cursor:
            tokens = [Instrument(symbol, one.status) for one in listed for symbol, _ in one.outcomes]
            instruments.describe(cursor, venue, tokens, complete=False, at_us=self._at)
            markets.describe(cursor, venue, listed, at_us=self._at)
            return [markets.key_of(cursor, venue, one.market_id) or 0 for one in listed]

    def pair(self, a: Market = RAIN, b: Market = RAIN_TOO) -> int:
        keys = [*self.say("here", a), *self.say("there", b)]
        with self.cursor() as cursor:
            return matches.enter(cursor, *keys)

    def confirmed(self, decision: Decision = BOTH) -> int:
        number = self.pair()
        with self.cursor() as cursor:
            matches.confirm(cursor, number, decision)
        return number
