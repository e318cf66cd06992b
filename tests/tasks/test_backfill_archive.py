"""A venue that numbers its trades, forgets them, and has an archive: what it no longer serves is asked for there."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from core import journal as journals
from core.board import Board
from core.journal import Journal, StreamName
from core.settings import Settings
from db import backfills, engine
from db.backfills import Job
from tasks import backfill
from tests.sandbox.conftest import Sandbox, until
from tests.tasks.conftest import Query, Socket, aged
from venues import VENUES

pytestmark = pytest.mark.skipif("deribit" not in VENUES, reason="its folder is deleted")

TRADES = StreamName("deribit", "trades")
PERPETUAL = "ETH-PERPETUAL"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Some hundred trades of the perpetual, a few of many options, and then silence."""
    running = Sandbox(tmp_path_factory.mktemp("past"), "--rate", "4000", "--credit-refill", "1e9", venue="deribit")
    until(lambda: len(rows(running, PERPETUAL)) > 200, 30)
    running.ask("/control/rate", {"rate": 0})
    yield running
    running.stop()


@pytest.fixture
def market(past: Sandbox, worker: Callable[..., None]) -> Iterator[Sandbox]:
    worker(DERIBIT_REST_URL=f"{past.http}/deribit", DERIBIT_ARCHIVE_URL=f"{past.http}/deribit/history")
    yield past
    past.clear()


def rows(venue: Sandbox, symbol: str) -> Rows:
    query = f"instrument_name={symbol}&start_seq=1&count=1000&sorting=asc"
    found: Rows = venue.get(f"/deribit/api/v2/public/get_last_trades_by_instrument?{query}")["result"]["trades"]
    return found


def options(venue: Sandbox) -> dict[str, list[int]]:
    """name -> times of its trades, by the first of them."""
    query = "currency=ETH&kind=option&count=1000&sorting=asc&start_timestamp=0"
    found = venue.get(f"/deribit/api/v2/public/get_last_trades_by_currency_and_time?{query}&end_timestamp={time.time_ns() // 1_000_000}")
    times: dict[str, list[int]] = {}
    for row in found["result"]["trades"]:
        times.setdefault(row["instrument_name"], []).append(row["timestamp"])
    return times


def frame(row: dict[str, Any]) -> bytes:
    params = {"channel": f"trades.{row['instrument_name']}.100ms", "data": [row]}
    return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}, separators=(",", ":")).encode()


def stored(query: Query, symbol: str) -> list[tuple[Any, ...]]:
    return query(
        "SELECT trade_id, (extract(epoch FROM event_at) * 1000)::int8, price, quantity, side FROM trades "
        "JOIN instruments USING (instrument_id) WHERE symbol = %s ORDER BY 1",
        (symbol,),
    )


def emitted(of: Rows) -> list[tuple[Any, ...]]:
    return [(r["trade_seq"], r["timestamp"], r["price"], r["amount"], 1 if r["direction"] == "buy" else -1) for r in of]


def ask(farm: Settings, job: Job) -> None:
    with closing(engine.connect(farm.database_url, name="test")) as connection, connection, connection.cursor() as cursor:
        assert backfills.ask(cursor, job)


@pytest.mark.parametrize("fault", [None, "short_page", "endless_pages"])
def test_a_hole_in_the_numbers_is_filled_from_the_venue(
    market: Sandbox, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None], fault: str | None
) -> None:
    of = rows(market, PERPETUAL)
    if fault:
        market.fault(kind=fault, **({"count": 3} if fault == "short_page" else {"seconds": 60}))
    with writing():
        Socket(journal, TRADES, "t").send(*map(frame, of[:50] + of[90:]))
        until(lambda: query("SELECT 1 FROM data_gaps"))
        aged(query)
        assert backfill.plan() == {"filling": 1}
        work()
    assert stored(query, PERPETUAL) == emitted(of)
    assert query("SELECT state FROM data_gaps") == [("filled",)]
    assert query("SELECT state, lacking, rows FROM backfills") == [("done", 0, 40)]


def test_what_the_venue_no_longer_has_comes_from_the_archive(
    market: Sandbox, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None], worker: Callable[..., None]
) -> None:
    worker(DERIBIT_REST_URL=f"{market.http}/deribit/forgotten")
    of = rows(market, PERPETUAL)
    with writing():
        Socket(journal, TRADES, "t").send(*map(frame, of[:50] + of[90:]))
        until(lambda: query("SELECT 1 FROM data_gaps"))
        aged(query)
        backfill.plan()
        work()
    assert stored(query, PERPETUAL) == emitted(of)
    assert query("SELECT state, reason FROM backfills") == [("done", None)]


def test_what_neither_has_is_beyond_filling_and_says_who_was_asked(
    market: Sandbox, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None], worker: Callable[..., None]
) -> None:
    worker(DERIBIT_REST_URL=f"{market.http}/deribit/forgotten", DERIBIT_ARCHIVE_URL=f"{market.http}/deribit/gone")
    of = rows(market, PERPETUAL)
    with writing():
        Socket(journal, TRADES, "t").send(*map(frame, of[:50] + of[90:]))
        until(lambda: query("SELECT 1 FROM data_gaps"))
        aged(query)
        backfill.plan()
        work()
    assert query("SELECT state, evidence->-1->'lacking' FROM data_gaps") == [("unfillable", [[PERPETUAL, 51, 90]])]
    ((state, lacking, reason),) = query("SELECT state, lacking, reason FROM backfills")
    assert (state, lacking) == ("failed", 40)
    assert reason.startswith(f"{PERPETUAL}: HTTP 404")


def test_options_that_trade_rarely_are_asked_for_what_a_deaf_time_hid(
    market: Sandbox, journal: Journal, board: Board, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    """One was heard before and never again, one was never heard at all: no number of theirs tells what is missing."""
    perpetual, times = rows(market, PERPETUAL), options(market)
    began, end = perpetual[0]["timestamp"], perpetual[-1]["timestamp"]
    before = min((name for name in times if len(set(times[name])) > 1 and times[name][0] >= began), key=lambda name: times[name][1])
    lost_from = min(at for at in times[before] if at > times[before][0])
    never = next(name for name in times if lost_from <= times[name][0] < end)
    of = {name: rows(market, name) for name in (PERPETUAL, before, never)}
    board.publish_universe("deribit", list(of))
    heard = [row for name in of for row in of[name] if row["timestamp"] < lost_from]
    with writing():
        first = Socket(journal, TRADES, "first")
        first.send(*map(frame, sorted(heard, key=lambda row: row["timestamp"])))
        first.event(journals.DISCONNECTED, cause="reset")
        Socket(journal, TRADES, "second").send(frame(perpetual[-1]))
        until(lambda: query("SELECT count(*) FROM data_gaps WHERE received_to IS NOT NULL") == [(1,)])
        aged(query)
        backfill.plan()
        work()
    for name in of:
        assert [row for row in stored(query, name) if row[1] <= end] == [row for row in emitted(of[name]) if row[1] <= end]
    assert set(query("SELECT state FROM data_gaps")) == {("filled",)}
    assert query("SELECT instruments FROM backfills WHERE first_number IS NULL") == [(sorted([before, never]),)]


def test_candles_are_read_from_a_date(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    now_us = time.time_ns() // 1000
    ask(farm, Job("deribit", "get_tradingview_chart_data", [PERPETUAL], now_us - 3 * 86_400_000_000, now_us))
    with writing():
        work()
    span = f"start_timestamp={now_us // 1000 - 86_400_000}&end_timestamp={now_us // 1000}"
    of = market.get(f"/deribit/api/v2/public/get_tradingview_chart_data?instrument_name={PERPETUAL}&resolution=1&{span}")["result"]
    found = query(
        "SELECT (extract(epoch FROM event_at) * 1000)::int8, open, high, low, close, volume FROM candles "
        "JOIN instruments USING (instrument_id) WHERE symbol = %s ORDER BY 1",
        (PERPETUAL,),
    )
    assert found == list(zip(*(of[name] for name in ("ticks", "open", "high", "low", "close", "volume")), strict=True)) != []
    assert query("SELECT state, lacking FROM backfills") == [("done", 0)]


def test_a_date_that_the_venue_has_forgotten_begins_at_the_archive(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None], worker: Callable[..., None]
) -> None:
    worker(DERIBIT_REST_URL=f"{market.http}/deribit/forgotten")
    of = rows(market, PERPETUAL)
    now_us = time.time_ns() // 1000
    ask(farm, Job("deribit", "trades", [PERPETUAL], now_us - 3 * 86_400_000_000, now_us))
    with writing():
        work()
    assert stored(query, PERPETUAL) == emitted(of)
    assert query("SELECT state, reason FROM backfills") == [("done", None)]
