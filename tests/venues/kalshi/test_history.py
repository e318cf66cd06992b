"""The past read again: trades of a market behind cursors, candles by their minutes, and the archive by its own paths."""

import datetime

import pytest

from core.history import ALL, Page
from core.venue import Reply, Request
from tests.venues.kalshi.messages import MARKET, UUID
from tests.venues.kalshi.replies import VENUE, body
from venues.errors import BadReply

HISTORIES = VENUE.histories
#: 2026-08-11 00:15:33 UTC
T0 = 1_786_407_333
US = 1_000_000
MINUTE = T0 // 60 * 60


def answered(request: Request, result) -> Reply:
    return Reply(request.poll, request.params, body(result), 0)


# --- trades


def fill(second: float):
    at = datetime.datetime.fromtimestamp(second, datetime.UTC).isoformat().replace("+00:00", "Z")
    return {"trade_id": UUID, "ticker": MARKET, "count_fp": "1.00", "yes_price_dollars": "0.5000", "created_time": at, "taker_side": "no"}


def page(request: Request, *seconds: float, cursor: str = "", name: str = "trade") -> Page:
    return HISTORIES[name].read(answered(request, {"trades": [fill(second) for second in seconds], "cursor": cursor}))


@pytest.mark.parametrize(
    ("name", "path"), [("trade", "/trade-api/v2/markets/trades"), ("historical_trades", "/trade-api/v2/historical/trades")]
)
def test_trades_of_a_market_between_two_times_and_a_second_more(name: str, path: str) -> None:
    request = HISTORIES[name].request(MARKET, T0 * US + 5, (T0 + 60) * US)
    assert (request.poll, request.path) == (HISTORIES[name].poll, path)
    assert dict(request.params) == {"ticker": MARKET, "min_ts": T0 - 1, "max_ts": T0 + 61, "limit": 1000}


def test_trades_of_the_whole_exchange_between_two_times() -> None:
    assert HISTORIES["trade"].whole
    request = HISTORIES["trade"].request(ALL, T0 * US, (T0 + 60) * US)
    assert dict(request.params) == {"min_ts": T0 - 1, "max_ts": T0 + 61, "limit": 1000}


def test_a_long_time_is_asked_for_by_days() -> None:
    far = (T0 + 10 * 86_400) * US
    first = HISTORIES["trade"].request(MARKET, T0 * US, far)
    assert first.params["max_ts"] == T0 - 1 + 86_400
    told = page(first)
    assert told == Page(0, (T0 - 1 + 86_400) * US, None, ended=False)
    second = HISTORIES["trade"].request(MARKET, told.reached, far)
    assert second.params["min_ts"] < first.params["max_ts"]
    assert "max_ts" in HISTORIES["trade"].request(MARKET, T0 * US, None).params


def test_all_is_told_once_the_cursors_end() -> None:
    request = HISTORIES["trade"].request(MARKET, T0 * US, (T0 + 60) * US - 1)
    one = page(request, T0 + 50, T0 + 40, cursor="c")
    assert (one.rows, one.reached <= T0 * US, one.event_us, one.ended) == (2, True, (T0 + 50) * US, False)
    assert one.follow is not None and dict(one.follow.params) == {**request.params, "cursor": "c"}
    assert one.follow.poll == HISTORIES["trade"].poll
    two = page(one.follow, T0 + 30)
    assert (two.rows, two.follow) == (1, None) and two.reached >= (T0 + 60) * US


def test_counted_is_what_is_surely_within_what_was_asked_for() -> None:
    request = HISTORIES["trade"].request(MARKET, T0 * US + 500_000, (T0 + 60) * US + 500_000)
    assert page(request, T0 + 61.2, T0 + 60.2, T0 + 59.999, T0 + 1.0, T0 + 0.6, T0 - 0.5).rows == 2


def test_an_empty_page_ends_it_whatever_it_says_of_more() -> None:
    assert page(HISTORIES["trade"].request(MARKET, T0 * US, (T0 + 60) * US), cursor="c").follow is None


def test_the_same_cursor_again_is_bad_or_the_walk_would_never_end() -> None:
    follow = page(HISTORIES["trade"].request(MARKET, T0 * US, (T0 + 60) * US), T0 + 1, cursor="c").follow
    assert follow is not None
    with pytest.raises(BadReply, match="cursor is the one before"):
        page(follow, T0 + 1, cursor="c")


def test_a_trade_that_cannot_be_read_is_counted_so_that_it_is_missed() -> None:
    request = HISTORIES["trade"].request(MARKET, T0 * US, (T0 + 60) * US)
    broken = {**fill(T0 + 30), "count_fp": "-1.00"}
    assert HISTORIES["trade"].read(answered(request, {"trades": [broken, fill(T0 + 20)], "cursor": ""})).rows == 2


# --- candles


def candles(request: Request, *ends: int, name: str = "candlesticks") -> Page:
    prices = dict.fromkeys(("open", "high", "low", "close"), "0.5000")
    live = name == "candlesticks"
    price = {f"{key}_dollars": value for key, value in prices.items()} if live else prices
    rows = [{"end_period_ts": end, "price": price, "volume_fp": "1.00"} for end in ends]
    result = {"markets": [{"market_ticker": "A", "candlesticks": rows}]} if live else {"ticker": "A", "candlesticks": rows}
    return HISTORIES[name].read(answered(request, result))


@pytest.mark.parametrize("name", ["candlesticks", "historical_candlesticks"])
def test_candles_that_open_within_the_time(name: str) -> None:
    request = HISTORIES[name].request("A", MINUTE * US, (MINUTE + 180) * US - 1)
    assert (request.params["start_ts"], request.params["end_ts"], request.params["period_interval"]) == (MINUTE + 60, MINUTE + 239, 1)
    told = candles(request, MINUTE, MINUTE + 60, MINUTE + 180, name=name)
    assert told == Page(2, (MINUTE + 180) * US, (MINUTE + 120) * US, ended=False)


def test_the_archive_names_its_market_in_the_path() -> None:
    live, old = (HISTORIES[name].request("KX A", T0 * US, None) for name in ("candlesticks", "historical_candlesticks"))
    assert live.target() == ("/trade-api/v2/markets/candlesticks", {"market_tickers": "KX A", **_span(live)})
    assert old.target() == ("/trade-api/v2/historical/markets/KX%20A/candlesticks", _span(old))


def _span(request: Request):
    return {name: request.params[name] for name in ("start_ts", "end_ts", "period_interval")}


def test_a_long_time_is_asked_for_by_five_thousand_minutes_and_without_a_hole() -> None:
    far = (MINUTE + 10**7) * US
    first = HISTORIES["candlesticks"].request("A", MINUTE * US, far)
    assert (first.params["end_ts"] - first.params["start_ts"]) // 60 + 1 == 5_000
    second = HISTORIES["candlesticks"].request("A", candles(first).reached, far)
    assert first.params["end_ts"] < second.params["start_ts"] <= first.params["end_ts"] + 60


# --- both


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"error":"too many requests"}', b'{"trades":[],"cursor":7,"markets":5}'])
def test_a_page_that_is_none_is_bad(name: str, text: bytes) -> None:
    request = HISTORIES[name].request("A", T0 * US, (T0 + 60) * US)
    if name.endswith(("trade", "trades")) and b'"cursor":7' in text:
        text = text.replace(b"[]", b"[{}]")
    with pytest.raises(BadReply):
        HISTORIES[name].read(answered(request, text))


def test_what_the_live_endpoints_hold_is_bounded_and_the_archive_is_not() -> None:
    assert {name: history.reach_seconds for name, history in HISTORIES.items()} == {
        "trade": 92 * 86_400,
        "candlesticks": 92 * 86_400,
        "historical_trades": None,
        "historical_candlesticks": None,
    }
