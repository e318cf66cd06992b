"""The walk down two books: against one that tries everything, at its borders, and in what its locks pay."""

import random
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import pytest

from core.trading import ACCUMULATED, CENT_PER_ORDER, FIVE_DECIMALS, FeeTerms, TradingTerms
from paper.edges import Lock, walk
from paper.fees import order_fee
from paper.ladders import on_grid
from paper.payoffs import STATES, breaks, payoff
from paper.values import Book, Leg, Pair
from tests.paper import brute

CENTS = ((Decimal(0), Decimal(1), Decimal("0.01")),)
FREE = FeeTerms(Decimal(0), CENT_PER_ORDER)


def d(value: object) -> Decimal:
    return Decimal(str(value))


def terms(fees: FeeTerms = FREE, *, least: object = 1, lot: object = 1, steps: Any = CENTS, **more: Any) -> TradingTerms:
    return TradingTerms(fees, d(least), d(lot), steps, **more)


def pair(a: TradingTerms | None = None, b: TradingTerms | None = None) -> Pair:
    return Pair(1, Leg("east", 1, 1, a or terms()), Leg("west", 2, 2, b or terms()))


def book(bids: Any = (), asks: Any = ()) -> Book:
    return Book(*(tuple((d(price), d(shares)) for price, shares in side) for side in (bids, asks)), event_us=0, received_us=0)


def lock(found: Lock | None) -> Lock:
    assert found is not None
    return found


# --- by hand --------------------------------------------------------------------------------------------------------------
def test_yes_is_bought_from_asks_and_no_from_bids() -> None:
    # YES of a at 0.40; NO of b at 1 - 0.45 = 0.55: 0.05 a share.
    found = lock(walk(pair(), book(asks=[("0.40", 30)]), book(bids=[("0.45", 20)]), "a", min_edge=d("0.01")))
    assert (found.shares, found.cost, found.fees, found.edge, found.capacity) == (20, 19, 0, 1, 20)
    assert (found.a.outcome, found.a.fills, found.a.limit) == ("yes", ((d("0.40"), 20),), d("0.40"))
    assert (found.b.outcome, found.b.fills, found.b.limit) == ("no", ((d("0.55"), 20),), d("0.55"))
    assert found.edge_per_share == d("0.05")
    assert walk(pair(), book(asks=[("0.40", 30)]), book(bids=[("0.45", 20)]), "b", min_edge=d("0.01")) is None


def test_the_other_direction_is_the_same_with_the_legs_turned() -> None:
    found = lock(walk(pair(), book(bids=[("0.45", 20)]), book(asks=[("0.40", 30)]), "b", min_edge=d("0.01")))
    assert (found.yes_leg, found.a.outcome, found.b.outcome, found.edge) == ("b", "no", "yes", 1)


def test_a_level_that_earns_too_little_ends_the_walk_and_the_capacity() -> None:
    a, b = book(asks=[("0.40", 10), ("0.41", 10), ("0.44", 10)]), book(bids=[("0.45", 15), ("0.43", 50)])
    found = lock(walk(pair(), a, b, "a", min_edge=d("0.02")))
    # 10 at 0.05, 5 at 0.04, 5 at 0.02; then 0.44 against 0.43 is none
    assert (found.shares, found.edge, found.capacity) == (20, d("0.80"), 20)
    assert found.a.fills == ((d("0.40"), 10), (d("0.41"), 10)) and found.b.fills == ((d("0.55"), 15), (d("0.57"), 5))
    assert lock(walk(pair(), a, b, "a", min_edge=d("0.03"))).shares == 15


def test_fees_of_both_venues_are_those_of_the_whole_order() -> None:
    kalshi, polymarket = FeeTerms(d("0.07"), CENT_PER_ORDER), FeeTerms(d("0.04"), FIVE_DECIMALS)
    a, b = book(asks=[("0.40", 60), ("0.42", 40)]), book(bids=[("0.50", 100)])
    found = lock(walk(pair(terms(kalshi), terms(polymarket)), a, b, "a", min_edge=d("0.01")))
    # 0.07 × (60 × 0.24 + 40 × 0.2436) = 1.69008, up to 1.70; 0.04 × 100 × 0.25 = 1
    assert (found.shares, found.a.fee, found.b.fee) == (100, d("1.70"), 1)
    assert found.edge == 100 - (24 + d("16.8")) - 50 - d("2.70") == d("6.50")


def test_a_share_less_is_taken_where_it_spares_a_cent() -> None:
    # 0.07 × p × (1 - p) at 0.50 is 0.0175: of 4 shares 0.07 exactly, of 5 shares 0.09 (0.0875). A share earns 0.51 - 0.50 = 0.01.
    kalshi = FeeTerms(d("0.07"), CENT_PER_ORDER)
    a, b = book(asks=[("0.50", 5)]), book(bids=[("0.52", 5)])
    found = lock(walk(pair(terms(kalshi)), a, b, "a", min_edge=d("0.0025")))
    assert (found.shares, found.edge, found.capacity) == (4, d("0.01"), 5)


def test_rounding_may_eat_the_edge_of_few_shares() -> None:
    kalshi = FeeTerms(d("0.07"), CENT_PER_ORDER)
    assert walk(pair(terms(kalshi)), book(asks=[("0.50", 3)]), book(bids=[("0.52", 3)]), "a", min_edge=d("0.0025")) is None


def test_orders_are_whole_lots_of_both_venues() -> None:
    a, b = book(asks=[("0.40", "10.55")]), book(bids=[("0.45", "11")])
    assert lock(walk(pair(terms(lot="0.01"), terms(lot="0.01")), a, b, "a", min_edge=d("0.01"))).shares == d("10.55")
    assert lock(walk(pair(terms(lot="0.1"), terms(lot="0.01")), a, b, "a", min_edge=d("0.01"))).shares == d("10.5")
    assert lock(walk(pair(terms(lot="0.2"), terms(lot="0.3")), a, b, "a", min_edge=d("0.01"))).shares == d("10.2")
    assert lock(walk(pair(terms(lot="0.2"), terms(lot="0.3")), a, b, "a", min_edge=d("0.01"))).capacity == d("10.2")


def test_least_orders_and_limits_are_kept() -> None:
    a, b = book(asks=[("0.40", 10)]), book(bids=[("0.45", 10)])
    assert walk(pair(terms(), terms(least=11)), a, b, "a", min_edge=d("0.01")) is None
    assert lock(walk(pair(terms(), terms(least=10)), a, b, "a", min_edge=d("0.01"))).shares == 10
    assert walk(pair(), a, b, "a", min_edge=d("0.01"), min_shares=d(11)) is None
    less = lock(walk(pair(), a, b, "a", min_edge=d("0.01"), max_shares=d("7.9")))
    assert (less.shares, less.capacity) == (7, 10)
    assert walk(pair(), a, b, "a", min_edge=d("0.01"), min_shares=d(8), max_shares=d("7.9")) is None


def test_an_order_below_the_least_dollars_of_its_venue_is_none() -> None:
    dear = terms(min_cost=d(1))
    # NO of b at 0.04: a dollar is 25 shares
    assert walk(pair(terms(), dear), book(asks=[("0.90", 24)]), book(bids=[("0.96", 24)]), "a", min_edge=d("0.01")) is None
    found = lock(walk(pair(terms(), dear), book(asks=[("0.90", 25)]), book(bids=[("0.96", 10), ("0.955", 40)]), "a", min_edge=d("0.01")))
    assert found.shares == 25 and found.b.cost >= 1


def test_a_level_beside_the_grid_counts_as_the_next_price_that_reaches_it() -> None:
    found = lock(walk(pair(), book(asks=[("0.401", 10)]), book(bids=[("0.459", 10)]), "a", min_edge=d("0.01")))
    assert (found.a.limit, found.b.limit) == (d("0.41"), d("0.55"))
    tapered = terms(steps=((d(0), d("0.1"), d("0.001")), (d("0.1"), d("0.9"), d("0.01")), (d("0.9"), d(1), d("0.001"))))
    told = {"0.055": "0.055", "0.0555": "0.056", "0.105": "0.11", "0.9": "0.9", "0.9011": "0.902"}
    assert {price: str(on_grid(d(price), tapered, ROUND_CEILING)) for price in told} == told | {"0.105": "0.11"}
    assert on_grid(d("0.105"), tapered, ROUND_FLOOR) == d("0.1")
    some = terms(steps=((d("0.1"), d("0.9"), d("0.01")),))
    assert walk(pair(some), book(asks=[("0.05", 10)]), book(bids=[("0.45", 10)]), "a", min_edge=d("0.01")) is None


def test_prices_that_no_share_has_end_a_book() -> None:
    assert walk(pair(), book(asks=[("0", 10), ("0.40", 10)]), book(bids=[("0.45", 10)]), "a", min_edge=d("0.01")) is None
    assert walk(pair(), book(asks=[("0.40", 10)]), book(bids=[("1", 10)]), "a", min_edge=d("0.01")) is None
    found = lock(walk(pair(), book(asks=[("0.40", 0), ("0.41", 10)]), book(bids=[("0.45", 10)]), "a", min_edge=d("0.01")))
    assert found.a.fills == ((d("0.41"), 10),), "a level of nothing is none"


def test_a_leg_that_cannot_be_priced_is_no_leg() -> None:
    a, b = book(asks=[("0.40", 10)]), book(bids=[("0.45", 10)])
    assert walk(pair(terms(), terms(blocked=("no grid",))), a, b, "a", min_edge=d("0.01")) is None
    assert walk(pair(), book(), b, "a", min_edge=d("0.01")) is None


def test_questions_that_make_no_sense_are_refused() -> None:
    a, b = book(asks=[("0.40", 10)]), book(bids=[("0.45", 10)])
    for wrong in ({"yes_leg": "c", "min_edge": d(0)}, {"yes_leg": "a", "min_edge": d("-0.01")}):
        with pytest.raises(ValueError, match="no lock"):
            walk(pair(), a, b, **wrong)
    with pytest.raises(ValueError, match="lots of 0"):
        walk(pair(terms(lot=0)), a, b, "a", min_edge=d(0))


def test_the_quick_look_turns_nothing_away_that_the_walk_would_take() -> None:
    """To the last digit: 0.45 - 0.40 - 0 is the least edge itself."""
    a, b = book(asks=[("0.40", 10)]), book(bids=[("0.45", 10)])
    assert lock(walk(pair(), a, b, "a", min_edge=d("0.05"))).shares == 10
    assert walk(pair(), a, b, "a", min_edge=d("0.0500000000000001")) is None


# --- against brute force --------------------------------------------------------------------------------------------------
ROUNDINGS = (CENT_PER_ORDER, ACCUMULATED, FIVE_DECIMALS)


def _side(chance: random.Random, middle: int, *, unit: int, most: int) -> brute.Side:
    """Of a few levels from about `middle` on, in shares of `unit` hundredths."""
    tick, price, levels = chance.choice((100, 100, 10)), middle, []
    for _ in range(chance.randint(1, 5)):
        levels.append((price, unit * chance.randint(1, most)))
        price += tick * chance.randint(1, 3)
    rate = chance.choice((0, 100, 350, 400, 700, 700, 1400))
    least, dear = unit * chance.choice((1, 1, 5)), chance.choice((0, 0, 100))
    return brute.Side([level for level in levels if level[0] < 10_000], rate, chance.choice(ROUNDINGS), least, dear)


def _leg(side: brute.Side, lot: int, number: int) -> Leg:
    fees = FeeTerms(d(side.rate) / brute.RATE, side.rounding)
    about = TradingTerms(fees, d(side.least) / 100, d(lot) / 100, (), min_cost=d(side.min_cost) / 100)
    return Leg("east", number, number, about)


def _question(chance: random.Random) -> tuple[brute.Side, brute.Side, dict[str, int]]:
    unit = chance.choice((100, 100, 100, 10, 1))
    first = chance.randrange(100, 9000, 10)
    gain, most = chance.randrange(100, 900, 5), chance.choice((12, 12, 12, 60))
    yes = _side(chance, first, unit=unit, most=most)
    no = _side(chance, max(10_000 - first - gain, 10), unit=unit, most=most)
    limits = {"min_shares": chance.choice((0, 0, 3 * unit)), "max_shares": chance.choice((10**6, 10**6, 17 * unit))}
    return yes, no, {"lot": unit, "min_edge": chance.choice((0, 1, 25, 50, 100)), **limits}


@pytest.mark.parametrize("part", range(4))
def test_the_walk_agrees_with_brute_force_on_ten_thousand_books(part: int) -> None:
    chance, locks, smaller = random.Random(f"books {part}"), 0, 0
    for _ in range(2_500):
        yes, no, asked = _question(chance)
        turned = chance.random() < 0.5
        wanted = brute.best(yes, no, **asked)
        asks = [(d(price) / 10_000, d(shares) / 100) for price, shares in yes.levels]
        bids = [(1 - d(price) / 10_000, d(shares) / 100) for price, shares in no.levels]
        legs, books = [_leg(yes, asked["lot"], 1), _leg(no, asked["lot"], 2)], [book(asks=asks), book(bids=bids)]
        limits = {name: d(asked[name]) / 100 for name in ("min_shares", "max_shares")}
        places = (1, 0) if turned else (0, 1)
        both = Pair(1, *(legs[at] for at in places))
        found = walk(both, *(books[at] for at in places), "b" if turned else "a", min_edge=d(asked["min_edge"]) / 10_000, **limits)
        told = None if found is None else (found.shares * 100, found.edge * brute.DOLLAR, found.capacity * 100)
        assert told == wanted, (yes, no, asked)
        if found is not None:
            locks += 1
            smaller += found.shares < min(found.capacity, limits["max_shares"])
            _holds(both, found)
    assert locks > 1_000 and smaller > 50, "books that offer nothing prove nothing"


def _holds(both: Pair, found: Lock) -> None:
    """Amounts agree with each other, and in every state the payoff is at least what was claimed, or the state is told to break it."""
    for leg, bought in ((both.a, found.a), (both.b, found.b)):
        assert sum(shares for _, shares in bought.fills) == found.shares
        assert bought.cost == sum(price * shares for price, shares in bought.fills)
        assert bought.fee == order_fee(leg.terms.fees, bought.fills)
        assert bought.limit == max(price for price, _ in bought.fills)
    assert found.edge == found.shares - found.cost - found.fees
    for state in STATES:
        won = found.shares * payoff(found.yes_leg, state) - found.cost - found.fees
        assert won >= found.edge or state in breaks(found.yes_leg)
        assert won < found.edge or state not in breaks(found.yes_leg), "a state that breaks nothing is not flagged"
