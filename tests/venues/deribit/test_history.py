"""Pages of the past: what is asked for, and what a reply tells."""

import json
from typing import Any

import pytest

from core.history import Page
from core.venue import Reply, Request
from venues.deribit import VENUE
from venues.errors import BadReply

TRADES, CANDLES = VENUE.histories["trades"], VENUE.histories["get_tradingview_chart_data"]
T0_MS = 1_795_312_800_000


def answered(request: Request, result: Any) -> Reply:
    return Reply(request.poll, request.params, json.dumps({"jsonrpc": "2.0", "result": result}).encode(), 0)


def page(request: Request, *numbers: int, has_more: bool = False) -> Page:
    rows = [{"trade_seq": number, "timestamp": T0_MS + number} for number in numbers]
    return TRADES.read(answered(request, {"trades": rows, "has_more": has_more}))


# --- trades, by number ----------------------------------------------------------------------------------------------------
def test_a_hole_is_asked_for_by_its_ends() -> None:
    request = TRADES.request("ETH-PERPETUAL", 5, 9)
    assert (request.poll, request.path) == ("get_last_trades_by_instrument", "/api/v2/public/get_last_trades_by_instrument")
    assert request.params == {"instrument_name": "ETH-PERPETUAL", "count": 1000, "sorting": "asc", "start_seq": 5, "end_seq": 9}
    assert "end_seq" not in TRADES.request("ETH-PERPETUAL", 5, None).params


@pytest.mark.parametrize(
    ("numbers", "has_more", "told"),
    [
        ([5, 6, 7, 8, 9], False, Page(5, 10, (T0_MS + 9) * 1000, ended=True)),
        ([5, 6], True, Page(2, 7, (T0_MS + 6) * 1000, ended=False)),  # gone on from where a short page ends
        ([8], False, Page(1, 9, (T0_MS + 8) * 1000, ended=True)),
        ([], False, Page(0, 5, None, ended=True)),
        ([], True, Page(0, 5, None, ended=True)),  # more, and nothing of it: no walk goes on for ever
    ],
    ids=["whole", "short", "partly", "empty", "endless"],
)
def test_what_a_page_of_trades_tells(numbers: list[int], has_more: bool, told: Page) -> None:
    assert page(TRADES.request("A", 5, 9), *numbers, has_more=has_more) == told


@pytest.mark.parametrize("numbers", [[4], [5, 10], [11]])
def test_a_page_of_other_numbers_is_bad(numbers: list[int]) -> None:
    with pytest.raises(BadReply):
        page(TRADES.request("A", 5, 9), *numbers)


def test_the_first_trade_at_a_time_is_a_page_of_one_row() -> None:
    assert TRADES.locate is not None
    request = TRADES.locate("A", T0_MS * 1000 + 1)
    assert request.poll == TRADES.poll
    assert request.path == "/api/v2/public/get_last_trades_by_instrument_and_time"
    assert (request.params["start_timestamp"], request.params["count"], request.params["sorting"]) == (T0_MS + 1, 1, "asc")
    assert page(request, 7, has_more=True) == Page(1, 8, (T0_MS + 7) * 1000, ended=False)


# --- candles, by time -----------------------------------------------------------------------------------------------------
def chart(request: Request, *minutes: int, status: str = "ok") -> Page:
    ticks = [T0_MS + minute * 60_000 for minute in minutes]
    columns = dict.fromkeys(("open", "high", "low", "close", "volume", "cost"), [1.0] * len(ticks))
    return CANDLES.read(answered(request, {"ticks": ticks, "status": status, **columns}))


def test_candles_are_asked_for_a_thousand_minutes_at_a_time() -> None:
    request = CANDLES.request("A", T0_MS * 1000, (T0_MS + 10**9) * 1000)
    assert (request.params["start_timestamp"], request.params["end_timestamp"]) == (T0_MS, T0_MS + 60_000_000 - 1)
    request = CANDLES.request("A", T0_MS * 1000, (T0_MS + 60_000) * 1000)
    assert request.params["end_timestamp"] == T0_MS + 60_000


def test_a_page_of_candles_tells_all_of_its_span() -> None:
    request = CANDLES.request("A", T0_MS * 1000, (T0_MS + 600_000) * 1000 - 1)
    end = (T0_MS + 600_000) * 1000
    assert chart(request, 0, 3) == Page(2, end, (T0_MS + 180_000) * 1000, ended=False)
    assert chart(request, -1, 0) == Page(1, end, T0_MS * 1000, ended=False)
    assert chart(request, status="no_data") == Page(0, end, None, ended=False)


# --- both -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("history", [TRADES, CANDLES], ids=["trades", "candles"])
@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"result":{"trades":[{}]}}', b'{"result":{"trades":[{"trade_seq":"5","timestamp":1}]}}', b'{"error":{}}']
)
def test_a_page_that_is_none_is_bad(history: Any, body: bytes) -> None:
    request = history.request("A", T0_MS * 1000, (T0_MS + 1) * 1000)
    with pytest.raises(BadReply):
        history.read(Reply(request.poll, request.params, body, 0))
