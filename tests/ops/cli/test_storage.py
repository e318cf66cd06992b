"""`./farm storage` as it is typed, and what it makes of what was measured."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.settings import ROOT
from core.storage import KEPT
from db import engine
from db import storage as kept_data
from ops.cli.console import out
from ops.cli.storage import length, render, size
from ops.report.storage import pending, report

Query = Callable[..., list[tuple[Any, ...]]]
DAY = timedelta(days=1)


@pytest.fixture
def command(fresh_database_url: str, redis_url: str, tmp_path: Path) -> Callable[..., str]:
    environ = {**os.environ, "DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "FARM_HOME": str(tmp_path)}

    def run(*words: str) -> str:
        argv = [sys.executable, "-m", "ops", "storage", *words]
        done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def filled(query: Query, fresh_database_url: str) -> None:
    """Two days of quotes of a year ago, held back by a guard."""
    query("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('v', 'A', 'open', now(), now())")
    query(
        "INSERT INTO quotes SELECT TIMESTAMPTZ '2025-03-01 10:00+00' + n * INTERVAL '1 min', now(), i.instrument_id, n, 1, 1, 1, 1 "
        "FROM generate_series(1, 2000) n, instruments i"
    )
    query("ANALYZE quotes")
    with closing(engine.connect(fresh_database_url, name="test")) as connection:
        kept_data.apply(connection, "quotes", replace(KEPT["quotes"], drop_after=30 * DAY))
        first, _ = kept_data.expired(connection)
        kept_data.drop(connection, first, {"archived": lambda _, chunk: chunk.until, "rolled up": lambda _, chunk: chunk.since})


def test_it_says_what_there_is_and_what_is_held_back_by_whom(filled: None, command: Callable[..., str]) -> None:
    text = command()
    assert re.search(r"quotes +2,000 +[\d.]+ kB .* 2025-03-01 10:01 +2025-03-02 19:20 ", text)
    assert "nothing yet in bars_1h, bars_1m, bars_1s, book_deltas, " in text
    assert "cannot compress" in text, "it is the Apache edition"
    assert "farm.toml says otherwise, which a running farm applies within a minute: storage.quotes.drop_after" in text
    assert (
        "quotes: chunks that have had their time: 2, the first of 2025-03-01 00:00; held back, as only what is before 2025-03-01 00:00:00 is rolled up"
        in text
    )
    assert "archived" not in text
    assert "how full disks are is not known yet" in text


def test_as_json_it_says_all(filled: None, command: Callable[..., str]) -> None:
    found = json.loads(command("--json"))
    assert (found["edition"], found["pending"], found["disks"]) == ("apache", ["storage.quotes.drop_after"], [])
    (quotes,) = [one for one in found["tables"] if one["table"] == "quotes"]
    assert (quotes["rows"], quotes["chunks"], quotes["compressed_chunks"], quotes["ratio"], quotes["drop_after"]) == (
        2000,
        2,
        0,
        None,
        2_592_000,
    )
    assert quotes["raw_bytes_per_row"] == pytest.approx(quotes["bytes"] / 2000, abs=0.01) and 50 < quotes["raw_bytes_per_row"] < 300
    assert (quotes["oldest"], quotes["newest"]) == ("2025-03-01T10:01:00+00:00", "2025-03-02T19:20:00+00:00")
    (held,) = found["held"]
    assert (held["table_name"], held["guard"], held["chunks"], held["safe_until"]) == (
        "quotes",
        "rolled up",
        2,
        "2025-03-01T00:00:00+00:00",
    )


def test_an_empty_farm_is_told_as_one(command: Callable[..., str]) -> None:
    assert f"nothing yet in {', '.join(sorted(KEPT))}" in command()


@pytest.mark.parametrize(
    ("gigabytes", "free", "pace", "says"),
    [
        ([100, 101, 102], 240, 24, "24.0 GB a day more in the last 2 h: full in 10.0 days, on "),
        ([100, 100, 100], 240, 0, "it does not fill up within ten years"),
        ([102, 101, 100], 240, -24, "24.0 GB a day less in the last 2 h: it does not fill up within ten years"),
        ([100], 240, None, "when it is full is known after an hour of growth, 0 minutes were seen"),
    ],
)
def test_the_disks_end_is_told_by_its_growth(
    fresh_database_url: str, query: Query, gigabytes: list[int], free: int, pace: int | None, says: str
) -> None:
    for age, used in enumerate(reversed(gigabytes)):
        query(
            "INSERT INTO storage_sizes SELECT 'disk /data', date_trunc('hour', at), at, %s, %s FROM (SELECT now() - %s * INTERVAL '1 hour' AS at) t",
            (used * 10**9, free * 10**9, age),
        )
    found = report(fresh_database_url, KEPT)
    (disk,) = found["disks"]
    assert disk["path"] == "/data" and (disk["bytes_per_day"] if pace is None else round(disk["bytes_per_day"] / 1e9)) == pace
    with out.capture() as shown:
        out.print(*render(found), sep="\n")
    assert says in shown.get()
    if pace and pace > 0:
        assert abs(disk["full_at"] - datetime.now(UTC) - 10 * DAY) < timedelta(minutes=1)


def test_what_is_not_in_force_yet_is_named() -> None:
    row = {"table_name": "quotes", "chunk": DAY, "compress_after": None, "drop_after": None}
    assert pending([row], KEPT, compresses=False) == []
    assert pending([row], KEPT, compresses=True) == ["storage.quotes.compress_after"]
    assert pending([row], {"quotes": replace(KEPT["quotes"], chunk=2 * DAY)}, compresses=False) == ["storage.quotes.chunk"]


@pytest.mark.parametrize(("number", "text"), [(None, "–"), (0, "0 B"), (999, "999 B"), (149_000, "149.0 kB"), (3 * 10**12, "3.00 TB")])
def test_a_size_is_short(number: int | None, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(("time", "text"), [(None, "never"), (DAY / 4, "6 h"), (7 * DAY, "7 d")])
def test_a_length_of_time_is_short(time: timedelta | None, text: str) -> None:
    assert length(time) == text
