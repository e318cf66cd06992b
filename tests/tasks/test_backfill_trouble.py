"""Whatever breaks while the past is read again costs a repeated page, and nothing else."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from core import redisdb
from core.journal import Journal
from core.settings import Settings
from db import backfills, engine
from db.backfills import Job
from tasks import backfill
from tasks.drain import Turn
from tests.sandbox.conftest import Sandbox, until
from tests.tasks.conftest import TRADES, Query, Socket, aged
from tests.tasks.past import ask, emitted, frames, gaps, rows, span, stored, symbols


# --- whatever breaks ------------------------------------------------------------------------------------------------------
@pytest.fixture
def slow(market: Sandbox) -> Iterator[None]:
    """Each answer takes a while, so that there is a middle of it."""
    market.fault(kind="rest_slow", seconds=60, delay_seconds=0.2)
    yield
    market.clear()


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None], slow: None
) -> None:
    of = {symbol: rows(market, symbol) for symbol in symbols(market)}
    start, end = span([row for symbol in of for row in of[symbol]])
    ask(farm, Job("binance", "aggTrade", list(of), start, end))
    with writing():
        worker = subprocess.Popen([sys.executable, "-c", "from tasks.backfill import work; work()"])
        until(lambda: query("SELECT requests FROM backfills") > [(3,)], 30)
        worker.kill()
        worker.wait()
        assert query("SELECT state FROM backfills") == [("running",)]
        market.clear()
        work()
    assert {symbol: stored(query, symbol) for symbol in of} == {symbol: emitted(of[symbol]) for symbol in of}
    assert query("SELECT state, lacking FROM backfills") == [("done", 0)]


def test_a_database_that_breaks_off_is_come_back_to(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None], slow: None
) -> None:
    of = {symbol: rows(market, symbol) for symbol in symbols(market)}
    start, end = span([row for symbol in of for row in of[symbol]])
    ask(farm, Job("binance", "aggTrade", list(of), start, end))
    with writing():
        ended: list[str] = []
        turn = threading.Thread(target=lambda: ended.append(backfill.work()["ended"]))
        turn.start()
        until(lambda: query("SELECT requests FROM backfills") > [(3,)], 30)
        query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'tapefarm backfill' AND datname = current_database()"
        )
        turn.join()
        assert ended[0].startswith("waiting: ")
        market.clear()
        work()
    assert {symbol: stored(query, symbol) for symbol in of} == {symbol: emitted(of[symbol]) for symbol in of}


def test_pages_that_redis_lost_are_asked_for_again(
    market: Sandbox,
    farm: Settings,
    query: Query,
    writing: Callable[[], Any],
    work: Callable[[], None],
    redis_client: redisdb.Client,
    key_prefix: str,
) -> None:
    of = rows(market, "BTCUSDT")
    start, end = span(of)
    ask(farm, Job("binance", "aggTrade", ["BTCUSDT"], start, end))
    with closing(engine.connect(farm.database_url, name="test")) as connection:
        for _ in range(3):
            backfill._round(connection, time.monotonic() + 5)
    assert query("SELECT position->>'asked' IS NOT NULL, rows > 100 FROM backfills") == [(True, True)]
    for key in redis_client.scan_iter(match=f"{key_prefix}:*"):
        redis_client.delete(key)
    with writing():
        work()
    assert stored(query, "BTCUSDT") == emitted(of)
    assert query("SELECT state FROM backfills") == [("done",)]


def test_nothing_is_called_filled_before_it_is_committed(
    market: Sandbox, journal: Journal, query: Query, drained: Callable[[], Turn], work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = rows(market, "BTCUSDT")
    Socket(journal, TRADES, "t").send(*frames(of[:20] + of[30:], "BTCUSDT"))
    drained()
    aged(query)
    backfill.plan()
    monkeypatch.setattr(backfill, "TURN_SECONDS", 1.0)
    assert backfill.work()["ended"] == "turn over"
    assert [state for *_, state in gaps(query)] == ["filling"]
    assert query("SELECT state, requests FROM backfills") == [("running", 1)]
    drained()
    work()
    assert [state for *_, state in gaps(query)] == ["filled"]


def test_a_venue_in_trouble_is_waited_for(
    market: Sandbox, farm: Settings, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    start, end = span(of)
    number = ask(farm, Job("binance", "aggTrade", ["BTCUSDT"], start, end))
    market.fault(kind="rest_5xx", count=1)
    with writing():
        assert backfill.work()["ended"] == "nothing is due"
        assert query("SELECT state, position->>'waits' LIKE '%%HTTP 500%%', due_at > now() FROM backfills", ()) == [("running", True, True)]
        query("UPDATE backfills SET due_at = now() WHERE backfill_id = %s", (number,))
        work()
    assert stored(query, "BTCUSDT") == emitted(of)


def test_a_cancelled_job_stops_where_it_is(
    market: Sandbox, farm: Settings, journal: Journal, query: Query, drained: Callable[[], Turn]
) -> None:
    of = rows(market, "BTCUSDT")
    Socket(journal, TRADES, "t").send(*frames(of[:20] + of[30:], "BTCUSDT"))
    drained()
    aged(query)
    backfill.plan()
    with closing(engine.connect(farm.database_url, name="test")) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT backfill_id FROM backfills")
        number = cursor.fetchone()[0]  # type: ignore[index]
        assert backfills.cancel(cursor, number)
        assert not backfills.cancel(cursor, number)
    assert backfill.work() == {"steps": 0, "ended": "nothing is due"}
    assert query("SELECT state, reason FROM backfills") == [("cancelled", "cancelled by hand")]
    assert [state for *_, state in gaps(query)] == ["unfillable"]


def test_a_job_that_meets_a_bug_is_ended_and_the_others_go_on(
    market: Sandbox, farm: Settings, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    start, end = span(of)
    ask(farm, Job("binance", "nosuch", ["BTCUSDT"], start, end))
    ask(farm, Job("binance", "aggTrade", ["BTCUSDT"], start, end))
    with writing():
        work()
    assert query("SELECT channel, state, reason FROM backfills ORDER BY 1") == [
        ("aggTrade", "done", None),
        ("nosuch", "failed", "KeyError: 'nosuch'"),
    ]


def test_two_workers_never_hold_one_job(farm: Settings) -> None:
    number = ask(farm, Job("binance", "aggTrade", ["BTCUSDT"], 1, 2))
    one, other = (engine.connect(farm.database_url, name="test") for _ in range(2))
    with closing(one), closing(other), one.cursor() as first, other.cursor() as second:
        assert backfills.lock(first, number)
        assert not backfills.lock(second, number)
        backfills.unlock(first, number)
        assert backfills.lock(second, number)


def test_the_tasks_result_can_be_told_in_json(market: Sandbox) -> None:
    assert json.loads(json.dumps([backfill.plan(), backfill.work()])) == [{}, {"steps": 0, "ended": "nothing is due"}]
