"""What Kalshi lists: events with their markets, series with their fees, and what a market came to."""

import pytest

from tests.venues.kalshi.messages import lists
from tests.venues.kalshi.replies import EVENT, LISTED, NOW_US, VENUE, event, listed, markets, parse
from venues.errors import BadReply


def of(*markets, **changes):
    return parse("events", {"cursor": "", "events": [event(*markets, **changes)]})


# --- markets and instruments


def test_a_market_has_what_its_event_knows_of_it() -> None:
    (market,) = of(LISTED).markets
    assert (market.market_id, market.event_id, market.series_id) == (LISTED["ticker"], "KXGOLD15M-26AUG102030", "KXGOLD15M")
    assert (market.title, market.status) == ("Gold price up in next 15 mins?", "active")
    assert market.outcomes == ((LISTED["ticker"], "Target Price: $4,320.10"),)
    assert market.rules == "If the price is at least the target, Yes.\n\nRounded to two places."
    assert (market.opens_at_us, market.closes_at_us) == (1_786_407_300_000_000, 1_786_408_200_000_000)
    assert market.resolution_source == "Pyth - Gold https://app.pyth.com/explore, Another"
    assert market.attributes["event"] == {
        name: EVENT[name]
        for name in ("title", "sub_title", "category", "mutually_exclusive", "collateral_return_type", "fee_multiplier_override")
    }
    assert {name: market.attributes[name] for name in ("floor_strike", "exchange_index", "price_level_structure", "status")} == {
        "floor_strike": 4320.1,
        "exchange_index": 2,
        "price_level_structure": "tapered_deci_cent",
        "status": "active",
    }


def test_prices_and_volumes_are_no_attributes_or_every_poll_would_be_a_change() -> None:
    (market,) = of(LISTED).markets
    moved = listed(
        yes_bid_dollars="0.4600",
        volume_fp="9999999.00",
        last_price_dollars="0.5000",
        open_interest_fp="1.00",
        updated_time="2026-08-11T00:16:00Z",
    )
    assert of(moved).markets == [market]
    assert of(moved).instruments == of(LISTED).instruments


def test_a_market_is_one_instrument_of_contracts_in_dollars() -> None:
    (instrument,) = of(LISTED).instruments
    assert (instrument.symbol, instrument.status, instrument.contract_type) == (LISTED["ticker"], "active", "binary")
    assert (instrument.quote_asset, instrument.price_unit, instrument.amount_unit) == ("USD", "USD", "contract")
    assert (instrument.tick_size, instrument.lot_size) == ("0.0010", "0.01")
    assert (instrument.listed_at_us, instrument.expires_at_us) == (1_786_407_300_000_000, 1_786_408_200_000_000)
    assert instrument.attributes["market_id"] == LISTED["ticker"]
    assert [step["step"] for step in instrument.attributes["price_ranges"]] == ["0.0010", "0.0100", "0.0010"]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initialized", "upcoming"),
        ("active", "active"),
        ("inactive", "paused"),
        ("closed", "closed"),
        ("determined", "closed"),
        ("disputed", "closed"),
        ("amended", "closed"),
        ("finalized", "resolved"),
    ],
)
def test_the_words_of_a_status(word: str, status: str) -> None:
    assert of(listed(status=word)).markets[0].status == status


def test_a_market_without_a_title_has_that_of_its_event_and_its_outcome() -> None:
    (market,) = of(listed(title=None)).markets
    assert market.title == "Gold 15 min Target Price: $4,320.10"
    (bare,) = of(listed(yes_sub_title=None, rules_primary=None, rules_secondary=None, price_ranges=None)).markets
    assert (bare.outcomes[0][1], bare.rules) == ("Yes", None)


def test_a_year_that_stands_for_no_time_is_none() -> None:
    (market,) = of(listed(open_time="0001-01-01T00:00:00Z", close_time="0001-01-01T00:00:00Z")).markets
    assert (market.opens_at_us, market.closes_at_us) == (None, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "sleeping"}, "unknown status 'sleeping'"),
        ({"ticker": "A B\u0000"}, "NUL"),
        ({"ticker": ""}, "ticker"),
        ({"open_time": "yesterday"}, "open_time"),
        ({"price_ranges": [{"start": "0"}]}, "price_ranges"),
    ],
)
def test_a_market_that_cannot_be_read_is_rejected_and_its_neighbours_are_kept(change, reason: str) -> None:
    decoded = of(listed(), listed(**change), listed(ticker="KXGOLD15M-B"))
    assert [market.market_id for market in decoded.markets] == [LISTED["ticker"], "KXGOLD15M-B"]
    assert [instrument.symbol for instrument in decoded.instruments] == [LISTED["ticker"], "KXGOLD15M-B"]
    ((place, said),) = [(one.frame, one.reason) for one in decoded.rejected]
    assert place == 1 and reason in said


def test_an_event_that_cannot_be_read_is_rejected_and_its_neighbours_are_kept() -> None:
    page = {"events": [{"title": "no ticker", "markets": [LISTED]}, event(LISTED), {**EVENT, "markets": None}], "cursor": ""}
    decoded = parse("events", page)
    assert len(decoded.markets) == 1 and [one.frame for one in decoded.rejected] == [0]


def test_a_page_says_nothing_of_what_is_not_on_it() -> None:
    assert of(LISTED).complete is False


def test_markets_come_by_events_all_that_are_open_and_what_changed_of_late() -> None:
    (whole,) = VENUE.poll("events").requests((), NOW_US)
    assert (whole.path, dict(whole.params)) == ("/trade-api/v2/events", {"status": "open", "with_nested_markets": "true", "limit": 200})
    (changed,) = VENUE.poll("events_updated").requests((), NOW_US)
    assert dict(changed.params) == {"min_updated_ts": NOW_US // 1_000_000 - 600, "with_nested_markets": "true", "limit": 200}


# --- series

SERIES = {
    "ticker": "KXGOLD15M",
    "title": "Gold 15 min",
    "category": "Commodities",
    "frequency": "fifteen_min",
    "fee_type": "quadratic_with_maker_fees",
    "fee_multiplier": 1,
    "tags": None,
    "last_updated_ts": "2026-08-11T00:00:00Z",
}


def test_a_series_is_an_instrument_that_is_not_traded_with_its_fees() -> None:
    (row,) = parse("series", {"series": [SERIES]}).instruments
    assert (row.symbol, row.status, row.contract_type, row.expires_at_us) == ("KXGOLD15M", "listed", "series", None)
    assert row.attributes == {name: SERIES[name] for name in ("title", "category", "frequency", "fee_type", "fee_multiplier")}


def test_a_series_that_cannot_be_read_is_rejected() -> None:
    decoded = parse("series", {"series": [{"title": "x"}, SERIES, {**SERIES, "title": "\u0000"}]})
    assert len(decoded.instruments) == 1 and [one.frame for one in decoded.rejected] == [0, 2]


# --- results


def came_to(**changes):
    return lists(parse("settlements", markets(listed(**changes))).rows["resolutions"])


def test_a_final_result_is_what_a_contract_for_yes_is_paid() -> None:
    assert came_to(status="finalized", result="yes", settlement_value_dollars="1.0000", settlement_ts="2026-08-11T00:30:05.463421Z") == {
        "symbol": [LISTED["ticker"]],
        "event_at": [1_786_408_205_463_421],
        "received_at": [NOW_US],
        "source": ["kalshi"],
        "status": ["resolved"],
        "payout": [1.0],
    }


@pytest.mark.parametrize(
    ("changes", "status", "payout"),
    [
        ({"status": "determined", "result": "no"}, "determined", 0.0),
        ({"status": "disputed", "result": "yes"}, "disputed", 1.0),
        ({"status": "amended", "result": "scalar", "settlement_value_dollars": "0.3750"}, "determined", 0.375),
        ({"status": "finalized", "result": "scalar"}, "resolved", None),
    ],
)
def test_what_is_said_before_it_is_final(changes, status: str, payout: float | None) -> None:
    row = came_to(**changes)
    assert row["status"] == [status]
    assert (row["payout"] or [None]) == [payout]


def test_a_result_without_a_time_of_its_own_has_that_of_the_last_change_or_of_the_reply() -> None:
    assert came_to(status="determined", result="yes")["event_at"] == [1_786_407_302_500_000]
    assert came_to(status="determined", result="yes", updated_time=None)["event_at"] == [NOW_US]
    assert came_to(status="finalized", result="yes", updated_time=None, settlement_ts=None)["event_at"] == [NOW_US]


def test_what_still_trades_has_no_result() -> None:
    decoded = parse("settlements", markets(LISTED, listed(status="closed")))
    assert decoded.rows == {} and decoded.ignored == {"no result yet": 2}


def test_results_are_asked_for_where_they_are_and_in_the_archive() -> None:
    requests = VENUE.poll("settlements").requests([f"M{n}" for n in range(150)], NOW_US)
    assert [(request.path, request.params["tickers"].count(",")) for request in requests] == [
        ("/trade-api/v2/markets", 99),
        ("/trade-api/v2/historical/markets", 99),
        ("/trade-api/v2/markets", 49),
        ("/trade-api/v2/historical/markets", 49),
    ]


@pytest.mark.parametrize("poll", ["events", "series", "settlements"])
def test_a_reply_without_its_list_is_bad(poll: str) -> None:
    with pytest.raises(BadReply, match=poll):
        parse(poll, {"error": {"code": "x"}})
