"""How many shares of a lock two books offer, and what they earn after all fees: a walk down both books, level by level.

The rule. YES is bought from the asks of one leg, NO (at 1 - price) from the bids of the other, the best levels first.
1. The walk goes down while a share of the two levels it stands on earns `min_edge` by the formula of the fees, before they are rounded;
   with the first pair of levels that does not it ends, and what it has passed is the capacity.
2. Of all share counts within it (whole lots of both venues, their least orders, the limits) that one is taken whose edge (shares less
   costs less the fees as charged) is the greatest, among those that earn `min_edge` a share on the whole; of equals the smallest.
Rounding makes the edge of one share more rise and fall, so (2) is a search: from the most shares down, leaving out spans whose bound shows
that they hold nothing better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from math import lcm

from paper.fees import EXACT, ONE, ZERO, order_fee
from paper.ladders import Ladder, Rung, no_levels, yes_levels
from paper.payoffs import LEGS, A
from paper.values import NO, YES, Book, Leg, Level, Pair

#: What floats may be wrong by when they are asked whether books cross at all.
_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class Purchase:
    """One leg of a lock. `outcome` is bought; prices are those of a share of it (of NO: 1 - the price on the book). `fills`: (price, shares) the
    best first; `limit`: the worst price, on the venue's grid."""

    outcome: str
    fills: tuple[Level, ...]
    limit: Decimal
    cost: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Lock:
    """`yes_leg`: "a" or "b", whose YES is bought, with NO of the other. Dollars: `edge` = shares - cost - fees. `capacity`: shares that the books
    offer at levels which clear `min_edge`, whatever the limits."""

    yes_leg: str
    shares: Decimal
    a: Purchase
    b: Purchase
    cost: Decimal
    fees: Decimal
    edge: Decimal
    capacity: Decimal

    @property
    def edge_per_share(self) -> Decimal:
        return self.edge / self.shares


def walk(
    pair: Pair,
    book_a: Book,
    book_b: Book,
    yes_leg: str,
    *,
    min_edge: Decimal,
    min_shares: Decimal = ZERO,
    max_shares: Decimal | None = None,
) -> Lock | None:
    """The lock that buys YES of `yes_leg` and NO of the other; None where there is none, or a leg cannot be priced. Whether the books are to be
    trusted is for others to judge. Raises ValueError on a negative `min_edge` and on terms that make no sense."""
    if yes_leg not in LEGS or min_edge < 0:
        raise ValueError(f"no lock with YES of {yes_leg!r} earns {min_edge} a share")
    (yes_side, yes_book), (no_side, no_book) = _sides(pair, book_a, book_b, yes_leg)
    if yes_side.terms.blocked or no_side.terms.blocked or not _may_cross(yes_side, yes_book.asks, no_side, no_book.bids, min_edge):
        return None
    with localcontext(EXACT):
        yes = Ladder(yes_side.terms, yes_levels(yes_side.terms, yes_book))
        no = Ladder(no_side.terms, no_levels(no_side.terms, no_book))
        spans = _spans(yes, no, min_edge)
        if not spans:
            return None
        lot, depth = _common(yes.terms.lot, no.terms.lot), spans[-1].end
        least = _lots(max(min_shares, lot, yes.least, no.least), lot, ROUND_CEILING)
        most = _lots(depth if max_shares is None else min(depth, max_shares), lot, ROUND_FLOOR)
        shares = _best(spans, lot, least, most, min_edge) * lot
        return _lock(yes_leg, shares, yes, no, _lots(depth, lot, ROUND_FLOOR) * lot) if shares else None


def may_cross(pair: Pair, book_a: Book, book_b: Book, yes_leg: str, min_edge: Decimal) -> bool:
    """Whether a walk can find anything: asked first, as for most books it is the whole answer. Books from which something was taken since
    can only be worse."""
    (yes_side, yes_book), (no_side, no_book) = _sides(pair, book_a, book_b, yes_leg)
    return _may_cross(yes_side, yes_book.asks, no_side, no_book.bids, min_edge)


def _sides(pair: Pair, book_a: Book, book_b: Book, yes_leg: str) -> tuple[tuple[Leg, Book], tuple[Leg, Book]]:
    """Where YES is bought, and where NO is."""
    a, b = (pair.a, book_a), (pair.b, book_b)
    return (a, b) if yes_leg == A else (b, a)


def _may_cross(yes: Leg, asks: Sequence[Level], no: Leg, bids: Sequence[Level], min_edge: Decimal) -> bool:
    """By the best levels alone and in floats, as most books do not: false only where the walk would end on its first step."""
    if not asks or not bids:
        return False
    ask, bid = float(asks[0][0]), float(bids[0][0])
    fees = float(yes.terms.fees.rate) * ask * (1.0 - ask) + float(no.terms.fees.rate) * bid * (1.0 - bid)
    return bid - ask - fees >= float(min_edge) - _MARGIN


@dataclass(slots=True)
class _Span:
    """Share counts above `start`, up to `end`, whose last share comes from these two rungs and earns `net` by the formula."""

    start: Decimal
    end: Decimal
    net: Decimal
    legs: tuple[tuple[Ladder, Rung], tuple[Ladder, Rung]]

    def gross(self, shares: Decimal) -> Decimal:
        (yes, above), (no, below) = self.legs
        return shares - yes.cost(above, shares) - no.cost(below, shares)

    def formula(self, shares: Decimal) -> Decimal:
        """The edge if nothing were rounded: no smaller count has a greater edge."""
        (yes, above), (no, below) = self.legs
        return self.gross(shares) - yes.formula(above, shares) - no.formula(below, shares)

    def edge(self, shares: Decimal) -> Decimal:
        (yes, above), (no, below) = self.legs
        return self.gross(shares) - yes.charged(above, shares).charged - no.charged(below, shares).charged

    def bound(self, least: Decimal, most: Decimal) -> Decimal:
        """No count from `least` to `most` has a greater edge: what a leg is charged is never below what it is at `least` for certain, and
        the gross less what the formula says only rises."""
        bound = self.gross(most)
        for ladder, rung in self.legs:
            certain = ladder.charged(rung, least)
            bound -= max(certain.charged - certain.kept, ladder.formula(rung, most))
        return bound


def _spans(yes: Ladder, no: Ladder, min_edge: Decimal) -> list[_Span]:
    found: list[_Span] = []
    at, above, below = ZERO, yes.down(), no.down()
    while above is not None and below is not None:
        net = ONE - above.price - below.price - above.fee - below.fee
        if net < min_edge:
            break
        end = min(above.end, below.end)
        found.append(_Span(at, end, net, ((yes, above), (no, below))))
        at = end
        above, below = (yes.down() if above.end == end else above), (no.down() if below.end == end else below)
    return found


def _best(spans: Sequence[_Span], lot: Decimal, least: int, most: int, min_edge: Decimal) -> int:
    """How many lots, of those from `least` to `most`; 0 where none of them earns enough."""
    edge, lots = ZERO, 0
    for span in reversed(spans):
        low, high = max(least, _lots(span.start, lot, ROUND_FLOOR) + 1), min(most, _lots(span.end, lot, ROUND_FLOOR))
        if low > high:
            continue
        top = span.formula(high * lot)
        if lots and top < edge:
            break
        reached = span.edge(high * lot)
        if reached >= min_edge * high * lot and (not lots or reached >= edge):
            edge, lots = reached, high
        if lots and span.net > 0:
            low = max(low, high - int((top - edge) / (span.net * lot)))
        edge, lots = _search(span, lot, low, high - 1, min_edge, (edge, lots))
    return lots


def _search(span: _Span, lot: Decimal, low: int, high: int, min_edge: Decimal, best: tuple[Decimal, int]) -> tuple[Decimal, int]:
    """The (edge, lots) that are better than `best` within a span, or `best`. From above, by halves, so that of equals the smallest stays."""
    edge, lots = best
    left = [(low, high)]
    while left:
        low, high = left.pop()
        if low > high:
            continue
        shares = high * lot
        reached = span.edge(shares) if low == high else span.bound(low * lot, shares)
        if reached < min_edge * shares or (lots and reached < edge):
            continue
        if low == high:
            edge, lots = reached, high
        else:
            middle = (low + high) // 2
            left += [(low, middle), (middle + 1, high)]
    return edge, lots


def _lock(yes_leg: str, shares: Decimal, yes: Ladder, no: Ladder, capacity: Decimal) -> Lock:
    bought, sold = _purchase(YES, yes, shares), _purchase(NO, no, shares)
    a, b = (bought, sold) if yes_leg == A else (sold, bought)
    cost, fees = a.cost + b.cost, a.fee + b.fee
    return Lock(yes_leg, shares, a, b, cost, fees, shares - cost - fees, capacity)


def _purchase(outcome: str, ladder: Ladder, shares: Decimal) -> Purchase:
    fills = ladder.fills(shares)
    cost = sum((price * quantity for price, quantity in fills), ZERO)
    return Purchase(outcome, fills, fills[-1][0], cost, order_fee(ladder.terms.fees, fills))


def _lots(shares: Decimal, lot: Decimal, rounding: str) -> int:
    return int((shares / lot).to_integral_value(rounding))


def _common(one: Decimal, other: Decimal) -> Decimal:
    """The least lot that is whole lots of both."""
    if one % other == 0:
        return one
    if other % one == 0:
        return other
    (a, b), (c, d) = one.as_integer_ratio(), other.as_integer_ratio()
    return Decimal(lcm(a * d, c * b)) / (b * d)
