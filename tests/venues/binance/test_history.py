"""Pages of the past: what is asked for, and what a reply tells."""

import json
from typing import Any

import pytest

from core.history import Page
from core.venue import Reply, Request
from venues.binance import VENUE
from venues.errors import BadReply

TRADES, KLINES = VENUE.histories["aggTrade"], VENUE.histories["klines"]
T0_MS = 1_795_312_800_000


def answered(request: Request, rows: list[Any]) -> Reply:
    return Reply(request.poll, request.params, json.dumps(rows).encode(), 0)


def trades(*ids: int) -> list[Any]:
    return [{"a": number, "p": "1", "T": T0_MS + number} for number in ids]


# --- aggregate trades, by id ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("last", "limit"), [(5004, 5), (5999, 1000), (9999, 1000), (None, 1000)])
def test_no_more_rows_are_asked_for_than_are_wanted(last: int | None, limit: int) -> None:
    request = TRADES.request("BTCUSDT", 5000, last)
    assert (request.poll, request.path, request.weight) == ("aggTrades", "/fapi/v1/aggTrades", 20)
    assert request.params == {"symbol": "BTCUSDT", "fromId": 5000, "limit": limit}


@pytest.mark.parametrize(
    ("last", "ids", "told"),
    [
        (5002, [5000, 5001, 5002], Page(3, 5003, (T0_MS + 5002) * 1000, ended=False)),
        (5002, [5007, 5008, 5009], Page(3, 5010, (T0_MS + 5009) * 1000, ended=False)),  # the venue has none in the hole
        (5002, [5000], Page(1, 5001, (T0_MS + 5000) * 1000, ended=True)),  # a short page: there is no more
        (5002, [], Page(0, 5000, None, ended=True)),
    ],
    ids=["full", "beyond", "short", "empty"],
)
def test_what_a_page_of_trades_tells(last: int, ids: list[int], told: Page) -> None:
    assert TRADES.read(answered(TRADES.request("BTCUSDT", 5000, last), trades(*ids))) == told


def test_a_page_that_begins_before_it_was_asked_to_is_bad() -> None:
    with pytest.raises(BadReply, match="begin at 1000, asked from 2000"):
        TRADES.read(answered(TRADES.request("BTCUSDT", 2000, None), trades(1000, 1001)))


def test_the_first_trade_at_a_time_is_one_row() -> None:
    assert TRADES.locate is not None
    request = TRADES.locate("BTCUSDT", T0_MS * 1000 + 1)
    assert request.params == {"symbol": "BTCUSDT", "startTime": T0_MS + 1, "limit": 1}
    assert TRADES.read(answered(request, trades(7))) == Page(1, 8, (T0_MS + 7) * 1000, ended=False)
    assert not TRADES.read(answered(request, [])).rows


# --- candles, by time -----------------------------------------------------------------------------------------------------
def candles(*minutes: int) -> list[Any]:
    return [[T0_MS + minute * 60_000, "1", "1", "1", "1", "0", 0, "0", 0, "0", "0", "0"] for minute in minutes]


def test_candles_are_asked_for_by_the_span() -> None:
    request = KLINES.request("BTCUSDT", T0_MS * 1000, (T0_MS + 3_600_000) * 1000 - 1)
    assert request.params == {"symbol": "BTCUSDT", "interval": "1m", "startTime": T0_MS, "endTime": T0_MS + 3_599_999, "limit": 499}
    assert (request.path, request.weight) == ("/fapi/v1/klines", 2)


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (range(499), Page(499, (T0_MS + 499 * 60_000) * 1000, (T0_MS + 498 * 60_000) * 1000, ended=False)),
        (range(3, 7), Page(4, (T0_MS + 7 * 60_000) * 1000, (T0_MS + 6 * 60_000) * 1000, ended=True)),  # listed in between
        ([], Page(0, T0_MS * 1000, None, ended=True)),
    ],
    ids=["full", "short", "empty"],
)
def test_what_a_page_of_candles_tells(minutes: Any, told: Page) -> None:
    assert KLINES.read(answered(KLINES.request("BTCUSDT", T0_MS * 1000, None), candles(*minutes))) == told


@pytest.mark.parametrize("minutes", [[-1, 0], [1, 0]], ids=["too early", "out of order"])
def test_candles_of_another_span_are_bad(minutes: list[int]) -> None:
    with pytest.raises(BadReply):
        KLINES.read(answered(KLINES.request("BTCUSDT", T0_MS * 1000, None), candles(*minutes)))


# --- both -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("history", [TRADES, KLINES], ids=["trades", "candles"])
@pytest.mark.parametrize("body", [b"", b"{}", b'[{"p":"1"}]', b'[{"a":-1,"T":1}]', b'[["x"]]', b'[{"a":1}'])
def test_a_page_that_is_none(history: Any, body: bytes) -> None:
    request = history.request("BTCUSDT", T0_MS * 1000, None)
    with pytest.raises(BadReply):
        history.read(Reply(request.poll, request.params, body, 0))
