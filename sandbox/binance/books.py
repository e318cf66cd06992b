"""Order books for the diff-depth streams and REST depth: kept only for instruments that somebody looks at.

The chain is U..u with pu = the u before it, per instrument and speed; a REST snapshot falls on a step of the book.
"""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.engine import Market

LEVELS = 120
CHANGES = 6


class Diff(NamedTuple):
    first: int
    last: int
    previous: int
    bids: dict[int, int]
    asks: dict[int, int]


@dataclass
class Book:
    """Levels in ticks -> size in steps; each step of it takes a range of update ids."""

    last: int
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    pending: dict[str, tuple[int, dict[int, int], dict[int, int]]] = field(default_factory=dict)

    def set(self, bids: dict[int, int], asks: dict[int, int], last: int) -> None:
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for tick, steps in changes.items():
                if steps:
                    side[tick] = steps
                else:
                    side.pop(tick, None)
        self.last = last
        for _, waiting_bids, waiting_asks in self.pending.values():
            waiting_bids.update(bids)
            waiting_asks.update(asks)


class Books:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._random = random.Random(market.seed)
        self._books: dict[int, Book] = {}

    def book(self, symbol: int) -> Book:
        if symbol not in self._books:
            self._market.update_id += 1
            self._books[symbol] = Book(self._market.update_id)
            self.step(symbol)
        return self._books[symbol]

    def forget(self, keep: set[int]) -> None:
        """A book nobody looks at any more is begun anew when somebody does."""
        for symbol in set(self._books) - keep:
            del self._books[symbol]

    def step(self, symbol: int) -> None:
        """Follow the model's best prices and change some levels behind them."""
        book, market = self._books[symbol], self._market
        bid, ask = int(market.mid[symbol]), int(market.ask[symbol])
        bids = self._changes(book.bids, bid, -1, int(market.bid_steps[symbol]))
        asks = self._changes(book.asks, ask, 1, int(market.ask_steps[symbol]))
        market.update_id += self._random.randint(2, 12)
        book.set(bids, asks, market.update_id)

    def _changes(self, side: dict[int, int], best: int, away: int, best_steps: int) -> dict[int, int]:
        changes = {tick: 0 for tick in side if (tick - best) * away < 0 or abs(tick - best) > LEVELS}
        for distance in range(LEVELS) if not side else self._random.sample(range(1, LEVELS), CHANGES):
            tick = best + away * distance
            deleted = tick in side and self._random.random() < 0.2
            if tick > 0:
                changes[tick] = 0 if deleted else max(1, int(best_steps * self._random.lognormvariate(0, 0.8)))
        return changes | {best: best_steps}

    def watch(self, symbol: int, speed: str) -> None:
        book = self.book(symbol)
        book.pending.setdefault(speed, (book.last, {}, {}))

    def diff(self, symbol: int, speed: str) -> Diff | None:
        """What changed since the last event of this speed."""
        book = self._books[symbol]
        previous, bids, asks = book.pending[speed]
        if book.last == previous:
            return None
        book.pending[speed] = (book.last, {}, {})
        return Diff(previous + 1, book.last, previous, bids, asks)
