"""A past that somebody asks for: read by time, only what is missing, and told how it ended."""

import time
from collections.abc import Callable
from typing import Any

from core.journal import Journal
from core.settings import Settings
from db.backfills import Job
from tests.sandbox.conftest import Sandbox, until
from tests.tasks.conftest import TRADES, Query, Socket
from tests.tasks.past import ask, emitted, frames, rows, span, stored, symbols


def test_a_past_that_was_never_recorded_is_read_by_time(
    market: Sandbox, farm: Settings, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = {symbol: rows(market, symbol) for symbol in symbols(market)[:2]}
    start, end = span(of["BTCUSDT"])
    ask(farm, Job("binance", "aggTrade", list(of), start, end))
    with writing():
        work()
    assert {symbol: stored(query, symbol) for symbol in of} == {symbol: emitted(of[symbol]) for symbol in of}
    assert query("SELECT state, progress, lacking FROM backfills") == [("done", 1.0, 0)]


def test_only_what_is_missing_is_asked_for(
    market: Sandbox, farm: Settings, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    start, end = span(of)
    with writing():
        Socket(journal, TRADES, "t").send(*frames(of[:50] + of[60:90] + of[95:], "BTCUSDT"))
        until(lambda: len(stored(query, "BTCUSDT")) == len(of) - 15)
        ask(farm, Job("binance", "aggTrade", ["BTCUSDT"], start, end))
        work()
    assert stored(query, "BTCUSDT") == emitted(of)
    # Beside the two holes: where it begins, and what came last.
    assert query("SELECT state, rows, requests FROM backfills") == [("done", 1 + 10 + 5, 4)]


def test_candles_are_read_from_a_date(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    now_us = time.time_ns() // 1000
    ask(farm, Job("binance", "klines", ["BTCUSDT", "ETHUSDT"], now_us - 3 * 86_400_000_000, now_us))
    with writing():
        work()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        of = market.get(f"/binance/fapi/v1/klines?symbol={symbol}&interval=1m&limit=1500&endTime={now_us // 1000 - 1}")
        found = query(
            "SELECT (extract(epoch FROM event_at) * 1000)::int8, open, high, low, close, volume, trades FROM candles "
            "JOIN instruments USING (instrument_id) WHERE symbol = %s ORDER BY 1",
            (symbol,),
        )
        assert found == [(k[0], *map(float, k[1:6]), k[8]) for k in of] != []
    assert query("SELECT state, lacking FROM backfills") == [("done", 0)]


def test_an_instrument_that_the_venue_does_not_know_fails_and_the_others_do_not(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    now_us = time.time_ns() // 1000
    ask(farm, Job("binance", "klines", ["NOSUCHUSDT", "BTCUSDT"], now_us - 3_600_000_000, now_us))
    with writing():
        work()
    ((state, reason, count),) = query("SELECT state, reason, rows FROM backfills")
    assert (state, reason) == ("partly", "NOSUCHUSDT: HTTP 400, code -1121: Invalid symbol.")
    assert count > 0
