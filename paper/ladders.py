"""A side of a book as an order meets it: level by level, on the venue's grid, with what is paid and charged on the way down. Within EXACT."""

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from core.trading import TradingTerms
from paper.fees import NOTHING, ONE, ZERO, Charged, charge
from paper.values import Book, Level


def yes_levels(terms: TradingTerms, book: Book) -> Iterator[Level]:
    """What YES is bought from: (price, shares)."""
    for price, quantity in book.asks:
        yield on_grid(price, terms, ROUND_CEILING), quantity


def no_levels(terms: TradingTerms, book: Book) -> Iterator[Level]:
    """What NO is bought from: who sells YES at p has bought NO at 1 - p."""
    for price, quantity in book.bids:
        yield ONE - on_grid(price, terms, ROUND_FLOOR), quantity


def on_grid(price: Decimal, terms: TradingTerms, rounding: str) -> Decimal:
    """The price of YES that an order must name to reach this level: its own, or where it lies beside the grid (a tick that was finer once) the
    next one up (ROUND_CEILING, to buy) or down (ROUND_FLOOR, to sell). Outside of all ranges no order reaches it: 1 or 0."""
    for start, end, step in terms.steps:
        if start <= price <= end:
            steps = (price - start) / step
            whole = steps.to_integral_value(rounding)
            return price if whole == steps else start + whole * step
    if not terms.steps:
        return price
    return ONE if rounding == ROUND_CEILING else ZERO


class Rung(NamedTuple):
    """A level as it is bought: the leg's shares from `start` to `end` at `price`, each with `fee` by the formula; `cost` and `charged` are of
    what lies above it."""

    price: Decimal
    fee: Decimal
    start: Decimal
    end: Decimal
    cost: Decimal
    charged: Charged


class Ladder:
    """`rungs`: those that were looked at."""

    def __init__(self, terms: TradingTerms, levels: Iterator[Level]) -> None:
        if terms.lot <= 0 or terms.fees.rate < 0:
            raise ValueError(f"no venue has lots of {terms.lot} shares and a rate of {terms.fees.rate}")
        self.terms = terms
        self.rungs: list[Rung] = []
        self._levels = levels

    def down(self) -> Rung | None:
        """The next rung; None where there is no further, or one whose price none can have."""
        for price, quantity in self._levels:
            if not ZERO < price < ONE:
                return None
            if quantity <= 0:
                continue
            start, cost, charged = ZERO, ZERO, NOTHING
            if self.rungs:
                above = self.rungs[-1]
                start, cost, charged = above.end, self.cost(above, above.end), self.charged(above, above.end)
            rung = Rung(price, self.terms.fees.rate * price * (ONE - price), start, start + quantity, cost, charged)
            self.rungs.append(rung)
            return rung
        return None

    def cost(self, rung: Rung, shares: Decimal) -> Decimal:
        """Of so many shares of the leg, the last of them from this rung."""
        return rung.cost + rung.price * (shares - rung.start)

    def charged(self, rung: Rung, shares: Decimal) -> Charged:
        return charge(self.terms.fees, rung.charged, rung.price, shares - rung.start)

    def formula(self, rung: Rung, shares: Decimal) -> Decimal:
        return rung.charged.formula + rung.fee * (shares - rung.start)

    @property
    def least(self) -> Decimal:
        """Shares that an order must have at least, as far down as was looked."""
        wanted = self.terms.min_cost
        rung = next((rung for rung in self.rungs if self.cost(rung, rung.end) >= wanted), self.rungs[-1])
        return max(self.terms.min_quantity, rung.start + (wanted - rung.cost) / rung.price)

    def fills(self, shares: Decimal) -> tuple[Level, ...]:
        return tuple((rung.price, min(rung.end, shares) - rung.start) for rung in self.rungs if rung.start < shares)
