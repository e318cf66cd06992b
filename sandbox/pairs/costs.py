"""What a lock on both venues brings after fees: exact, by the formulas of the venues' fact sheets, and by nothing of the farm's.

Prices count ten-thousandths of a dollar and are those of YES; who buys NO takes the bids for YES.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

UNIT = 10_000
Level = tuple[int, int]  # price, shares


class Terms(NamedTuple):
    """A taker pays `rate` x shares x p x (1 - p) dollars an order, to the whole `unit`: `up`, or to the nearest. `step`: of its prices
    between a tenth and nine tenths; `least`: shares of an order."""

    rate: Fraction
    unit: Fraction
    up: bool
    step: int
    least: int


class Book(NamedTuple):
    """The best level of each side first."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()

    def mirrored(self) -> "Book":
        """As the book of NO."""
        return Book(tuple((UNIT - price, n) for price, n in self.asks), tuple((UNIT - price, n) for price, n in self.bids))

    def shifted(self, by: int) -> "Book":
        return Book(tuple((price + by, n) for price, n in self.bids), tuple((price + by, n) for price, n in self.asks))


class Lock(NamedTuple):
    """YES bought on venue `yes_on` (0, 1) and NO on the other. Dollars; `cost` is without fees, `edge` what is left of a dollar a share."""

    yes_on: int
    shares: int
    cost: Fraction
    fees: tuple[Fraction, Fraction]  # of the venues in their order

    @property
    def edge(self) -> Fraction:
        return self.shares - self.cost - sum(self.fees)

    def told(self, names: Sequence[str]) -> dict[str, object]:
        """In ten-thousandths of a dollar: costs rounded up, what is won down. `capacity` is the money that the lock binds."""
        fees = {name: ceil(fee * UNIT) for name, fee in zip(names, self.fees, strict=True)}
        edge, bound = floor(self.edge * UNIT), ceil((self.cost + sum(self.fees)) * UNIT)
        each = floor(self.edge * UNIT / self.shares)
        return {"yes_on": names[self.yes_on], "shares": self.shares, "edge": edge, "edge_a_share": each, "capacity": bound, "fees": fees}


def fee(terms: Terms, fills: Sequence[Level]) -> Fraction:
    exact = sum((terms.rate * shares * price * (UNIT - price) / UNIT**2 for price, shares in fills), Fraction())
    units = exact / terms.unit
    return terms.unit * (ceil(units) if terms.up else max(floor(units + Fraction(1, 2)), int(exact > 0)))


def best(books: tuple[Book, Book], terms: tuple[Terms, Terms]) -> Lock | None:
    """The lock of the largest edge, which may be below nothing; None where the books do not cross."""
    found = [lock for yes_on in (0, 1) for lock in _locks(yes_on, books, terms)]
    return max(found, key=lambda lock: (lock.edge, lock.shares), default=None)


def _locks(yes_on: int, books: tuple[Book, Book], terms: tuple[Terms, Terms]) -> Iterator[Lock]:
    """One for each step down the crossing levels."""
    bought: list[Level] = []
    sold: list[Level] = []
    shares, cost = 0, Fraction()
    for ask, bid, count in _steps(books[yes_on].asks, books[1 - yes_on].bids):
        bought.append((ask, count))
        sold.append((bid, count))
        shares, cost = shares + count, cost + Fraction(count * (ask + UNIT - bid), UNIT)
        paid = fee(terms[yes_on], bought), fee(terms[1 - yes_on], sold)
        if shares >= max(terms[0].least, terms[1].least):
            yield Lock(yes_on, shares, cost, paid if yes_on == 0 else (paid[1], paid[0]))


def _steps(asks: Sequence[Level], bids: Sequence[Level]) -> Iterator[tuple[int, int, int]]:
    """(ask, bid, shares at both), the best first, as long as they cross."""
    waiting = [list(level) for level in asks], [list(level) for level in bids]
    at = [0, 0]
    while at[0] < len(asks) and at[1] < len(bids):
        ask, bid = waiting[0][at[0]], waiting[1][at[1]]
        if ask[0] >= bid[0]:
            return
        count = min(ask[1], bid[1])
        yield ask[0], bid[0], count
        for side, level in enumerate((ask, bid)):
            level[1] -= count
            at[side] += not level[1]
