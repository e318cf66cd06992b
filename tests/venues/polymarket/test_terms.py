"""What trading a market costs and allows, out of what Gamma says of it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trading import FIVE_DECIMALS, Facts, FeeTerms
from tests.venues.polymarket.test_listings import listed
from venues import VENUES

NOW_US = 1_795_300_000_000_000
SCHEDULE = {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25}
MARKET = {"feesEnabled": True, "feeSchedule": SCHEDULE, "orderMinSize": 5, "orderPriceMinTickSize": 0.001}


def terms(**changes: Any) -> Any:
    attributes = {name: value for name, value in {**MARKET, **changes}.items() if value is not ...}
    of_venue = VENUES["polymarket"].terms
    assert of_venue is not None
    return of_venue(Facts("0xabc", None, None, attributes), NOW_US)


def test_a_market_says_its_rate_its_least_order_and_its_tick() -> None:
    found = terms()
    assert found.fees == FeeTerms(Decimal("0.05"), FIVE_DECIMALS)
    assert (found.min_quantity, found.lot, found.min_cost) == (5, Decimal("0.01"), 1)
    assert found.steps == ((0, 1, Decimal("0.001")),)
    assert found.blocked == ()


def test_text_and_numbers_are_the_same() -> None:
    text = terms(feeSchedule={**SCHEDULE, "rate": "0.05", "exponent": "1"}, orderMinSize="5", orderPriceMinTickSize="0.001")
    assert text == terms()


@pytest.mark.parametrize("change", [{"feesEnabled": False}, {"feeSchedule": {**SCHEDULE, "rate": 0}}, {"feeSchedule": {"rate": 0}}])
def test_some_markets_charge_nothing(change: dict[str, Any]) -> None:
    found = terms(**change)
    assert (found.fees.rate, found.fees.known, found.blocked) == (0, True, ())


@pytest.mark.parametrize("change", [{"feeSchedule": ...}, {"feeSchedule": ..., "feesEnabled": ...}, {"feeSchedule": {"exponent": 1}}])
def test_a_rate_that_is_not_told_is_taken_as_the_worst_and_flagged(change: dict[str, Any]) -> None:
    found = terms(**change)
    assert (found.fees.rate, found.fees.known, found.blocked) == (Decimal("0.072"), False, ())
    assert "the worst rate is taken" in found.fees.note


@pytest.mark.parametrize("exponent", [2, 0.5, None])
def test_another_exponent_cannot_be_priced(exponent: Any) -> None:
    found = terms(feeSchedule={**SCHEDULE, "rate": 0.25, "exponent": exponent})
    assert not found.fees.known and found.fees.rate == Decimal("0.25") and "exponent" in found.blocked[0]


@pytest.mark.parametrize(
    "change", [{"orderMinSize": ...}, {"orderMinSize": 0}, {"orderPriceMinTickSize": ...}, {"orderPriceMinTickSize": 1}]
)
def test_a_market_that_is_half_described_is_blocked(change: dict[str, Any]) -> None:
    assert terms(**change).blocked


def test_orders_are_held_back() -> None:
    assert terms().delay_us == 250_000
    assert terms(itode=False).delay_us == 0
    assert terms(secondsDelay=3).delay_us == 3_250_000
    assert terms(secondsDelay="3", itode=False).delay_us == 3_000_000


def test_terms_come_out_of_what_the_venue_lists() -> None:
    _, market = listed()
    of_venue = VENUES["polymarket"].terms
    assert of_venue is not None and market.attributes is not None
    found = of_venue(Facts(market.market_id, market.series_id, market.event_id, market.attributes), NOW_US)
    assert (found.fees.rate, found.fees.known, found.min_quantity, found.blocked) == (Decimal("0.05"), True, 5, ())


def test_every_recorded_market_can_be_priced(captures: Path) -> None:
    of_venue = VENUES["polymarket"].terms
    assert of_venue is not None
    rates = set()
    for path in sorted((captures / "polymarket").glob("rest_2026-07-*/gamma_market_*.json")):
        body = json.loads(path.read_text())["body"]
        for entry in body if isinstance(body, list) else [body]:
            found = of_venue(Facts(entry["conditionId"], None, None, entry), NOW_US)
            assert found.fees.known and not found.blocked, path
            rates.add(found.fees.rate)
    assert Decimal("0.05") in rates and rates <= {Decimal(one) for one in ("0", "0.03", "0.04", "0.05", "0.07")}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text("ax01.-e", max_size=5), lambda inner: st.lists(inner, max_size=2)
)


@given(
    st.dictionaries(
        st.sampled_from([*MARKET, "secondsDelay", "itode"]),
        json_values | st.dictionaries(st.sampled_from(["rate", "exponent"]), json_values),
    )
)
def test_whatever_is_stored_gives_terms(attributes: dict[str, Any]) -> None:
    found = terms(**attributes)
    assert found.fees.rate >= 0 and found.delay_us >= 0 and (found.steps or found.blocked)
