"""Deribit REST polls: what is asked for, and replies into rows."""

import json

import pytest

from core.venue import Reply
from tests.venues.deribit.frames import OPTION, TRADE, lists, sent
from venues import VENUES
from venues.deribit.frames import decode
from venues.deribit.rest import INDEX_NAMES, request_candles, request_trades
from venues.errors import BadReply

VENUE = VENUES["deribit"]
#: 2026-11-22 08:20:05.5 UTC
NOW_US = 1_795_335_605_500_000
MINUTE_MS = 1_795_335_600_000  # 08:20


def parse(poll: str, result, *, received_us: int = NOW_US, **params):
    body = result if isinstance(result, bytes) else json.dumps({"jsonrpc": "2.0", "id": 1, "result": result, "usOut": 5}).encode()
    return VENUE.poll(poll).parse(Reply(poll, params, body, received_us))


def recorded(captures, name: str):
    entry = json.loads((captures / "deribit" / name).read_text())
    return json.dumps(entry["body"]).encode(), entry["request"]["params"]


def test_the_polls_and_how_often_they_run() -> None:
    assert [(poll.name, poll.every_seconds, poll.about, poll.queue) for poll in VENUE.polls] == [
        ("get_instruments", 900, "venue", "metadata"),
        ("status", 60, "venue", "snapshots"),
        ("get_book_summary_by_currency", 60, "venue", "snapshots"),
        ("get_order_book", 900, "unrecorded", "snapshots"),
        ("get_tradingview_chart_data", 60, "instruments", "snapshots"),
        ("get_funding_rate_history", 3600, "venue", "snapshots"),
        ("get_index_price", 60, "venue", "snapshots"),
        ("get_delivery_prices", 3600, "venue", "snapshots"),
        ("get_last_settlements_by_currency", 3600, "venue", "snapshots"),
        ("get_last_trades_by_instrument", None, "instruments", "backfill"),
    ]


CHART = {"start_timestamp": MINUTE_MS - 120_000, "end_timestamp": MINUTE_MS + 5_500, "resolution": "1"}
FUNDING = {"start_timestamp": MINUTE_MS + 5_500 - 86_400_000, "end_timestamp": MINUTE_MS + 5_500}
RECORDED = ["ETH-PERPETUAL", "ETH_USDC-PERPETUAL", "ETH-25DEC26-3000-C"]
OPTIONS_ASKED = [{"instrument_name": name, "depth": 1} for name in ("ETH-25DEC26-3000-C", "XRP_USDC-30JUN26-0d62-C")]
SETTLEMENTS_ASKED = [
    {"currency": currency, "type": type, "count": 1000} for currency in ("ETH", "USDC") for type in ("settlement", "delivery")
]


@pytest.mark.parametrize(
    ("poll", "symbols", "params"),
    [
        ("get_book_summary_by_currency", RECORDED, [{"currency": "ETH"}, {"currency": "USDC"}]),
        ("get_book_summary_by_currency", ["A", "SOL-PERPETUAL"], []),
        ("get_order_book", [*RECORDED, "XRP_USDC-30JUN26-0d62-C", "ETH-CS-25DEC26-1_2"], OPTIONS_ASKED),
        ("get_tradingview_chart_data", ["A", "B"], [{"instrument_name": name, **CHART} for name in "AB"]),
        ("get_funding_rate_history", ["A", "ETH_USDC-PERPETUAL"], [{"instrument_name": "ETH_USDC-PERPETUAL", **FUNDING}]),
        ("get_funding_rate_history", [], []),
        ("get_index_price", ["A"], [{"index_name": name} for name in ("eth_usd", "btc_usd", "eth_usdc", "btc_usdc")]),
        ("get_delivery_prices", ["A"], [{"index_name": name, "offset": 0, "count": 10} for name in INDEX_NAMES]),
        ("get_last_settlements_by_currency", RECORDED, SETTLEMENTS_ASKED),
        ("get_last_trades_by_instrument", ["A"], [{"instrument_name": "A", "count": 1000, "sorting": "desc"}]),
    ],
)
def test_requests(poll: str, symbols, params) -> None:
    requests = VENUE.poll(poll).requests(symbols, NOW_US)
    assert [dict(request.params) for request in requests] == params
    assert {(request.path, request.weight) for request in requests} <= {(f"/api/v2/public/{poll}", 500)}


# --- book summaries

SUMMARY = {
    "instrument_name": "ETH-25DEC26-3000-C",
    "creation_timestamp": 1766332040123,
    "mark_price": 5.31e-2,
    "last": None,
    "open_interest": 1124.7,
    "volume": 175.6,
    "mark_iv": 55.3,
    "underlying_price": 2975.49,
    "estimated_delivery_price": 2971.47,
    "bid_price": None,
    "ask_price": 5.35e-2,
    "mid_price": None,
    "volume_usd": 28341.12,
    "interest_rate": 0.0,
}


def test_a_chain_is_a_row_an_instrument() -> None:
    perpetual = {"instrument_name": "ETH-PERPETUAL", "creation_timestamp": 1766332040123, "current_funding": -1e-5, "mark_iv": 0.0}
    decoded = parse("get_book_summary_by_currency", [SUMMARY, perpetual], currency="ETH")
    assert lists(decoded.rows["book_summaries"]) == {
        "symbol": ["ETH-25DEC26-3000-C", "ETH-PERPETUAL"],
        "event_at": [1766332040123000] * 2,
        "received_at": [NOW_US] * 2,
        "bid_price": None,
        "ask_price": [0.0535, None],
        "mid_price": None,
        "mark_price": [0.0531, None],
        "settlement_price": [2971.47, None],
        "funding_rate": [None, -0.00001],
        "last_price": None,
        "volume_usd": [28341.12, None],
        "interest_rate": [0.0, None],
        "open_interest": [1124.7, None],
        "volume": [175.6, None],
        "underlying_price": [2975.49, None],
        "mark_iv": [55.3, None],
    }


def test_a_broken_summary_is_rejected_by_its_place() -> None:
    decoded = parse("get_book_summary_by_currency", [SUMMARY, SUMMARY | {"mark_price": "x"}, SUMMARY | {"instrument_name": "A\0"}, SUMMARY])
    assert [rejected.frame for rejected in decoded.rejected] == [1, 2]
    assert len(decoded.rows["book_summaries"]["symbol"]) == 2


def test_no_summaries_are_no_rows() -> None:
    assert parse("get_book_summary_by_currency", []).rows == {}


@pytest.mark.parametrize(
    ("name", "marks", "interest"),
    [
        ("rest_get_book_summary_2022-06_btc-24jun22-30000-c.json", [0.05317014, 1.98432769], [1124.7, 8.1]),
        ("rest_get_book_summary_2022-06_btc-perpetual.json", [29700.53], [560105870.0]),
    ],
)
def test_recorded_summaries(name: str, marks, interest, captures) -> None:
    body, params = recorded(captures, name)
    columns = lists(parse("get_book_summary_by_currency", body, **params).rows["book_summaries"])
    assert (columns["mark_price"], columns["open_interest"]) == (marks, interest)


# --- greeks of the rest of a chain


def test_an_order_book_says_what_a_ticker_says(batch) -> None:
    book = {**OPTION, "change_id": 7, "bids": [[0.1255, 29.3]], "asks": []}
    told = lists(parse("get_order_book", book, instrument_name=OPTION["instrument_name"], depth=1).rows["tickers"])
    same = lists(decode("ticker", batch([sent("ticker.BTC-25DEC26-76000-C.100ms", OPTION)])).rows["tickers"])
    assert told.pop("received_at") == [NOW_US] and same.pop("received_at")
    assert told == same


@pytest.mark.parametrize("body", [b"", b"{}", b'{"result":null}', b'{"result":{"timestamp":1766332040123}}'], ids=repr)
def test_an_order_book_that_is_none_is_bad(body: bytes) -> None:
    with pytest.raises(BadReply):
        parse("get_order_book", body)


# --- candles


def chart(n: int = 3, **fields):
    values = {name: [float(i) for i in range(n)] for name in ("open", "high", "low", "close", "volume", "cost")}
    return {"status": "ok", "ticks": [MINUTE_MS - (n - 1 - i) * 60_000 for i in range(n)]} | values | fields


def test_candles() -> None:
    decoded = parse("get_tradingview_chart_data", chart(2, volume=[2.9e0, 0], cost=[257490.0, None]), instrument_name="A", resolution="1")
    assert lists(decoded.rows["candles"]) == {
        "symbol": ["A", "A"],
        "event_at": [(MINUTE_MS - 60_000) * 1000, MINUTE_MS * 1000],
        "received_at": [NOW_US] * 2,
        "interval_seconds": [60, 60],
        "open": [0.0, 1.0],
        "high": [0.0, 1.0],
        "low": [0.0, 1.0],
        "close": [0.0, 1.0],
        "volume": [2.9, 0.0],
        "quote_volume": [257490.0, None],
        "closed": [True, False],
    }


@pytest.mark.parametrize(("late_us", "closed"), [(0, False), (2_000_000, False), (2_000_001, True)])
def test_a_candle_is_closed_two_seconds_after_its_end(late_us: int, closed: bool) -> None:
    decoded = parse("get_tradingview_chart_data", chart(1), received_us=(MINUTE_MS + 60_000) * 1000 + late_us, instrument_name="A")
    assert decoded.rows["candles"]["closed"].tolist() == [closed]


def test_no_data_is_an_answer() -> None:
    empty = {"status": "no_data"} | {name: [] for name in ("ticks", "open", "high", "low", "close", "volume", "cost")}
    for result in (empty, {"status": "no_data"}):
        decoded = parse("get_tradingview_chart_data", result, instrument_name="A")
        assert (decoded.rows, decoded.ignored) == ({}, {"no_data": 1})


def test_a_broken_candle_is_rejected_by_its_place() -> None:
    decoded = parse("get_tradingview_chart_data", chart(3, high=[1.0, None, 2.0]), instrument_name="A")
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    assert decoded.rows["candles"]["high"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "result",
    [chart(3, high=[1.0]), chart(3, status="error"), {"ticks": []}, [], None],
    ids=["ragged", "status", "no status", "list", "null"],
)
def test_a_chart_of_another_shape_is_bad(result) -> None:
    with pytest.raises(BadReply):
        parse("get_tradingview_chart_data", result, instrument_name="A")


def test_a_chart_of_nobody_or_of_another_resolution_is_bad() -> None:
    with pytest.raises(BadReply):
        parse("get_tradingview_chart_data", chart())
    with pytest.raises(BadReply):
        parse("get_tradingview_chart_data", chart(), instrument_name="A", resolution="5")


def test_candles_of_any_span_can_be_asked_for() -> None:
    assert dict(request_candles("A", 1, 2).params) == {"instrument_name": "A", "start_timestamp": 1, "end_timestamp": 2, "resolution": "1"}


def test_recorded_candles(captures) -> None:
    body, _ = recorded(captures, "rest_get_tradingview_chart_data_2025-12.json")
    columns = lists(parse("get_tradingview_chart_data", body, instrument_name="BTC-PERPETUAL").rows["candles"])
    assert columns["event_at"] == [1766483460000000 + i * 60_000_000 for i in range(5)]
    assert columns["close"] == [87456.5, 87456.5, 87456.0, 87456.0, 87456.0]
    assert columns["volume"] == [2.94375216, 2.85806724, 0.23097259, 0.09570527, 0.1018798]
    assert columns["quote_volume"] == [257490.0, 250000.0, 20200.0, 8370.0, 8910.0]
    assert columns["closed"] == [True] * 5


# --- funding, index prices


def test_funding_by_the_hour() -> None:
    rows = [{"timestamp": MINUTE_MS, "interest_1h": 1.5e-6, "interest_8h": 1e-5, "index_price": 1.0, "prev_index_price": 1.0}]
    decoded = parse(
        "get_funding_rate_history", [*rows, {"timestamp": MINUTE_MS}, {"timestamp": MINUTE_MS, "interest_1h": 0}], instrument_name="A"
    )
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    assert lists(decoded.rows["funding_rates"]) == {
        "symbol": ["A", "A"],
        "event_at": [MINUTE_MS * 1000] * 2,
        "received_at": [NOW_US] * 2,
        "funding_rate": [0.0000015, 0.0],
    }
    with pytest.raises(BadReply):
        parse("get_funding_rate_history", rows)


def test_an_index_price_has_the_time_of_its_reply(captures) -> None:
    body, params = recorded(captures, "retyped/rest_get_index_price_2026-09-12.json")
    assert lists(parse("get_index_price", body, **params).rows["index_prices"]) == {
        "symbol": ["eth_usd"],
        "event_at": [1789247352645867],
        "received_at": [NOW_US],
        "price": [2526.12],
    }


@pytest.mark.parametrize(
    "body", [b'{"result":{"index_price":0},"usOut":1789247352645867}', b'{"result":{"index_price":1},"usOut":17}', b"{}"]
)
def test_an_index_price_that_is_none_is_bad(body: bytes) -> None:
    with pytest.raises(BadReply):
        parse("get_index_price", body, index_name="eth_usd")


# --- trades


def test_trades_of_a_page_and_of_the_stream_are_the_same_rows(batch) -> None:
    two = [TRADE, TRADE | {"trade_seq": 92836832, "direction": "sell", "combo_id": "X"}]
    page = lists(parse("get_last_trades_by_instrument", {"trades": two, "has_more": False}, instrument_name="A").rows["trades"])
    stream = lists(decode("trades", batch([sent("trades.A.100ms", two)])).rows["trades"])
    assert page | {"received_at": None} == stream | {"received_at": None}
    assert page["received_at"] == [NOW_US] * 2


def test_a_broken_trade_of_a_page_is_rejected_by_its_place() -> None:
    decoded = parse("get_last_trades_by_instrument", {"trades": [TRADE, TRADE | {"price": 0}, {}], "has_more": True})
    assert ([rejected.frame for rejected in decoded.rejected], decoded.rows["trades"]["trade_id"].tolist()) == ([1, 2], [92836831])


def test_pages_are_ascending_within_their_numbers() -> None:
    assert dict(request_trades("A", 5, 9).params) == {"instrument_name": "A", "count": 1000, "sorting": "asc", "start_seq": 5, "end_seq": 9}


@pytest.mark.parametrize(
    ("name", "first", "sides", "flags"),
    [
        ("rest_get_last_trades_2025-12_eth-perpetual.json", 203024587, [-1] * 9 + [1], [0] * 10),
        ("rest_get_last_trades_2026-05_perpetual_with_combo.json", 133407041, [1] * 7, [4] * 7),
    ],
)
def test_recorded_pages(name: str, first: int, sides, flags, captures) -> None:
    body, params = recorded(captures, name)
    columns = lists(parse("get_last_trades_by_instrument", body, **params).rows["trades"])
    assert columns["trade_id"] == list(range(first, first + len(sides)))
    assert (columns["side"], columns["flags"]) == (sides, flags)
