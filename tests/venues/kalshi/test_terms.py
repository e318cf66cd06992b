"""What trading a market costs and allows, out of what the venue said of market, event and series."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection as RawConnection

from core.trading import CENT_PER_ORDER, Facts, FeeTerms
from db import instruments, markets
from db.paper import facts
from tests.venues.kalshi.replies import NOW_US, VENUE, event, listed, parse

HOUR = 3_600_000_000
SERIES = {"fee_type": "quadratic", "fee_multiplier": 1}
GRID = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]
MARKET = {"market_type": "binary", "notional_value_dollars": "1.0000", "price_ranges": GRID, "event": {"title": "Gold"}}
FACTS = Facts("KXGOLD-1-T1", "KXGOLD", "KXGOLD-1", MARKET, SERIES)


def terms(facts: Facts, at_us: int = NOW_US) -> Any:
    assert VENUE.terms is not None
    return VENUE.terms(facts, at_us)


def told(**attributes: Any) -> Facts:
    return replace(FACTS, attributes={**MARKET, **attributes})


def of_series(at_us: int, **change: Any) -> tuple[int, dict[str, Any]]:
    return at_us, {"series_ticker": "KXGOLD", **change}


def of_event(at_us: int, multiplier: float | None, type: str | None = "quadratic", event: str = "KXGOLD-1") -> tuple[int, dict[str, Any]]:
    return of_series(at_us, event_ticker=event, fee_type_override=type, fee_multiplier_override=multiplier)


def rate(facts: Facts, at_us: int = NOW_US) -> str:
    found = terms(facts, at_us)
    assert found.fees.known and not found.blocked
    return str(found.fees.rate)


# --- fees -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("type", ["quadratic", "quadratic_with_maker_fees", "quadratic_with_combo_maker_fees"])
def test_a_taker_pays_by_the_multiplier_of_the_series(type: str) -> None:
    series = {"fee_type": type, "fee_multiplier": 0.5}
    assert terms(replace(FACTS, series=series)).fees == FeeTerms(Decimal("0.035"), CENT_PER_ORDER)


def test_what_the_event_says_beats_the_series() -> None:
    assert rate(told(event={"fee_multiplier_override": 0.5})) == "0.035"
    assert rate(told(event={"fee_type_override": "quadratic_with_maker_fees", "fee_multiplier_override": 0})) == "0.00"
    flat = replace(FACTS, series={"fee_type": "flat", "fee_multiplier": 1})
    assert rate(replace(flat, attributes=told(event={"fee_type_override": "quadratic"}).attributes)) == "0.07"


def test_a_change_counts_from_its_moment_on() -> None:
    changed = replace(
        FACTS, changes=(of_series(NOW_US, fee_type="quadratic", fee_multiplier=0.5), of_series(NOW_US + HOUR, fee_multiplier=2))
    )
    moments = (NOW_US - 1, NOW_US, NOW_US + HOUR - 1, NOW_US + HOUR)
    assert [rate(changed, at) for at in moments] == ["0.07", "0.035", "0.035", "0.14"]


def test_an_override_is_dated_too_and_null_takes_it_back() -> None:
    changed = replace(
        FACTS, changes=(of_event(NOW_US, 0.5), of_event(NOW_US + 1, 3, event="KXGOLD-2"), of_event(NOW_US + HOUR, None, None))
    )
    assert [rate(changed, at) for at in (NOW_US - 1, NOW_US, NOW_US + HOUR)] == ["0.07", "0.035", "0.07"]
    still = replace(changed, attributes={**MARKET, "event": {"fee_multiplier_override": 0.5}})
    assert rate(still, NOW_US + HOUR) == "0.07", "the description is of before"


def test_of_a_description_and_a_dated_change_the_later_word_counts() -> None:
    change = of_series(NOW_US, fee_multiplier=0.5)
    assert rate(replace(FACTS, changes=(change,), series_us=NOW_US - 1)) == "0.035"
    assert rate(replace(FACTS, changes=(change,), series_us=NOW_US + 1), NOW_US + HOUR) == "0.07"
    own = told(event={"fee_multiplier_override": 2})
    assert rate(replace(own, changes=(of_event(NOW_US, None, None),), attributes_us=NOW_US + 1), NOW_US + HOUR) == "0.14"
    assert rate(replace(own, changes=(of_event(NOW_US, None, None),), attributes_us=NOW_US + HOUR), NOW_US) == "0.07", "not yet said then"


def test_a_waiver_is_free_until_it_ends() -> None:
    waived = told(fee_waiver_expiration_time="2026-08-11T00:30:00Z")
    free = terms(waived).fees
    assert (free.rate, free.known) == (0, True) and "2026-08-11" in free.note
    assert rate(waived, NOW_US + HOUR) == "0.07"
    assert rate(told(fee_waiver_expiration_time="0001-01-01T00:00:00Z")) == "0.07"
    assert rate(told(fee_waiver_expiration_time="soon")) == "0.07"


@pytest.mark.parametrize(
    "series", [{}, {"fee_type": "quadratic"}, {"fee_multiplier": 1}, {"fee_type": "quadratic", "fee_multiplier": "much"}]
)
def test_fees_that_are_not_told_are_taken_as_the_worst_and_flagged(series: dict[str, Any]) -> None:
    found = terms(replace(FACTS, series=series))
    assert (found.fees.rate, found.fees.known, found.blocked) == (Decimal("0.14"), False, ())
    assert "the worst rate is taken" in found.fees.note


@pytest.mark.parametrize("type", ["flat", "cubic"])
def test_fees_without_a_known_formula_cannot_be_priced(type: str) -> None:
    found = terms(replace(FACTS, series={"fee_type": type, "fee_multiplier": 1}))
    assert not found.fees.known and type in found.fees.note
    assert found.blocked == (f"no formula is known for fees of the type {type!r}",)


# --- grid and sizes -------------------------------------------------------------------------------------------------------
def test_the_grid_is_that_of_the_market_and_amounts_have_two_decimals() -> None:
    found = terms(FACTS)
    assert found.steps == ((Decimal(0), Decimal(1), Decimal("0.01")),)
    assert (found.min_quantity, found.lot, found.delay_us, found.min_cost) == (Decimal("0.01"), Decimal("0.01"), 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"price_ranges": None}, id="no grid"),
        pytest.param({"price_ranges": [{"start": "0", "end": "1"}]}, id="no step"),
        pytest.param({"price_ranges": [{"start": "0", "end": "1", "step": "0"}]}, id="no step at all"),
        pytest.param({"price_ranges": [*GRID, "0.01"]}, id="half a grid"),
        pytest.param({"market_type": "scalar"}, id="pays something between"),
        pytest.param({"notional_value_dollars": "10.0000"}, id="pays ten"),
    ],
)
def test_what_does_not_pay_one_on_a_known_grid_is_blocked(change: dict[str, Any]) -> None:
    assert terms(told(**change)).blocked


def test_terms_come_out_of_what_the_venue_told_the_farm(connection: RawConnection) -> None:
    """An override of the event, taken back by a dated change: from the replies into the database and out of it."""
    series = {"ticker": "KXGOLD15M", "fee_type": "quadratic", "fee_multiplier": 1}
    back = {"id": "7", "series_ticker": "KXGOLD15M", "event_ticker": "KXGOLD15M-26AUG102030", "scheduled_ts": "2026-08-11T00:30:00Z"}
    back |= {"fee_type_override": None, "fee_multiplier_override": None}
    told = [parse("events", {"events": [event(listed())], "cursor": ""}), parse("series", {"series": [series]})]
    told.append(parse("event_fee_changes", {"event_fee_changes": [back]}))
    with connection, connection.cursor() as cursor:
        for one in told:
            markets.describe(cursor, "kalshi", one.markets, at_us=NOW_US)
            instruments.describe(cursor, "kalshi", one.instruments, complete=False, at_us=NOW_US)
        cursor.execute("SELECT market_key FROM markets")
        (stored,) = facts.load(cursor, [key for (key,) in cursor.fetchall()]).values()
    assert [rate(stored, at) for at in (NOW_US, NOW_US + HOUR)] == ["0.035", "0.07"]
    assert len(terms(stored).steps) == 3


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text("ax01.-e", max_size=5), lambda inner: st.lists(inner, max_size=2)
)
NAMES = ["market_type", "notional_value_dollars", "price_ranges", "fee_waiver_expiration_time", "event"]


@given(st.dictionaries(st.sampled_from(NAMES), json_values), st.dictionaries(st.sampled_from(["fee_type", "fee_multiplier"]), json_values))
def test_whatever_is_stored_gives_terms(attributes: dict[str, Any], series: dict[str, Any]) -> None:
    found = terms(replace(told(**attributes), series=series))
    assert found.fees.rate >= 0 and (found.steps or found.blocked)
