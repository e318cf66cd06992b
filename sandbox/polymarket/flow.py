"""The order flow: how the book of a market changes next, one order at a time. Seeded; knows no socket and no file."""

import random
from typing import NamedTuple

from sandbox.polymarket.books import ASK, BID, MICRO, SHOWN, Book
from sandbox.polymarket.universe import UNIT, Market

TRADE_SHARE = 0.12
SWEEP_SHARE = 0.1  # of the trades: they take a whole level and part of the next
LEVELS, FIRST_LEVELS = 40, 12  # a side has at most, and at first
DEPTH = 24  # ticks behind the best within which orders come and go
LEAST = 5 * MICRO


class Fill(NamedTuple):
    """What is printed: the taker's token, its price and size."""

    token: int
    bought: bool
    units: int
    micro: int


class Change(NamedTuple):
    """What stands at a price of the first token now; 0: nothing."""

    side: int
    units: int
    micro: int


class Step(NamedTuple):
    changes: list[Change]
    fills: list[Fill]


class Flow:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._books: dict[int, Book] = {}
        self._anchors: dict[int, float] = {}  # where the price is drawn to, in units
        self._targets: dict[int, float] = {}
        self._settled: set[int] = set()

    def book(self, market: Market, now_ms: int) -> Book:
        """A book that nobody has asked for yet is filled now; a scripted one is empty until the script comes to it."""
        book = self._books.get(market.number)
        if book is None:
            book = self._books[market.number] = Book()
            for side in () if market.scripted else (BID, ASK):
                best = self._wanted(market, side, self.target(market))
                for distance in range(FIRST_LEVELS):
                    units = best - side * distance * market.tick
                    if market.tick <= units <= UNIT - market.tick:
                        book.set(side, units, self._size())
            book.stamp(market, now_ms)
        return book

    def forget(self, market: Market) -> None:
        for kept in (self._books, self._anchors, self._targets):
            kept.pop(market.number, None)
        self._settled.discard(market.number)

    def target(self, market: Market) -> float:
        if market.number not in self._targets:
            anchor = self._anchors.setdefault(market.number, UNIT * random.Random(market.condition).uniform(0.06, 0.94))
            self._targets[market.number] = anchor
        return self._targets[market.number]

    def settle_at(self, market: Market, units: float) -> None:
        """The outcome is known to the market: the price goes there and stays."""
        self._anchors[market.number] = self._targets[market.number] = units
        self._settled.add(market.number)

    def step(self, market: Market, now_ms: int) -> Step:
        book = self.book(market, now_ms)
        target = self._drift(market)
        if self.random.random() < TRADE_SHARE and (book.bids or book.asks):
            return self._trade(book)
        side = BID if self.random.random() < 0.5 else ASK
        return Step([self._order(market, book, side, target) or self._order(market, book, -side, target) or self._first(market)], [])

    def _drift(self, market: Market) -> float:
        target, anchor = self.target(market), self._anchors[market.number]
        if market.number in self._settled:
            return target
        step = self.random.choice((-1, 0, 0, 1)) * market.tick / 2
        target = min(max(target + step + (anchor - target) * 0.01, market.tick / 2), UNIT - market.tick / 2)
        self._targets[market.number] = target
        return target

    def _wanted(self, market: Market, side: int, target: float) -> int:
        """The best price of a side that a target allows; out of bounds where that side should be empty."""
        tick = market.tick
        return int((target - tick / 2) // tick) * tick if side == BID else -int(-(target + tick / 2) // tick) * tick

    def _order(self, market: Market, book: Book, side: int, target: float) -> Change | None:
        levels, wanted = (book.bids, self._wanted(market, BID, target)) if side == BID else (book.asks, self._wanted(market, ASK, target))
        best = (max(levels) if side == BID else min(levels)) if levels else None
        if best is not None and (best - wanted) * side > 0:
            return Change(side, best, 0)
        if not market.tick <= wanted <= UNIT - market.tick:
            return None
        if best is None or best != wanted:
            crossed = book.best_ask <= wanted if side == BID else book.best_bid >= wanted
            return Change(-side, book.best_ask if side == BID else book.best_bid, 0) if crossed else Change(side, wanted, self._size())
        if len(levels) > LEVELS:
            return Change(side, min(levels) if side == BID else max(levels), 0)
        return self._behind(market, levels, side, best)

    def _behind(self, market: Market, levels: dict[int, int], side: int, best: int) -> Change:
        units = best - side * self.random.randrange(DEPTH) * market.tick
        if not market.tick <= units <= UNIT - market.tick:
            units = best
        gone = units in levels and units != best and self.random.random() < 0.4
        return Change(side, units, 0 if gone else self._size(units, levels))

    def _first(self, market: Market) -> Change:
        return Change(BID, market.tick, self._size())

    def _size(self, units: int = 0, levels: dict[int, int] | None = None) -> int:
        """Another one than stands there: an order that changes nothing is no event."""
        while True:
            micro = max(LEAST, int(self.random.lognormvariate(5, 1.4) * 100) * SHOWN)
            if levels is None or levels.get(units) != micro:
                return micro

    def _trade(self, book: Book) -> Step:
        lifted = bool(book.asks) and (not book.bids or self.random.random() < 0.5)
        side, levels = (ASK, book.asks) if lifted else (BID, book.bids)
        prices = sorted(levels, reverse=not lifted)[: 2 if self.random.random() < SWEEP_SHARE else 1]
        second = self.random.random() < 0.5
        changes, fills = [], []
        for place, units in enumerate(prices):
            whole = place < len(prices) - 1
            micro = levels[units] if whole else self._taken(levels[units])
            left = levels[units] - micro
            changes.append(Change(side, units, left if left >= SHOWN else 0))
            fills.append(Fill(1, not lifted, UNIT - units, micro) if second else Fill(0, lifted, units, micro))
        return Step(changes, fills)

    def _taken(self, micro: int) -> int:
        part = min(int(micro * self.random.random() ** 2) + SHOWN, micro, 5_000 * MICRO)
        if self.random.random() < 0.8:  # the rest paid a round sum, and got an odd number of shares
            part -= part % SHOWN
        return max(part, SHOWN)
