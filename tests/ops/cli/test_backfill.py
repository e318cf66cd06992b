"""`./farm backfill` as it is typed, on a database and a Redis of the test's own; what a worker does to a job, the tests of tasks tell."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import redisdb
from core.board import Board
from core.settings import ROOT, load
from ops.cli.backfill import wish
from ops.cli.errors import Refused
from tests.sandbox.conftest import until

Query = Callable[..., list[tuple[Any, ...]]]
WISH = ("backfill", "binance", "klines", "--from", "2026-01-01", "--to", "2026-01-03T12:30")


class Command:
    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def start(self, *words: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "-m", "ops", *words]
        return subprocess.Popen(argv, cwd=ROOT, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """(exit status, stdout, stderr)."""
        process = self.start(*words)
        told = process.communicate(timeout=60)
        return process.returncode, *told


@pytest.fixture
def farm(fresh_database_url: str, redis_url: str, key_prefix: str, redis_client: redisdb.Client, tmp_path: Path) -> Command:
    Board(redis_client, key_prefix).publish_universe("binance", ["BTCUSDT", "币USDT"])
    servers = {"DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix}
    return Command({**os.environ, **servers, "FARM_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)})


def test_a_wish_is_a_job_with_the_universe_in_it(farm: Command, query: Query) -> None:
    status, out, _ = farm(*WISH, "--detach", "--json")
    assert status == 0
    found = json.loads(out)
    assert (found["state"], found["alive"], found["progress"], found["instruments"]) == ("queued", True, 0.0, 2)
    assert query("SELECT venue, channel, instruments, from_at::text, to_at::text, gap_id FROM backfills") == [
        ("binance", "klines", ["BTCUSDT", "币USDT"], "2026-01-01 00:00:00+00", "2026-01-03 12:30:00+00", None)
    ]


def test_the_same_wish_again_is_the_same_job(farm: Command, query: Query) -> None:
    for words in (WISH, WISH, WISH[:-2]):
        farm(*words, "--detach")
    assert query("SELECT count(*) FROM backfills") == [(1,)]
    farm(*WISH, "--detach", "--instruments", "BTCUSDT, BTCUSDT")
    assert query("SELECT instruments FROM backfills ORDER BY backfill_id") == [(["BTCUSDT", "币USDT"],), (["BTCUSDT"],)]


@pytest.mark.parametrize(("state", "status"), [("done", 0), ("partly", 1), ("failed", 1)])
def test_it_waits_for_the_end_and_tells_how_it_was(farm: Command, query: Query, state: str, status: int) -> None:
    watching = farm.start(*WISH)
    until(lambda: query("SELECT 1 FROM backfills"), 60)
    query("UPDATE backfills SET state = %s, rows = 1234, requests = 5, progress = 1, reason = 'so it was'", (state,))
    out, _ = watching.communicate(timeout=60)
    assert (watching.returncode, out) == (status, f"job 1: {state}, 1,234 rows in 5 requests; so it was\n")


def test_interrupted_it_leaves_the_job_alone(farm: Command, query: Query) -> None:
    watching = farm.start(*WISH)
    until(lambda: query("SELECT 1 FROM backfills"), 60)
    watching.send_signal(signal.SIGINT)
    _, told = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert "goes on without this command" in told
    assert query("SELECT state FROM backfills") == [("queued",)]


def test_jobs_are_listed_and_ended(farm: Command, query: Query) -> None:
    farm(*WISH, "--detach")
    status, out, _ = farm("backfill", "--list", "--json")
    assert (status, [job["id"] for job in json.loads(out)["backfills"]]) == (0, [1])
    assert "klines" in farm("backfill", "--list")[1]
    assert farm("backfill", "--cancel", "1")[0] == 0
    assert query("SELECT state FROM backfills") == [("cancelled",)]
    assert farm("backfill", "--cancel", "1")[0::2] == (1, "Job 1 is over already: it is cancelled.\n")
    assert farm("backfill", "--cancel", "7")[0::2] == (2, "There is no job of number 7: `./farm backfill --list` shows them.\n")


NOW_US = 1_767_398_400_000_000  # 2026-01-03 00:00 UTC


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere", "klines", "2026-01-01", None), "There is no venue 'nowhere'"),
        (("binance", "bookTicker", "2026-01-01", None), "binance has one of aggTrade, klines"),
        (("binance", "klines", "yesterday", None), "--from 'yesterday' is no time: write 2026-11-01"),
        (("binance", "klines", "2026-01-02", "2026-01-01"), "--from lies behind --to, or in the future"),
        (("binance", "klines", "2026-01-03", None), "--from lies behind --to, or in the future"),
    ],
)
def test_a_wish_that_cannot_be_read_is_told_what_would_do(words: tuple[str, str, str, str | None], told: str) -> None:
    with pytest.raises(Refused, match=told) as caught:
        wish(load({}), *words, "BTCUSDT", NOW_US)
    assert caught.value.status == 2


@pytest.mark.parametrize(
    ("since", "until", "seconds"),
    [
        ("2026-01-01", None, (-2 * 86_400, -60)),  # what is younger comes by the sockets
        ("2026-01-01T12:00+02:00", "2026-01-02", (-2 * 86_400 + 10 * 3600, -86_400)),
        ("2026-01-02 23:00", "2026-02-01", (-3600, -60)),
    ],
)
def test_times_are_utc_and_end_before_now(since: str, until: str | None, seconds: tuple[int, int]) -> None:
    job = wish(load({}), "binance", "klines", since, until, "BTCUSDT, 币USDT,BTCUSDT", NOW_US)
    assert ((job.from_us - NOW_US) / 1e6, (job.to_us - NOW_US) / 1e6) == seconds
    assert job.instruments == ["BTCUSDT", "币USDT"]


def test_a_command_without_a_wish_says_what_is_missing(farm: Command) -> None:
    status, _, err = farm("backfill", "binance", "klines")
    assert (status, "Say what to read and from when" in err) == (2, True), err


def test_a_universe_nobody_knows_yet_wants_symbols(farm: Command, redis_client: redisdb.Client, key_prefix: str) -> None:
    redis_client.delete(f"{key_prefix}:universe:binance")
    status, _, err = farm(*WISH, "--detach")
    assert (status, "name symbols with --instruments" in err) == (1, True)
