"""A job whose beginning the venue has forgotten: what it still serves is read, and what it does not is named."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from core.journal import Journal
from core.settings import Settings
from db import engine
from db.backfills import Job
from tasks import resources
from tasks.drain import Turn
from tasks.stepping import HORIZON_US, Stepper
from tests.sandbox.conftest import Sandbox
from tests.tasks.conftest import Query
from tests.tasks.past import emitted, rows, stored
from venues import VENUES

HISTORY = VENUES["binance"].histories["aggTrade"]
HOUR_US = 3_600_000_000


def through(job: Job, farm: Settings, journal: Journal, drained: Callable[[], Turn], oldest_us: int) -> dict[str, Any]:
    """Step on until the job has gone all its way, at a time when the oldest row that is asked for is this one."""
    assert HISTORY.reach_seconds is not None
    now_us = oldest_us - HORIZON_US + int(HISTORY.reach_seconds * 1_000_000)
    with closing(engine.connect(farm.database_url, name="test")) as connection:
        for _ in range(20):
            fetch = resources.past("binance")[0].fetch
            stepper = Stepper(job, HISTORY, [fetch], journal, connection, enough=lambda pages: pages > 3, now_us=now_us)
            if stepper.over:
                return stepper.position.stored()
            stepper.step()
            drained()
    raise AssertionError(job)


def test_ids_that_the_venue_has_forgotten_are_lacking_and_the_rest_is_read(
    market: Sandbox, farm: Settings, journal: Journal, query: Query, drained: Callable[[], Turn]
) -> None:
    of = rows(market, "BTCUSDT")
    oldest = next(row for row in of[40:] if row["T"] > of[40]["T"])
    job = Job("binance", "aggTrade", ["BTCUSDT"], of[0]["T"] * 1000 - HOUR_US, of[99]["T"] * 1000, first=1, last=100)
    told = through(job, farm, journal, drained, oldest["T"] * 1000)
    assert stored(query, "BTCUSDT") == emitted(of[oldest["a"] - 1 : 100])
    assert (job.lacking, told["lacking"]) == (oldest["a"] - 1, [["BTCUSDT", 1, oldest["a"] - 1]])
    assert job.reason == "the venue serves the last 48 h only"


def test_a_gap_that_is_forgotten_whole_costs_one_look(
    market: Sandbox, farm: Settings, journal: Journal, query: Query, drained: Callable[[], Turn]
) -> None:
    of = rows(market, "BTCUSDT")
    job = Job("binance", "aggTrade", ["BTCUSDT"], of[0]["T"] * 1000 - 2 * HOUR_US, of[0]["T"] * 1000 - HOUR_US, first=1, last=50)
    told = through(job, farm, journal, drained, of[60]["T"] * 1000)
    assert (job.requests, job.lacking, told["lacking"]) == (1, 50, [["BTCUSDT", 1, 50]])


def test_a_date_that_is_forgotten_begins_where_the_venue_does(
    market: Sandbox, farm: Settings, journal: Journal, query: Query, drained: Callable[[], Turn]
) -> None:
    of = rows(market, "BTCUSDT")
    oldest = next(row for row in of[40:] if row["T"] > of[40]["T"])
    job = Job("binance", "aggTrade", ["BTCUSDT"], of[0]["T"] * 1000 - HOUR_US, of[-1]["T"] * 1000 + 1)
    through(job, farm, journal, drained, oldest["T"] * 1000)
    assert stored(query, "BTCUSDT") == emitted(of[oldest["a"] - 1 :])
    assert job.reason == "the venue serves the last 48 h only"
