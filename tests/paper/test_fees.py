"""Fees as venues charge them: examples worked by hand, with their source, and what must hold of all."""

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.trading import ACCUMULATED, CENT_PER_ORDER, FIVE_DECIMALS, FeeTerms, TradingTerms
from paper.fees import NOTHING, charge, order_fee, rounded_as


def d(value: object) -> Decimal:
    return Decimal(str(value))


def fee(rate: object, rounding: str, *fills: tuple[object, object], selling: bool = False) -> Decimal:
    return order_fee(FeeTerms(d(rate), rounding), [(d(price), d(shares)) for price, shares in fills], selling=selling)


# --- examples -------------------------------------------------------------------------------------------------------------
#: Kalshi's fee schedule ("General Trading Fees", 0.07, up to the next cent). By hand: 100 × 0.07 × 0.5 × 0.5 = 1.75 and so on.
@pytest.mark.parametrize(
    ("price", "contracts", "charged"),
    [
        ("0.01", 1, "0.01"),  # 0.000693
        ("0.50", 1, "0.02"),  # 0.0175
        ("0.01", 100, "0.07"),  # 0.0693
        ("0.05", 100, "0.34"),  # 0.3325
        ("0.10", 100, "0.63"),  # 0.63: exactly, and not a cent more
        ("0.25", 100, "1.32"),  # 1.3125
        ("0.50", 100, "1.75"),
        ("0.75", 100, "1.32"),  # NO at 0.25 costs the same
        ("0.99", 100, "0.07"),
    ],
)
def test_a_schedule_of_one_fill_rounded_up_to_the_cent(price: str, contracts: int, charged: str) -> None:
    assert fee("0.07", CENT_PER_ORDER, (price, contracts)) == d(charged)
    assert fee("0.07", ACCUMULATED, (price, contracts)) == d(charged), "at whole cents and contracts both rules agree on one fill"


def test_the_cent_is_rounded_once_an_order() -> None:
    fills = [("0.50", 1)] * 4  # 4 × 0.0175 = 0.07; each by itself would be 0.02
    assert fee("0.07", CENT_PER_ORDER, *fills) == d("0.07")


#: docs.kalshi.com/getting_started/fee_rounding, "Worked Examples". Its trade fees do not follow the 0.07 of the schedule, so the rate here
#: is one that gives the page's trade fee. Columns: net fee of each fill.
@pytest.mark.parametrize(
    ("rate", "price", "contracts", "net"),
    [
        pytest.param("0.1635", "0.055", "1", ["0.0150", "0.0050", "0.0150"], id="subpenny price, trade fee 0.0085"),
        pytest.param("0.054", "0.50", "0.30", ["0.0100", "0.0000", "0.0100"], id="fractions of contracts, trade fee 0.0041"),
        pytest.param("0.07", "0.3301", "0.03", ["0.010097", "0.000097", "0.000097"], id="both, trade fee 0.0005"),
    ],
)
def test_the_accumulator_gives_whole_cents_back_as_the_venue_shows(rate: str, price: str, contracts: str, net: list[str]) -> None:
    terms, so_far, found = FeeTerms(d(rate), ACCUMULATED), NOTHING, []
    for _ in net:
        after = charge(terms, so_far, d(price), d(contracts))
        found.append(after.charged - so_far.charged)
        so_far = after
    assert found == [d(one) for one in net]


def test_selling_is_rounded_down_in_what_is_received() -> None:
    # 0.30 contracts at 0.55: 0.165 is received; fee 0.07 × 0.30 × 0.2475 = 0.0051975, so 0.0052; 0.1598 is floored to 0.15.
    assert fee("0.07", ACCUMULATED, ("0.55", "0.30"), selling=True) == d("0.0150")
    # Bought, 0.1702 is paid and floored to 0.18: 0.18 - 0.165.
    assert fee("0.07", ACCUMULATED, ("0.55", "0.30")) == d("0.0150")
    # 0.25 at 0.55: 0.1375 less 0.0044 is 0.1331, floored to 0.13; bought, 0.1419 becomes 0.15.
    assert fee("0.07", ACCUMULATED, ("0.55", "0.25"), selling=True) == d("0.0075")
    assert fee("0.07", ACCUMULATED, ("0.55", "0.25")) == d("0.0125")


#: Polymarket's page of fees (2026-10): shares × rate × p × (1 - p); a hundred shares at 0.50 cost 1.75 at 0.07 and 1.00 at 0.04.
@pytest.mark.parametrize(
    ("rate", "price", "shares", "charged"),
    [
        ("0.07", "0.50", 100, "1.75"),
        ("0.05", "0.50", 100, "1.25"),
        ("0.04", "0.50", 100, "1"),
        ("0.04", "0.30", 100, "0.84"),
        ("0.05", "0.123", "7.77", "0.04191"),  # 0.0419075835, up
        ("0.05", "0.001", "0.01", "0.00001"),  # 0.0000004995: the least that is charged
        ("0", "0.50", 100, "0"),  # geopolitics
    ],
)
def test_five_decimals_rounded_up(rate: str, price: str, shares: object, charged: str) -> None:
    assert fee(rate, FIVE_DECIMALS, (price, shares)) == d(charged)


def test_each_fill_is_rounded_where_the_venue_rounds_fills() -> None:
    # 0.0419075835 twice: 0.04191 each, and not 0.08382 of both together
    assert fee("0.05", FIVE_DECIMALS, ("0.123", "7.77"), ("0.123", "7.77")) == d("0.08382")
    assert fee("0.05", FIVE_DECIMALS, ("0.123", "15.54")) == d("0.08382")
    assert fee("0.05", FIVE_DECIMALS, *[("0.001", "0.01")] * 3) == d("0.00003")


def test_an_account_without_fees_still_has_its_cents() -> None:
    assert fee("0", ACCUMULATED, ("0.055", 1)) == d("0.005"), "0.055 becomes 0.06"
    assert fee("0", CENT_PER_ORDER, ("0.055", 1)) == 0


# --- what must hold -------------------------------------------------------------------------------------------------------
prices = st.integers(1, 9999).map(lambda n: Decimal(n) / 10_000)
quantities = st.integers(1, 5_000_000).map(lambda n: Decimal(n) / 100)
fills = st.lists(st.tuples(prices, quantities), min_size=1, max_size=8)
roundings = st.sampled_from([CENT_PER_ORDER, ACCUMULATED, FIVE_DECIMALS])
rates = st.integers(0, 2500).map(lambda n: Decimal(n) / 10_000)


@given(rates, roundings, fills, st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_rounding_charges_less_than_the_formula_nor_much_more(rate, rounding, fills, selling) -> None:
    formula = sum((rate * shares * price * (1 - price) for price, shares in fills), Decimal(0))
    charged = order_fee(FeeTerms(rate, rounding), fills, selling=selling)
    more = {CENT_PER_ORDER: d("0.01"), ACCUMULATED: d("0.0101") * len(fills), FIVE_DECIMALS: d("0.00001") * len(fills)}
    assert 0 <= formula <= charged <= formula + more[rounding]


@given(rates, st.lists(st.tuples(st.integers(1, 99), st.integers(1, 500)), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_many_fills_at_whole_cents_come_to_what_one_would(rate, fills) -> None:
    terms, told = FeeTerms(rate, ACCUMULATED), [(Decimal(cents) / 100, Decimal(contracts)) for cents, contracts in fills]
    formula = sum((rate * shares * price * (1 - price) for price, shares in told), Decimal(0))
    assert formula <= order_fee(terms, told) <= formula + d("0.01") + d("0.0001") * len(told)


@given(rates, roundings, fills)
@settings(max_examples=300, deadline=None)
def test_what_is_certain_never_falls(rate, rounding, fills) -> None:
    """The search for the best lock leans on it."""
    terms, so_far = FeeTerms(rate, rounding), NOTHING
    for price, shares in fills:
        half, whole = charge(terms, so_far, price, shares / 2), charge(terms, so_far, price, shares)
        certain = [one.charged - one.kept for one in (so_far, half, whole)]
        assert certain == sorted(certain) and all(one.charged - one.kept >= one.formula for one in (half, whole))
        so_far = whole


@given(rates, fills, st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_account_of_the_accumulator_moves_by_the_cent(rate, fills, selling) -> None:
    terms, so_far = FeeTerms(rate, ACCUMULATED), NOTHING
    for price, shares in fills:
        after = charge(terms, so_far, price, shares, selling=selling)
        change = (price * shares if selling else -price * shares) - (after.charged - so_far.charged)
        assert change == change.quantize(d("0.01"), ROUND_CEILING)
        assert after.charged >= so_far.charged
        so_far = after


def test_what_is_no_fill_is_refused() -> None:
    for wrong in (("1.01", 1), ("-0.01", 1), ("0.5", -1)):
        with pytest.raises(ValueError, match="no fill"):
            fee("0.07", CENT_PER_ORDER, wrong)
    with pytest.raises(ValueError, match="nothing here does"):
        fee("0.07", "half up", ("0.5", 1))


def test_the_choice_of_rounding_reaches_only_venues_that_round_to_cents() -> None:
    def terms(rounding: str) -> TradingTerms:
        return TradingTerms(FeeTerms(d("0.07"), rounding), d(1), d(1), ())

    assert rounded_as(terms(CENT_PER_ORDER), ACCUMULATED) == terms(ACCUMULATED)
    assert rounded_as(terms(ACCUMULATED), CENT_PER_ORDER) == terms(CENT_PER_ORDER)
    assert rounded_as(terms(FIVE_DECIMALS), ACCUMULATED) == terms(FIVE_DECIMALS)
    with pytest.raises(ValueError, match="not 'five decimals'"):
        rounded_as(terms(CENT_PER_ORDER), FIVE_DECIMALS)
