"""Entries of Gamma into markets and instruments."""

import json
from typing import Any

import pytest

from core.records import Instrument, Market
from core.venue import Reply
from tests.venues.polymarket.frames import MARKET, NO, YES
from venues.errors import BadReply
from venues.polymarket.listings import parse_events, parse_markets
from venues.polymarket.texts import microseconds_of, step, texts

NOW_US = 1_795_300_000_000_000
ENTRY: dict[str, Any] = {
    "id": "2799853",
    "question": "Will “it” be?",
    "conditionId": MARKET,
    "slug": "will-it-be",
    "resolutionSource": "https://example.org",
    "endDate": "2026-07-29T00:00:00Z",
    "startDate": "2026-03-20T00:12:44.271047Z",
    "updatedAt": "2026-07-06T06:13:56.803538Z",
    "description": "If it is.\n\n“Maybe” counts as no.",
    "outcomes": '["Yes", "No"]',
    "outcomePrices": '["0.655", "0.345"]',
    "clobTokenIds": json.dumps([YES, NO]),
    "volume": "42063.38369199999",
    "volumeNum": 42063.38369199999,
    "liquidityNum": "101895.982",
    "active": True,
    "closed": False,
    "archived": False,
    "acceptingOrders": True,
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "negRisk": True,
    "feesEnabled": True,
    "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25},
    "bestBid": 0.65,
    "events": [{"id": 287395, "slug": "fed", "title": "Fed?", "series": [{"id": "35"}]}],
}


def page(*entries: dict[str, Any], **more: Any) -> Reply:
    return Reply("markets", {}, json.dumps({"markets": list(entries)} | more).encode(), NOW_US)


def listed(**changes: Any) -> tuple[list[Instrument], Market]:
    entry = {name: value for name, value in (ENTRY | changes).items() if value is not ...}
    decoded = parse_markets(page(entry))
    assert not decoded.rejected, decoded.rejected
    (market,) = decoded.markets
    return list(decoded.instruments), market


def test_an_entry_is_a_market_and_an_instrument_a_token() -> None:
    instruments, market = listed()
    assert market == Market(
        market_id=MARKET,
        title="Will “it” be?",
        status="active",
        outcomes=((YES, "Yes"), (NO, "No")),
        rules="If it is.\n\n“Maybe” counts as no.",
        event_id="287395",
        series_id="35",
        opens_at_us=1773965564271047,
        closes_at_us=1785283200000000,
        resolution_source="https://example.org",
        attributes={
            "id": "2799853",
            "slug": "will-it-be",
            "orderPriceMinTickSize": 0.001,
            "orderMinSize": 5,
            "negRisk": True,
            "feesEnabled": True,
            "feeSchedule": ENTRY["feeSchedule"],
            "eventSlug": "fed",
            "eventTitle": "Fed?",
        },
    )
    about = {"quote_asset": "USDC", "contract_type": "outcome", "tick_size": "0.001"}
    assert instruments == [
        Instrument(token, "active", **about, attributes={"market_id": MARKET, "outcome": name})
        for token, name in ((YES, "Yes"), (NO, "No"))
    ]


def test_figures_that_move_make_no_new_version() -> None:
    moved = {"volumeNum": 1.0, "liquidityNum": 1, "bestBid": 0.1, "outcomePrices": '["0.1", "0.9"]', "updatedAt": "2026-07-07T00:00:00Z"}
    assert listed(**moved) == listed()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "active"),
        ({"acceptingOrders": False}, "paused"),
        ({"acceptingOrders": ...}, "active"),
        ({"active": False}, "upcoming"),
        ({"umaResolutionStatus": "proposed"}, "active"),
        ({"closed": True}, "closed"),
        ({"closed": True, "umaResolutionStatus": "proposed"}, "closed"),
        ({"closed": True, "umaResolutionStatus": "resolved"}, "resolved"),
        ({"archived": True}, "closed"),
    ],
)
def test_states(changes: dict[str, Any], status: str) -> None:
    instruments, market = listed(**changes)
    assert {market.status, *(instrument.status for instrument in instruments)} == {status}


@pytest.mark.parametrize("tokens", [..., None, "", "[]"])
def test_a_young_market_has_no_tokens_yet(tokens: Any) -> None:
    instruments, market = listed(clobTokenIds=tokens)
    assert (instruments, market.outcomes, market.title) == ([], (), "Will “it” be?")


def test_arrays_come_as_such_too() -> None:
    assert listed(outcomes=["Yes", "No"], clobTokenIds=[YES, NO]) == listed()


def test_position_ids_stand_for_tokens_in_markets_of_the_second_protocol() -> None:
    both = {"positionIds": ["6384", "6385"]}
    assert [one.symbol for one in listed(**both)[0]] == [YES, NO]
    assert [one.symbol for one in listed(**both, version="v2")[0]] == ["6384", "6385"]
    assert [one.symbol for one in listed(version="v2")[0]] == [YES, NO]


@pytest.mark.parametrize(
    "changes",
    [
        {"conditionId": ...},
        {"conditionId": ""},
        {"clobTokenIds": "[1"},
        {"clobTokenIds": json.dumps([YES])},
        {"clobTokenIds": json.dumps([YES, "7" * 101])},
        {"outcomes": "Yes"},
        {"question": None},
        {"question": "\0"},
        {"orderPriceMinTickSize": 7},
    ],
)
def test_a_broken_entry_costs_none_of_its_neighbours(changes: dict[str, Any]) -> None:
    broken = {name: value for name, value in (ENTRY | changes).items() if value is not ...}
    decoded = parse_markets(page(ENTRY, broken, ENTRY | {"conditionId": "0x1"}))
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    assert [market.market_id for market in decoded.markets] == [MARKET, "0x1"] and len(decoded.instruments) == 4


def test_a_page_is_never_the_whole_list() -> None:
    assert not parse_markets(page(ENTRY)).complete and not parse_markets(page()).complete
    assert list(parse_markets(page()).markets) == []


def test_markets_inside_events_are_the_same_markets() -> None:
    inner = {name: value for name, value in ENTRY.items() if name != "events"}
    event = {"id": "287395", "slug": "fed", "title": "Fed?", "series": [{"id": "35"}], "markets": [inner]}
    reply = Reply("events", {}, json.dumps({"events": [event, {"slug": "without an id"}, event | {"markets": []}]}).encode(), NOW_US)
    decoded = parse_events(reply)
    assert (list(decoded.instruments), list(decoded.markets)) == (listed()[0], [listed()[1]])
    assert [rejected.frame for rejected in decoded.rejected] == [1]


@pytest.mark.parametrize("body", [b"<!DOCTYPE html>", b"[]", b"{}", b'{"markets":7}', b'{"events":{}}', b"null", b""])
def test_what_is_no_page_is_a_bad_reply(body: bytes) -> None:
    for parse in (parse_markets, parse_events):
        with pytest.raises(BadReply, match="it begins"):
            parse(Reply("markets", {}, body, NOW_US))


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2026-10-03 12:00:00+00", 1791028800000000),
        ("2026-07-24T16:10:00Z", 1784909400000000),
        ("2026-07-23T16:13:17.964139Z", 1784823197964139),
        ("2026-07-13", 1783900800000000),
        ("3000-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_times(text: str | None, us: int | None) -> None:
    assert microseconds_of(text) == us


@pytest.mark.parametrize(
    ("value", "plain"), [(0.001, "0.001"), (0.0025, "0.0025"), ("0.0100", "0.01"), (1e-4, "0.0001"), (0, None), ("x", None), (None, None)]
)
def test_ticks(value: Any, plain: str | None) -> None:
    assert step(value) == plain


def test_arrays_inside_strings() -> None:
    assert texts('["a", "b"]', "x") == ["a", "b"] and texts(None, "x") == texts("", "x") == []
