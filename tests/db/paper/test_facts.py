"""db.paper.facts: what is stored of markets, as it was known at a moment."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import Instrument, Market
from core.trading import Facts
from db import instruments, markets
from db.paper import facts

AT = 1_795_300_000_000_000
HOUR = 3_600_000_000
RAIN = Market("RAIN-1-T1", "Will it rain?", "active", (("1", "Yes"),), event_id="RAIN-1", series_id="RAIN", attributes={"least": 5})
SNOW = Market("SNOW-1-T1", "Will it snow?", "active", (("2", "Yes"),), event_id="SNOW-1", series_id="SNOW")
SERIES = Instrument("RAIN", "listed", contract_type="series", attributes={"fee_multiplier": 1})


def change(number: int, at_us: int, series: str = "RAIN", **told: Any) -> Instrument:
    about = {"series_ticker": series, **told}
    return Instrument(f"fee change {number}", "scheduled", contract_type="fee change", listed_at_us=at_us, attributes=about)


@pytest.fixture
def describe(connection: RawConnection) -> Callable[..., None]:
    def describe(*listed: Market | Instrument, at_us: int = AT, venue: str = "somewhere") -> None:
        with connection, connection.cursor() as cursor:
            markets.describe(cursor, venue, [one for one in listed if isinstance(one, Market)], at_us=at_us)
            instruments.describe(cursor, venue, [one for one in listed if isinstance(one, Instrument)], complete=False, at_us=at_us)

    return describe


@pytest.fixture
def load(connection: RawConnection) -> Callable[..., list[Facts]]:
    """Of all markets, by their ids."""

    def load(at_us: int | None = None) -> list[Facts]:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT market_key FROM markets")
            found = facts.load(cursor, [key for (key,) in cursor.fetchall()], at_us=at_us)
        return sorted(found.values(), key=lambda one: one.market_id)

    return load


Load = Callable[..., Sequence[Facts]]


def test_a_market_comes_with_its_series_and_its_changes_in_order(describe: Any, load: Load) -> None:
    late, early = change(1, AT + HOUR, fee_multiplier=2), change(2, AT - HOUR, fee_multiplier=1)
    describe(RAIN, SNOW, SERIES, late, early, change(3, AT, series="SNOW"))
    rain, snow = load()
    assert rain == Facts(
        *("RAIN-1-T1", "RAIN", "RAIN-1", {"least": 5}, {"fee_multiplier": 1}),
        changes=((AT - HOUR, early.attributes), (AT + HOUR, late.attributes)),
        attributes_us=AT,
        series_us=AT,
    )
    assert (snow.series, snow.series_us, snow.attributes, len(snow.changes)) == ({}, 0, {}, 1)


def test_facts_are_those_of_the_moment(describe: Any, load: Load) -> None:
    describe(RAIN, SERIES, change(1, AT + HOUR, fee_multiplier=2))
    describe(replace(RAIN, attributes={"least": 6}), change(1, AT + 2 * HOUR, fee_multiplier=3), at_us=AT + 60)
    describe(replace(SERIES, attributes={"fee_multiplier": 4}), at_us=AT + 90)
    (then,), (later,), (now,) = load(AT), load(AT + 60), load()
    assert (then.attributes, then.attributes_us, then.changes[0][0]) == ({"least": 5}, AT, AT + HOUR)
    assert (later.attributes, later.attributes_us, later.series_us) == ({"least": 6}, AT + 60, AT)
    assert [at for at, _ in later.changes] == [AT + 2 * HOUR], "a change that was moved counts where it stands now"
    assert (now.series, now.series_us) == ({"fee_multiplier": 4}, AT + 90)


def test_a_market_that_was_not_described_yet_is_missing(describe: Any, load: Load) -> None:
    describe(RAIN)
    assert load(AT - 1) == []


def test_venues_do_not_see_each_others_series(describe: Any, load: Load) -> None:
    describe(RAIN)
    describe(SERIES, change(1, AT), venue="elsewhere")
    (rain,) = load()
    assert (rain.series, rain.changes) == ({}, ())


def test_an_instrument_named_like_a_series_is_none(describe: Any, load: Load) -> None:
    describe(RAIN, replace(SERIES, contract_type="binary"))
    assert load()[0].series == {}


def test_nothing_is_asked_of_nothing(connection: RawConnection) -> None:
    with connection, connection.cursor() as cursor:
        assert facts.load(cursor, []) == {}
