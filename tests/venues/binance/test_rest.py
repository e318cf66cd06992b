"""Binance REST polls: what is asked for, and replies into rows."""

import json

import numpy as np
import pytest

from core.venue import Reply
from venues import VENUES
from venues.errors import BadReply

VENUE = VENUES["binance"]
#: 2026-11-22 08:20:05.5 UTC
NOW_US = 1_795_335_605_500_000
HOUR_MS = 1_795_334_400_000  # 08:00


def parse(poll: str, body, *, received_us: int = NOW_US, **params):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return VENUE.poll(poll).parse(Reply(poll, params, raw, received_us))


def lists(columns) -> dict:
    return {name: column if column is None or isinstance(column, list) else column.tolist() for name, column in columns.items()}


def test_the_polls_and_how_often_they_run() -> None:
    assert [(poll.name, poll.every_seconds, poll.about, poll.queue) for poll in VENUE.polls] == [
        ("exchangeInfo", 3600, "venue", "metadata"),
        ("klines", 60, "instruments", "snapshots"),
        ("fundingRate", 3600, "venue", "snapshots"),
        ("premiumIndex", 60, "venue", "snapshots"),
        ("openInterest", 300, "instruments", "snapshots"),
        ("aggTrades", None, "instruments", "backfill"),
    ]


@pytest.mark.parametrize(
    ("poll", "path", "params", "weight"),
    [
        ("exchangeInfo", "/fapi/v1/exchangeInfo", [{}], 1),
        ("klines", "/fapi/v1/klines", [{"symbol": s, "interval": "1m", "limit": 3} for s in ("A", "B")], 1),
        ("premiumIndex", "/fapi/v1/premiumIndex", [{}], 10),
        ("openInterest", "/fapi/v1/openInterest", [{"symbol": "A"}, {"symbol": "B"}], 1),
        ("aggTrades", "/fapi/v1/aggTrades", [{"symbol": "A", "limit": 1000}, {"symbol": "B", "limit": 1000}], 20),
    ],
)
def test_requests(poll: str, path: str, params, weight: int) -> None:
    requests = VENUE.poll(poll).requests(["A", "B"], NOW_US)
    assert [dict(request.params) for request in requests] == params
    assert {(request.path, request.weight) for request in requests} == {(path, weight)}


def test_funding_is_asked_for_by_the_hour() -> None:
    requests = VENUE.poll("fundingRate").requests(["A"], NOW_US)
    assert [dict(request.params) for request in requests] == [
        {"startTime": HOUR_MS - 3_660_000, "endTime": HOUR_MS - 60_001, "limit": 1000},
        {"startTime": HOUR_MS - 60_000, "endTime": HOUR_MS + 3_539_999, "limit": 1000},
    ]
    assert [request.weight for request in requests] == [0, 0]


def kline(minutes: int, **changes) -> list:
    start = HOUR_MS + minutes * 60_000
    row = {
        "t": start,
        "o": "1.5",
        "h": "2",
        "l": "1",
        "c": "1.7",
        "v": "10",
        "T": start + 59_999,
        "q": "16",
        "n": 4,
        "V": "6",
        "Q": "9.5",
        "ignore": "0",
    }
    return list({**row, **changes}.values())


def test_klines_are_closed_two_seconds_after_their_close() -> None:
    columns = lists(parse("klines", [kline(18), kline(19), kline(20)], symbol="BTCUSDT", interval="1m").rows["candles"])
    assert columns == {
        "symbol": ["BTCUSDT"] * 3,
        "event_at": [(HOUR_MS + minute * 60_000) * 1000 for minute in (18, 19, 20)],
        "received_at": [NOW_US] * 3,
        "interval_seconds": [60] * 3,
        "open": [1.5] * 3,
        "high": [2.0] * 3,
        "low": [1.0] * 3,
        "close": [1.7] * 3,
        "volume": [10.0] * 3,
        "quote_volume": [16.0] * 3,
        "trades": [4] * 3,
        "taker_buy_volume": [6.0] * 3,
        "taker_buy_quote_volume": [9.5] * 3,
        "closed": [True, True, False],
    }
    early = parse("klines", [kline(19)], symbol="BTCUSDT", received_us=(HOUR_MS + 20 * 60_000 + 1_000) * 1000)
    assert early.rows["candles"]["closed"].tolist() == [False]


def test_a_broken_kline_is_rejected_alone() -> None:
    decoded = parse("klines", [kline(18), kline(19, o="nan"), [1, 2], kline(18, T=0), kline(20)], symbol="BTCUSDT")
    assert [rejected.frame for rejected in decoded.rejected] == [1, 2, 3]
    assert len(decoded.rows["candles"]["event_at"]) == 2


@pytest.mark.parametrize("params", [{}, {"symbol": ""}, {"symbol": 5}, {"symbol": "BTCUSDT", "interval": "5m"}])
def test_klines_of_nobody_knows_what_are_bad(params) -> None:
    with pytest.raises(BadReply):
        parse("klines", [kline(18)], **params)


def test_funding_rates() -> None:
    body = [
        {"symbol": "BTCUSDT", "fundingRate": "-0.03750000", "fundingTime": 1570608000000, "markPrice": ""},
        {"symbol": "BTCUSDT", "fundingRate": "0", "fundingTime": HOUR_MS + 3, "markPrice": "76947.30000000", "rateType": "Regular"},
        {"symbol": "BTCUSD_PERP", "fundingRate": "0.0001", "fundingTime": HOUR_MS, "markPrice": "1", "st": 2},
        {"symbol": "BTCUSDT", "fundingRate": "inf", "fundingTime": HOUR_MS, "markPrice": "1"},
        {"symbol": "BTC\0USDT", "fundingRate": "0.1", "fundingTime": HOUR_MS},
    ]
    decoded = parse("fundingRate", body)
    assert lists(decoded.rows["funding_rates"]) == {
        "symbol": ["BTCUSDT", "BTCUSDT"],
        "event_at": [1570608000000000, (HOUR_MS + 3) * 1000],
        "received_at": [NOW_US, NOW_US],
        "funding_rate": [-0.0375, 0.0],
        "mark_price": [None, 76947.3],
    }
    assert decoded.ignored == {"coin_m": 1}
    assert [rejected.frame for rejected in decoded.rejected] == [3, 4]


def premium(**changes) -> dict:
    row = {"symbol": "BTCUSDT", "markPrice": "11793.63104562", "indexPrice": "11781.80495970", "estimatedSettlePrice": "11781.16138815"}
    row |= {"lastFundingRate": "0.00038246", "nextFundingTime": 1597392000000, "interestRate": "0.00010000", "time": 1597370495002}
    return {**row, **changes}


def test_premium_index() -> None:
    dated = premium(symbol="BTCUSDT_261225", lastFundingRate="", interestRate="", nextFundingTime=0)
    decoded = parse("premiumIndex", [premium(), dated, premium(nextFundingTime=5), premium(markPrice="x"), premium(st=2)])
    assert lists(decoded.rows["tickers"]) == {
        "symbol": ["BTCUSDT", "BTCUSDT_261225"],
        "event_at": [1597370495002000] * 2,
        "received_at": [NOW_US] * 2,
        "mark_price": [11793.63104562] * 2,
        "index_price": [11781.8049597] * 2,
        "settlement_price": [11781.16138815] * 2,
        "funding_rate": [0.00038246, None],
        "interest_rate": [0.0001, None],
        "next_funding_at": [1597392000000000, None],
    }
    assert [rejected.frame for rejected in decoded.rejected] == [2, 3]
    assert decoded.ignored == {"coin_m": 1}


def test_open_interest() -> None:
    decoded = parse("openInterest", {"openInterest": "10659.509", "symbol": "BTCUSDT", "time": 1589437530011}, symbol="BTCUSDT")
    assert lists(decoded.rows["open_interest"]) == {
        "symbol": ["BTCUSDT"],
        "event_at": [1589437530011000],
        "received_at": [NOW_US],
        "open_interest": [10659.509],
    }


def test_aggregate_trades_have_the_columns_of_the_stream() -> None:
    row = {"a": 26129, "p": "0.01633102", "q": "4.70443515", "f": 27781, "l": 27782, "T": 1598793709153, "m": True}
    decoded = parse("aggTrades", [row, {**row, "a": 26130, "m": False, "nq": "0"}, {**row, "p": None}], symbol="BTCUSDT")
    assert lists(decoded.rows["trades"]) == {
        "symbol": ["BTCUSDT"] * 2,
        "event_at": [1598793709153000] * 2,
        "received_at": [NOW_US] * 2,
        "trade_id": [26129, 26130],
        "price": [0.01633102] * 2,
        "quantity": [4.70443515] * 2,
        "side": [-1, 1],
        "quantity_without_rpi": [None, 0.0],
        "first_trade_id": [27781] * 2,
        "last_trade_id": [27782] * 2,
    }
    assert decoded.rows["trades"]["side"].dtype == np.int16
    assert [rejected.frame for rejected in decoded.rejected] == [2]


@pytest.mark.parametrize("poll", ["klines", "fundingRate", "premiumIndex", "aggTrades"])
def test_an_empty_list_has_no_rows_and_is_not_bad(poll: str) -> None:
    assert parse(poll, [], symbol="BTCUSDT").rows == {}


def test_a_bad_reply_says_what_came() -> None:
    with pytest.raises(BadReply, match=r"openInterest: .*Invalid symbol"):
        parse("openInterest", {"code": -1121, "msg": "Invalid symbol."}, symbol="X")
    with pytest.raises(BadReply) as caught:
        parse("klines", b"<html>" + b"x" * 5000, symbol="X")
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    ("poll", "kind", "rows"), [("aggTrades", "trades", 1), ("fundingRate", "funding_rates", 2), ("premiumIndex", "tickers", 1)]
)
def test_documented_examples(captures, poll: str, kind: str, rows: int) -> None:
    body = json.loads((captures / f"binance/examples/rest_{poll}.json").read_text())["body"]
    decoded = parse(poll, body if isinstance(body, list) else [body], symbol="BTCUSDT")
    assert len(decoded.rows[kind]["symbol"]) + len(decoded.rejected) == rows
