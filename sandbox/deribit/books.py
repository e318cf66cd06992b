"""Order books, kept only for instruments that somebody looks at, and the chain of changes of each channel."""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.deribit.market import Market

LEVELS = {True: 12, False: 40}  # options are thin
CHANGES = 4
STIRRED = 0.15  # share of beats in which something moves behind an unmoved best price

Side = dict[int, int]  # price in units -> lots


class Change(NamedTuple):
    action: str
    units: int
    lots: int


@dataclass
class Book:
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)
    best: tuple[int, ...] = ()
    change_id: int = 0


@dataclass
class Chain:
    """What the listeners of one channel have been told."""

    change_id: int
    bids: Side
    asks: Side


class Update(NamedTuple):
    previous_id: int
    change_id: int
    bids: list[Change]
    asks: list[Change]


class Books:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._random = random.Random(market.seed)
        self._books: dict[int, Book] = {}
        self._chains: dict[tuple[int, str], Chain] = {}

    def book(self, symbol: int) -> Book:
        if symbol not in self._books:
            self._books[symbol] = Book()
            self.step(symbol)
        return self._books[symbol]

    def forget(self, keep: set[tuple[int, str]]) -> None:
        """A book nobody looks at any more is begun anew when somebody does."""
        self._chains = {key: chain for key, chain in self._chains.items() if key in keep}
        symbols = {symbol for symbol, _ in keep}
        self._books = {symbol: book for symbol, book in self._books.items() if symbol in symbols}

    def follow(self, symbol: int) -> None:
        """Move on when the best prices did, and now and then behind them."""
        book, market = self.book(symbol), self._market
        best = (market.bid[symbol], market.ask[symbol], market.bid_lots[symbol], market.ask_lots[symbol])
        if best != book.best or self._random.random() < STIRRED:
            self.step(symbol)

    def step(self, symbol: int) -> None:
        book, market = self._books[symbol], self._market
        bid, ask = int(market.bid[symbol]), int(market.ask[symbol])
        tick = int(market.tick[symbol]) * (5 if max(bid, ask) >= market.wide_above[symbol] else 1)
        levels = LEVELS[bool(market.pricing.option[symbol])]
        self._move(book.bids, bid, -tick, levels, int(market.bid_lots[symbol]))
        self._move(book.asks, ask, tick, levels, int(market.ask_lots[symbol]))
        book.best = (market.bid[symbol], market.ask[symbol], market.bid_lots[symbol], market.ask_lots[symbol])
        market.change_id += self._random.randint(2, 900)
        book.change_id = market.change_id

    def _move(self, side: Side, best: int, away: int, levels: int, lots: int) -> None:
        sign = 1 if away > 0 else -1
        for units in [units for units in side if not best or (units - best) * sign < 0 or abs(units - best) > levels * abs(away)]:
            del side[units]
        if not best:
            return
        for distance in range(levels) if not side else self._random.sample(range(1, levels), CHANGES):
            units = best + away * distance
            if units in side and self._random.random() < 0.3:
                del side[units]
            elif units > 0:
                side[units] = max(1, int(lots * self._random.lognormvariate(0, 0.8)))
        side[best] = lots

    def chain(self, symbol: int, interval: str) -> Chain:
        key = (symbol, interval)
        if key not in self._chains:
            book = self.book(symbol)
            self._chains[key] = Chain(book.change_id, dict(book.bids), dict(book.asks))
        return self._chains[key]

    def update(self, symbol: int, interval: str) -> Update | None:
        """What changed since the last update of this channel."""
        chain, book = self.chain(symbol, interval), self.book(symbol)
        bids, asks = changes(chain.bids, book.bids), changes(chain.asks, book.asks)
        if not bids and not asks:
            return None
        update = Update(chain.change_id, book.change_id, bids, asks)
        self._chains[symbol, interval] = Chain(book.change_id, dict(book.bids), dict(book.asks))
        return update


def changes(told: Side, now: Side) -> list[Change]:
    if told == now:
        return []
    gone = [Change("delete", units, 0) for units in told.keys() - now.keys()]
    changed = [Change("change" if units in told else "new", units, lots) for units, lots in now.items() if told.get(units) != lots]
    return gone + changed
