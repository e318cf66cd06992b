"""`./farm rebuild` as it is typed, on a database and a Redis of the test's own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import redisdb
from core.board import Board
from core.held import Held
from core.journal import Journal
from core.settings import ROOT, Settings, load
from tests.tasks.conftest import TRADES, Socket, trade
from tests.tasks.recording import Recording

NAME = "tapefarm_test_rebuilt_cli"


@pytest.fixture
def farm(fresh_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path) -> dict[str, str]:
    servers = {"DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix}
    return {**os.environ, **servers, "FARM_HOME": str(tmp_path), "FARM_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def knobs(farm: dict[str, str]) -> Settings:
    return load(
        {name: farm[name] for name in ("DATABASE_URL", "REDIS_URL", "KEY_PREFIX", "FARM_HOME", "FARM_DATA")} | {"WRITER_GROUPS": "1"}
    )


def run(farm: dict[str, str], *words: str) -> tuple[int, str, str]:
    argv = [sys.executable, "-m", "ops", "rebuild", "--into", NAME, *words]
    done = subprocess.run(argv, cwd=ROOT, env=farm, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_it_makes_the_tables_again_and_says_what_differs(
    farm: dict[str, str], knobs: Settings, redis_client: redisdb.Client, key_prefix: str, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    journal = Journal(redis_client, key_prefix)
    recording = Recording(knobs, journal, Board(redis_client, key_prefix), Held(redis_client, key_prefix))
    Socket(journal, TRADES, "t").send(trade(1), trade(2))
    recording.drain()
    assert "compare" in run(farm, "--compare")[2], "nothing is archived yet"
    recording.archive()
    query("INSERT INTO archived_streams SELECT stream, venue, channel, '0-1', now() + INTERVAL '1 hour', 0, now() FROM stream_offsets")
    try:
        status, out, _ = run(farm, "--compare", "--json")
        found = json.loads(out)
        assert (status, found["rows"], found["streams"]) == (0, 2, 1)
        assert {line["table"] for line in found["compare"] if line["equal"]} == {"trades", "sessions", "instruments", "stream_offsets"}
        status, out, _ = run(farm, "--compare", "--json", "--again", "--venue", "binance")
        assert (status, [(line["table"], line["live"][0]) for line in json.loads(out)["compare"]]) == (0, [("trades", 2), ("sessions", 1)])
        status, _, told = run(farm)
        assert (status, "--again" in told) == (2, True)
        query("DELETE FROM trades WHERE trade_id = 2")
        status, out, _ = run(farm, "--compare", "--again")
        assert (status, "live 1 rows" in out, "rebuilt 2 rows" in out) == (1, True, True)
    finally:
        query(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')


def test_a_range_without_anything_is_refused(farm: dict[str, str], query: Callable[..., list[tuple[Any, ...]]]) -> None:
    try:
        status, _, told = run(farm, "--from", "2020-01-01", "--to", "2020-01-02")
        assert (status, "holds nothing" in told) == (1, True)
        assert run(farm, "--venue", "nobody")[0] == 2
        assert run(farm, "--from", "2020-01-02", "--to", "2020-01-01")[0] == 2
    finally:
        query(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
