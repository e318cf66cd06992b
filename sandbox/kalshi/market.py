"""The seeded market: whose turn it is, the books, what traded, and the running totals of each market."""

import hashlib
import random
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from sandbox.kalshi.books import NO, YES, Book, Change, Fill, Side
from sandbox.kalshi.grids import CONTRACT, DOLLAR, prices
from sandbox.kalshi.listings import Listing


@dataclass
class Totals:
    """What has traded. Volume and interest in hundredths of a contract, price in ten-thousandths of a dollar; 0: nothing yet."""

    volume: int = 0
    open_interest: int = 0
    last_price: int = 0
    last_count: int = 0

    def add(self, price: int, count: int) -> None:
        self.volume += count
        # every other trade opens what it exchanges, the others close half of it
        self.open_interest += count if count % 2 else -min(count, self.open_interest) // 2
        self.last_price, self.last_count = price, count


class Market:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.number = 0  # of the last trade
        self.changes = 0  # number of the last change of any book
        self.listings: list[Listing] = []
        self.totals: list[Totals] = []
        self._books: dict[int, Book] = {}
        self._busy: list[int] = []
        self._weights: list[float] = []
        self.random = random.Random(seed)

    def reseed(self) -> None:
        """Start the random stream anew; after a restart it must not repeat the one before."""
        self.random.seed(f"{self.seed} {self.number} {self.changes}")

    def extend(self, added: list[Listing]) -> None:
        self.listings += added
        self.totals += [Totals(row.base_volume, row.base_volume // 2) for row in added]
        self.weigh()

    def weigh(self) -> None:
        """Markets that trade, and how busy each is."""
        self._busy = [symbol for symbol, row in enumerate(self.listings) if row.status == "active" and row.activity > 0]
        self._weights = list(accumulate(self.listings[symbol].activity for symbol in self._busy))

    def draw(self, count: int) -> list[int]:
        return self.random.choices(self._busy, cum_weights=self._weights, k=count) if self._busy and count else []

    def book(self, symbol: int) -> Book:
        """Begun when somebody first looks; empty unless the market trades, or where a script fills it. Who has seen it empty is told
        of every order that comes."""
        if symbol not in self._books:
            row = self.listings[symbol]
            grid = prices(row.structure)
            self._books[symbol] = Book(len(grid), self.random.randrange(len(grid)), self.random)
            if row.scripted or row.status not in ("active", "inactive"):
                self.clear(symbol)
        return self._books[symbol]

    def clear(self, symbol: int) -> None:
        """A market that closes takes its orders with it."""
        book = self.book(symbol)
        book.sides = {YES: {}, NO: {}}

    def regrid(self, symbol: int, sides: dict[int, Side]) -> None:
        """The same orders in another grid, which the listing names already."""
        self._books[symbol] = book = Book(len(prices(self.listings[symbol].structure)), 1, self.random)
        book.sides = sides

    def become(self, symbol: int, sides: dict[int, Side]) -> list[Change]:
        """`sides`: by the price of YES. Who has no orders any more gets none."""
        row = self.listings[symbol]
        if row.status not in ("active", "inactive"):
            return []
        places = {price: place for place, price in enumerate(prices(row.structure))}
        return self.book(symbol).become({side: {places[price]: count for price, count in levels.items()} for side, levels in sides.items()})

    def step(self, symbol: int) -> tuple[list[Change], list[Fill]]:
        return self.book(symbol).step()

    def price(self, symbol: int, place: int) -> int:
        return prices(self.listings[symbol].structure)[place]

    def levels(self, symbol: int, side: int) -> list[tuple[int, int]]:
        """(price of YES, count), the best one last."""
        grid, levels = prices(self.listings[symbol].structure), self.book(symbol).sides[side]
        return [(grid[place], levels[place]) for place in sorted(levels, reverse=side == NO)]

    def top(self, symbol: int) -> tuple[int, int, int, int]:
        """Best bid and ask of YES with their counts; 0 and a whole dollar where there is none."""
        book, grid = self.book(symbol), prices(self.listings[symbol].structure)
        bid, ask = book.best(YES), book.best(NO)
        bids = (0, 0) if bid is None else (grid[bid], book.sides[YES][bid])
        return *bids, *((DOLLAR, 0) if ask is None else (grid[ask], book.sides[NO][ask]))

    def trade_id(self) -> bytes:
        """Of the next trade: 16 bytes, the same for the same seed and number."""
        self.number += 1
        return hashlib.blake2b(f"{self.seed} {self.number}".encode(), digest_size=16).digest()

    def saved(self) -> dict[str, Any]:
        return {"number": self.number, "changes": self.changes, "totals": [list(vars(row).values()) for row in self.totals]}


def dollars(volume: int, price: int) -> int:
    """Whole dollars of so many hundredths of a contract."""
    return volume * price // (CONTRACT * DOLLAR)
