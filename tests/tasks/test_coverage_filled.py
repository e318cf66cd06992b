"""A past that is read again changes what its hours can be called: real jobs, and a simulated venue that knows what was missed."""

from collections.abc import Callable
from typing import Any

import pytest

from core import journal as journals
from core.journal import Journal
from core.settings import Settings
from db.backfills import Job
from tasks import backfill, coverage
from tests.sandbox.conftest import Sandbox, until
from tests.tasks.conftest import TRADES, Query, Socket, aged
from tests.tasks.past import ask, frames, gaps, rows, span

STATES = "SELECT state, verified, broken FROM coverage JOIN instruments USING (instrument_id) WHERE symbol = 'BTCUSDT' ORDER BY hour"


def test_ids_that_were_left_out_break_their_hour_until_they_are_there(
    market: Sandbox, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    with writing():
        socket = Socket(journal, TRADES, "t")
        socket.event(journals.SUBSCRIBED, added=["BTCUSDT"])
        socket.send(*frames(of[:50] + of[60:], "BTCUSDT"))
        until(lambda: gaps(query))
        # The venue has traded before it was asked for: as if it had been since.
        query("UPDATE subscriptions SET from_at = %s::timestamptz - INTERVAL '1 hour'", (query("SELECT min(event_at) FROM trades")[0][0],))
        query("UPDATE sessions SET proven_at = (SELECT from_at FROM subscriptions)")
        coverage.judge()
        assert "broken" in {state for state, _, _ in query(STATES)}
        aged(query)
        backfill.plan()
        coverage.judge()
        assert "broken" in {state for state, _, _ in query(STATES)}, "that it is being read again proves nothing"
        work()
    coverage.judge()
    assert {(state, broken) for state, _, broken in query(STATES)} == {("verified", 0.0)}


def test_hours_that_nobody_asked_for_and_that_were_read_later_are_what_their_ids_prove(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    start, end = span(rows(market, "BTCUSDT"))
    ask(farm, Job("binance", "aggTrade", ["BTCUSDT"], start, end))
    assert (coverage.judge()["hours"], query(STATES)) == (0, [])
    with writing():
        work()
    coverage.judge()
    found = query(STATES)
    assert {state for state, _, _ in found} == {"verified"}
    assert sum(verified for _, verified, _ in found) == pytest.approx((end - start) / 1e6)


def test_candles_are_what_the_venue_said_they_were(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    start, end = span(rows(market, "BTCUSDT"))
    ask(farm, Job("binance", "klines", ["BTCUSDT"], start - 7_200_000_000, end))
    with writing():
        work()
    coverage.judge()
    assert set(query("SELECT channel, state FROM coverage")) == {("klines", "witnessed")}
