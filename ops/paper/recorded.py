"""What was recorded of the legs of pairs, as the events that the paper engine would have been told, in the order of our clock.

A book is told at each moment in which rows of it were received. From a gap on it is not to be trusted, until its next whole state: where the
live engine would have noticed only after a while, a replay knows at once.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

from db import engine, queries
from db.moments import micros, moment
from paper.events import BookMoved, Event, MarketSaid, ResultSaid, VenuePaused
from paper.values import Book, Level, Pair
from tasks.paper_books import exact

#: Rows that are fetched at a time.
PAGE_ROWS = 20_000
#: As many as the writers tell.
LEVELS = 50
#: Kinds of rows, in the order in which they count at one moment.
_STATE, _CHANGE, _LOST = 0, 1, 2
_BID = 1


class Shown:
    """A book as its rows tell it; not trusted until a whole state has come."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[float, float]] = {1: {}, -1: {}}
        self.trusted = False
        self._state: tuple[Any, ...] = ()
        self.event_us = 0

    def take(self, kind: int, event_us: int, update_id: int, side: int, price: float, quantity: float) -> None:
        if kind == _LOST:
            self.trusted = False
            return
        if kind == _STATE and (event_us, update_id) != self._state:
            self._state, self.trusted, self.sides = (event_us, update_id), True, {1: {}, -1: {}}
        if quantity > 0:
            self.sides[side][price] = quantity
        else:
            self.sides[side].pop(price, None)
        self.event_us = event_us

    def book(self, at_us: int) -> Book:
        return Book(self._levels(_BID), self._levels(-_BID), self.event_us, at_us, self.trusted)

    def _levels(self, side: int) -> tuple[Level, ...]:
        levels = self.sides[side]
        return tuple((exact(price), exact(levels[price])) for price in sorted(levels, reverse=side == _BID)[:LEVELS])


def events(url: str, pairs: Sequence[Pair], since_us: int, until_us: int) -> Iterator[Event]:
    """Everything but the pairs themselves and the clock. Raises engine.UNREACHABLE."""
    legs = [leg for pair in pairs for leg in (pair.a, pair.b)]
    asked: dict[str, Any] = {
        "instruments": sorted({leg.instrument_id for leg in legs}),
        "markets": sorted({leg.market_key for leg in legs}),
        "venues": sorted({leg.venue for leg in legs}),
        "since": moment(since_us),
        "until": moment(until_us),
    }
    with closing(engine.connect(url, name="tapefarm paper replay")) as connection:
        connection.set_session(readonly=True, isolation_level="REPEATABLE READ")
        told = (_said(_rows(connection, name, asked), make) for name, make in _MADE.items())
        yield from heapq.merge(_moves(_rows(connection, "paper_replay_books", asked)), *told, key=_order)


def _order(event: Event) -> tuple[int, int]:
    """What is said of a market comes before what its book shows at the same moment."""
    return event.at_us, isinstance(event, BookMoved)


def _rows(connection: Any, name: str, asked: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name) as cursor:
        cursor.itersize = PAGE_ROWS
        cursor.execute(queries.sql(name), asked)
        yield from cursor


def _moves(rows: Iterable[tuple[Any, ...]]) -> Iterator[Event]:
    """`rows`: (received at, instrument, kind, event at, update id, side, price, quantity), in order."""
    known: dict[int, Shown] = {}
    for (at, instrument), group in groupby(rows, key=lambda row: row[:2]):
        shown, at_us = known.setdefault(instrument, Shown()), micros(at) or 0
        for _, _, kind, event_at, update_id, side, price, quantity in group:
            shown.take(kind, micros(event_at) or 0, update_id, side, price, quantity)
        yield BookMoved(at_us, instrument, shown.book(at_us))


def _said(rows: Iterable[tuple[Any, ...]], make: Callable[..., Event]) -> Iterator[Event]:
    for at, *words in rows:
        yield make(micros(at) or 0, *words)


_MADE: dict[str, Callable[..., Event]] = {
    "paper_replay_statuses": MarketSaid,
    "paper_replay_pauses": VenuePaused,
    "paper_replay_results": lambda at_us, number, source, status, payout: ResultSaid(
        at_us, number, source, status, None if payout is None else exact(payout)
    ),
}
