"""What a lock costs and brings: examples by hand, and the walk down two books against every number of shares."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.pairs.costs import Book, Terms, best, fee

CENT, FIVE = Fraction(1, 100), Fraction(1, 100_000)
KALSHI = Terms(Fraction(7, 100), CENT, True, 100, 1)
HALF = Terms(Fraction(35, 1000), CENT, True, 10, 1)
SPORTS = Terms(Fraction(5, 100), FIVE, False, 100, 5)
CRYPTO = Terms(Fraction(7, 100), FIVE, False, 100, 5)
FREE = Terms(Fraction(0), FIVE, False, 100, 5)


@pytest.mark.parametrize(
    ("terms", "fills", "dollars"),
    [
        (KALSHI, [(5_000, 100)], "1.75"),  # 0.07 x 100 x 0.5 x 0.5
        (KALSHI, [(5_000, 1)], "0.02"),  # 0.0175, up to the cent
        (KALSHI, [(3_000, 10)], "0.15"),  # 0.147
        (KALSHI, [(3_000, 10), (3_100, 10)], "0.30"),  # 0.147 + 0.14973 = 0.29673: an order is rounded once
        (HALF, [(5_000, 100)], "0.88"),  # 0.875
        (SPORTS, [(5_000, 100)], "1.25"),  # 1.25 cents a share, the most of a rate of 0.05
        (CRYPTO, [(2_000, 10)], "0.112"),  # 0.07 x 10 x 0.16
        (SPORTS, [(1_230, 7)], "0.03775"),  # 0.0377548...
        (SPORTS, [(1, 1)], "0.00001"),  # the least
        (FREE, [(5_000, 100)], "0"),
    ],
)
def test_a_fee_is_that_of_the_fact_sheets(terms: Terms, fills: list[tuple[int, int]], dollars: str) -> None:
    assert fee(terms, fills) == Fraction(dollars)


def test_a_lock_by_hand() -> None:
    """100 YES at 0.45 for 45 and 1.74 (1.7325, up), 100 NO at 0.49 for 49 and 1.2495: of 100 dollars 3.0105 are left."""
    one = Book(bids=((4_300, 50),), asks=((4_500, 100), (5_200, 10)))
    other = Book(bids=((5_100, 120), (4_400, 10)), asks=((5_300, 10),))
    for books, terms, names in (((one, other), (KALSHI, SPORTS), ("k", "p")), ((other, one), (SPORTS, KALSHI), ("p", "k"))):
        lock = best(books, terms)
        assert lock is not None and lock.edge == Fraction("3.0105") and lock.cost == 94
        fees = {"k": 17_400, "p": 12_495}
        assert lock.told(names) == {"yes_on": "k", "shares": 100, "edge": 30_105, "edge_a_share": 301, "capacity": 969_895, "fees": fees}


def test_books_that_do_not_cross_hold_no_lock() -> None:
    assert best((Book(((4_000, 9),), ((4_100, 9),)), Book(((4_100, 9),), ((4_200, 9),))), (KALSHI, FREE)) is None
    assert best((Book(), Book(((4_100, 9),), ())), (KALSHI, FREE)) is None


sizes = st.integers(1, 12)
#: a best bid or ask, and how far the others lie behind it
ladders = st.lists(st.tuples(st.integers(1, 400), sizes), min_size=1, max_size=3)


@given(st.integers(3_000, 7_000), ladders, ladders, st.sampled_from([KALSHI, HALF]), st.sampled_from([SPORTS, CRYPTO, FREE]))
def test_no_number_of_whole_levels_brings_more(
    ask: int, up: list[tuple[int, int]], down: list[tuple[int, int]], one: Terms, other: Terms
) -> None:
    asks = tuple((ask + sum(gap for gap, _ in up[:place]), size) for place, (_, size) in enumerate(up))
    bids = tuple((ask + 600 - sum(gap for gap, _ in down[:place]), size) for place, (_, size) in enumerate(down))
    lock = best((Book(asks=asks), Book(bids=bids)), (one, other))
    offered = [price for price, size in asks for _ in range(size)]
    wanted = [price for price, size in bids for _ in range(size)]
    most = sum(a < b for a, b in zip(offered, wanted, strict=False))

    def edge(count: int) -> Fraction:
        """Share by share."""
        paid = fee(one, [(price, 1) for price in offered[:count]]) + fee(other, [(price, 1) for price in wanted[:count]])
        return sum((Fraction(b - a, 10_000) for a, b in zip(offered[:count], wanted[:count], strict=True)), Fraction()) - paid

    ends = {sum(size for _, size in levels[: place + 1]) for levels in (asks, bids) for place in range(len(levels))}
    every = [edge(count) for count in ends | {most} if 5 <= count <= most]
    if lock is None:
        assert not every
    else:
        assert lock.edge == edge(lock.shares) == max(every)
