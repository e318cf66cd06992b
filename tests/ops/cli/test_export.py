"""`./farm export` and `./farm load` as they are typed, on a database of the test's own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from core.settings import ROOT
from db.parquet import turn
from tests.db.parquet.recorded import Query, fill

SPAN = ("--from", "2026-11-03", "--to", "2026-11-05")
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(fresh_database_url: str, redis_url: str, query: Query, tmp_path: Path) -> Command:
    fill(query)
    for table in ("instruments", "coverage", "recorded_days"):
        query(f"UPDATE {table} SET venue = CASE venue WHEN 'v' THEN 'binance' ELSE 'deribit' END")
    query("UPDATE coverage SET channel = CASE channel WHEN 'q' THEN 'bookTicker' ELSE 'aggTrade' END")
    data = str(tmp_path / "data")
    environ = {**os.environ, "DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "FARM_HOME": str(tmp_path), "FARM_DATA": data}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "ops", *words]
        return subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_what_is_chosen_is_exported_and_then_it_is_there(command: Command, tmp_path: Path) -> None:
    first = command("export", *SPAN[:2], "--to", "2026-11-03", "--kind", "trades", "--venue", "binance")
    assert first.returncode == 0 and "2026-11-03 binance trades: exported, 60 rows" in first.stdout, first.stderr
    again = command("export", *SPAN[:2], "--to", "2026-11-03", "--kind", "trades", "--venue", "binance")
    assert again.stdout == "All that was asked for is there.\n"
    assert "same, 60 rows" in command("export", "--to", "2026-11-03", "--kind", "trades", "--venue", "binance", "--again").stdout
    assert [path.name for path in (tmp_path / "data" / "parquet").glob("*/*/*")] == ["date=2026-11-03"]


def test_a_script_is_told_what_came_of_each_day(command: Command, tmp_path: Path) -> None:
    words = ("export", *SPAN[:2], "--to", "2026-11-03", "--kind", "trades", "--venue", "binance", "--json")
    made = json.loads(command(*words).stdout)
    size = sum(path.stat().st_size for path in tmp_path.rglob("date=2026-11-03/rows*.parquet"))
    day = {"day": "2026-11-03", "venue": "binance", "table": "trades", "outcome": "exported", "rows": 60, "bytes": size}
    assert made == {"days": [day], "failed": 0}
    assert json.loads(command(*words).stdout) == {"days": [], "failed": 0}


def test_of_a_day_that_fails_it_is_told_why(command: Command, query: Query) -> None:
    query("ALTER TABLE trades RENAME COLUMN price TO cost")
    words = ("export", *SPAN[:2], "--to", "2026-11-03", "--kind", "trades", "--venue", "binance")
    told, shown = command(*words, "--json"), command(*words)
    ((day,), failed) = json.loads(told.stdout).values()
    assert (told.returncode, shown.returncode, failed) == (1, 1, 1) and "1 of the days" in told.stderr
    assert 'column "price" does not exist' in day["failure"]
    assert f"2026-11-03 binance trades: {day['failure']}" in shown.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--kind", "trade"], "There is no table 'trade'"),
        (["--venue", "nowhere"], "There is no venue 'nowhere'"),
        (["--from", "monday"], "--from 'monday' is no day"),
        (["--from", "2026-11-04", "--to", "2026-11-03"], "--from lies behind --to"),
        (["--to", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"], "--to is not over yet"),
    ],
)
def test_what_cannot_be_exported_is_told(command: Command, words: list[str], sentence: str) -> None:
    done = command("export", *words)
    assert done.returncode == 2 and sentence in done.stderr


def test_two_do_not_export_at_once(command: Command, tmp_path: Path) -> None:
    with turn.alone(tmp_path / "data" / "parquet"):
        done = command("export", "--kind", "trades")
    assert done.returncode == 1 and "exporting at this moment" in done.stderr


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow"])
def test_rows_are_written_into_a_file_by_its_ending(command: Command, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"rows.{ending}"
    done = command("load", "trades", "binance", "A,C", *SPAN, "--out", str(file))
    assert done.returncode == 0 and "80 rows in" in done.stderr, done.stderr
    read = {"parquet": pl.read_parquet, "csv": pl.read_csv, "arrow": pl.read_ipc}[ending]
    found = read(file)
    assert found.height == 80 and set(found["symbol"]) == {"A", "C"} and found.columns[:3] == ["venue", "symbol", "event_at"]
    assert not list(tmp_path.glob(".rows*"))


def test_rows_are_printed(command: Command) -> None:
    done = command("load", "bars_1s", "binance", "B", *SPAN)
    assert done.returncode == 0 and "shape: (120, 16)" in done.stdout, done.stderr
    assert "verified" in command("load", "bars_1s", "binance", "B", *SPAN, "--coverage").stdout


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["trades", "deribit", "A"], 1, "hours have a hole"),
        (["trades", "binance", "Z"], 2, "there is no instrument Z of binance."),
        (["ticks", "binance"], 2, "There is no table 'ticks'"),
        (["trades", "binance", "A", "--out", "rows.xls"], 2, "rows.xls ends in none of .parquet, .csv, .arrow"),
        (["trades", "binance", "A", "--holes", "fill"], 2, "--holes is raise, warn or mask"),
        (["trades", "binance", "A", "--as-of", "soon"], 2, "as_of 'soon' is no time"),
    ],
)
def test_what_cannot_be_loaded_is_told(command: Command, words: list[str], status: int, sentence: str) -> None:
    done = command("load", *words, *SPAN)
    assert (done.returncode, sentence in done.stderr) == (status, True), done.stderr
