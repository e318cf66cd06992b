"""A walk down two books by trying every share count, in whole numbers and out of the rules' text alone: it shares no code with paper/.

Prices are counted in 1/10000 dollars, shares and rates in 1/100 and 1/10000, money in 1/10^14 dollars, which all of them divide.
"""

from dataclasses import dataclass

PRICE, SHARE, RATE = 10_000, 100, 10_000
DOLLAR = 10**14
CENT, CENTICENT, FIVE = DOLLAR // 100, DOLLAR // 10_000, DOLLAR // 100_000


@dataclass
class Side:
    """`levels`: (price of what is bought, shares), the best first."""

    levels: list[tuple[int, int]]
    rate: int
    rounding: str
    least: int
    min_cost: int = 0  # cents

    def fills(self, shares: int) -> list[tuple[int, int]]:
        found = []
        for price, offered in self.levels:
            if shares:
                found.append((price, min(offered, shares)))
                shares -= found[-1][1]
        return found

    def formula(self, price: int, shares: int) -> int:
        return self.rate * shares * price * (PRICE - price)

    def fee(self, fills: list[tuple[int, int]]) -> int:
        if self.rounding == "cent per order":
            return up(sum(self.formula(*fill) for fill in fills), CENT)
        if self.rounding == "five decimals":
            return sum(up(self.formula(*fill), FIVE) for fill in fills)
        total = kept = 0
        for price, shares in fills:
            trade = up(self.formula(price, shares), CENTICENT)
            paid = cost([(price, shares)]) + trade
            rounding = up(paid, CENT) - paid
            kept += rounding
            back = CENT if kept > CENT and trade + rounding >= CENT else 0
            kept -= back
            total += trade + rounding - back
        return total


def up(amount: int, unit: int) -> int:
    return -(-amount // unit) * unit


def cost(fills: list[tuple[int, int]]) -> int:
    return sum(price * shares for price, shares in fills) * (DOLLAR // PRICE // SHARE)


def depth(yes: Side, no: Side, min_edge: int) -> int:
    """Shares until the two levels at hand earn less than `min_edge` (1/10000) a share by the formula."""
    units = [[price for price, shares in side.levels for _ in range(shares)] for side in (yes, no)]
    deep = 0
    for above, below in zip(*units, strict=False):
        net = DOLLAR - (above + below) * (DOLLAR // PRICE)
        net -= (yes.formula(above, 1) + no.formula(below, 1)) * SHARE
        if net < min_edge * (DOLLAR // PRICE):
            break
        deep += 1
    return deep


def best(yes: Side, no: Side, *, lot: int, min_edge: int, min_shares: int, max_shares: int) -> tuple[int, int, int] | None:
    """(shares, edge, capacity)"""
    deep = depth(yes, no, min_edge)
    found = None
    for shares in range(lot, min(deep, max_shares) + 1, lot):
        a, b = yes.fills(shares), no.fills(shares)
        if shares < max(yes.least, no.least, min_shares) or cost(a) < yes.min_cost * CENT or cost(b) < no.min_cost * CENT:
            continue
        edge = shares * (DOLLAR // SHARE) - cost(a) - cost(b) - yes.fee(a) - no.fee(b)
        if edge * PRICE * SHARE >= min_edge * shares * DOLLAR and (found is None or edge > found[1]):
            found = shares, edge, deep // lot * lot
    return found
