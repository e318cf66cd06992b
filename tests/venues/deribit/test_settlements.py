"""Settlements and prices of delivery: replies into rows, and how far their pages are walked."""

import json

import pytest

from core.venue import Reply
from tests.venues.deribit.frames import lists
from venues import VENUES
from venues.errors import BadReply

VENUE = VENUES["deribit"]
#: 2026-11-22 08:20:05.5 UTC
NOW_US = 1_795_335_605_500_000
TODAY_MS, DAY_MS = 1_795_334_400_000, 86_400_000
POLL = "get_last_settlements_by_currency"
DELIVERY = {
    "type": "delivery",
    "timestamp": TODAY_MS,
    "instrument_name": "ETH-22NOV26-2800-C",
    "index_price": 2871.36,
    "mark_price": 2.4853e-2,
    "position": 1180.0,
    "profit_loss": 0.0,
    "session_profit_loss": -1.2e-5,
}
DAILY = {
    **DELIVERY,
    "type": "settlement",
    "instrument_name": "ETH-PERPETUAL",
    "funding": -2.511e-6,
    "mark_price": 2871.4,
    "session_tax": 0.0,
}


def reply(result, poll: str = POLL, **params) -> Reply:
    body = result if isinstance(result, bytes) else json.dumps({"jsonrpc": "2.0", "result": result, "usOut": 5}).encode()
    return Reply(poll, params, body, NOW_US)


def page(*rows, continuation: str = "none") -> dict[str, object]:
    return {"settlements": list(rows), "continuation": continuation}


def test_a_settlement_and_a_delivery() -> None:
    decoded = VENUE.poll(POLL).parse(reply(page(DELIVERY, DAILY)))
    assert lists(decoded.rows["settlements"]) == {
        "symbol": ["ETH-22NOV26-2800-C", "ETH-PERPETUAL"],
        "event_at": [TODAY_MS * 1000] * 2,
        "received_at": [NOW_US] * 2,
        "type": ["delivery", "settlement"],
        "index_price": [2871.36, 2871.36],
        "mark_price": [0.024853, 2871.4],
        "position": [1180.0, 1180.0],
        "profit_loss": [0.0, 0.0],
        "session_profit_loss": [-0.000012, -0.000012],
        "funding": [None, -0.000002511],
    }


def test_a_broken_settlement_is_rejected_by_its_place() -> None:
    broken = [
        DAILY | {"type": "bankruptcy"},
        DAILY | {"instrument_name": None},
        DAILY | {"instrument_name": "A\0"},
        DAILY | {"position": "x"},
    ]
    decoded = VENUE.poll(POLL).parse(reply(page(DAILY, *broken, DAILY)))
    assert [rejected.frame for rejected in decoded.rejected] == [1, 2, 3, 4]
    assert len(decoded.rows["settlements"]["symbol"]) == 2


def test_nothing_settled_is_no_row() -> None:
    assert VENUE.poll(POLL).parse(reply(page())).rows == {}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"result":{}}', b'{"result":{"settlements":null}}'], ids=repr)
def test_a_reply_that_is_none_is_bad(body: bytes) -> None:
    for read in (VENUE.poll(POLL).parse, VENUE.poll(POLL).follow, VENUE.poll("get_delivery_prices").parse):
        with pytest.raises(BadReply):
            read(reply(body, currency="ETH", type="delivery", index_name="eth_usd"))


@pytest.mark.parametrize(
    ("rows", "continuation", "goes_on"),
    [
        pytest.param([DAILY], "xY32", True, id="young, and there is more"),
        pytest.param([DAILY], "none", False, id="the last page"),
        pytest.param([DAILY], "", False, id="no word of more"),
        pytest.param([DAILY, DAILY | {"timestamp": TODAY_MS - 3 * DAY_MS}], "xY32", False, id="older than any outage"),
        pytest.param([], "xY32", False, id="an empty page"),
    ],
)
def test_pages_are_followed_while_they_are_young(rows, continuation: str, goes_on: bool) -> None:
    found = VENUE.poll(POLL).follow(reply(page(*rows, continuation=continuation), currency="ETH", type="delivery", count=1000))
    wanted = {"currency": "ETH", "type": "delivery", "count": 1000, "continuation": "xY32"}
    assert (None if found is None else dict(found.params)) == (wanted if goes_on else None)


def test_a_price_of_delivery_is_of_eight_o_clock() -> None:
    rows = [{"date": "2026-11-22", "delivery_price": 2871.36}, {"date": "2020-01-02", "delivery_price": 127.28}]
    decoded = VENUE.poll("get_delivery_prices").parse(
        reply({"data": rows, "records_total": 58}, "get_delivery_prices", index_name="eth_usd")
    )
    assert lists(decoded.rows["delivery_prices"]) == {
        "symbol": ["eth_usd", "eth_usd"],
        "event_at": [TODAY_MS * 1000, 1_577_952_000_000_000],
        "received_at": [NOW_US] * 2,
        "price": [2871.36, 127.28],
    }


@pytest.mark.parametrize("row", [{"date": "22.11.2026", "delivery_price": 1.0}, {"date": "2026-11-22", "delivery_price": 0}, {}], ids=str)
def test_a_price_of_no_day_or_none_is_rejected(row) -> None:
    good = {"date": "2026-11-22", "delivery_price": 2871.36}
    decoded = VENUE.poll("get_delivery_prices").parse(reply({"data": [row, good]}, "get_delivery_prices", index_name="eth_usd"))
    assert ([rejected.frame for rejected in decoded.rejected], len(decoded.rows["delivery_prices"]["symbol"])) == ([0], 1)
