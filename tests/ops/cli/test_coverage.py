"""`./farm coverage` as it is typed, on a database of the test's own; how hours are judged, the tests of db and tasks tell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.settings import ROOT
from ops.cli.coverage import asked
from ops.cli.errors import Refused
from ops.cli.hours import regular, shares

Query = Callable[..., list[tuple[Any, ...]]]
DAY = ("--from", "2026-11-03", "--to", "2026-11-04")
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def command(fresh_database_url: str, redis_url: str, tmp_path: Path) -> Callable[..., str]:
    environ = {**os.environ, "DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "FARM_HOME": str(tmp_path)}

    def run(*words: str) -> str:
        argv = [sys.executable, "-m", "ops", "coverage", *words]
        done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def tuesday(query: Query) -> None:
    """Options of ETH and BTC: one of ETH lacks ids in one hour and its shard was deaf in another; a pause at 08:00; asked for since 02:00."""
    for number, symbol in enumerate(("ETH-3000-C", "ETH-3000-P", "BTC-90000-C"), start=1):
        query(
            "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) VALUES (%s, 'deribit', %s, 'open', now(), now())",
            (number, symbol),
        )
    query(
        "INSERT INTO coverage SELECT 'deribit', 'trades', i, hour, "
        "  CASE WHEN broken > 0 THEN 'broken' WHEN paused > 0 THEN 'planned pause' ELSE 'verified' END, "
        "  3600 - broken - paused, 0, 0, broken, paused, hour + INTERVAL '59 minutes', now() "
        "FROM generate_series(1, 3) i, generate_series(TIMESTAMPTZ '2026-11-03 02:00+00', '2026-11-03 23:00+00', '1 hour') hour, LATERAL ("
        "  SELECT CASE WHEN i = 1 AND extract(hour FROM hour) = 10 THEN 1.5 WHEN i < 3 AND extract(hour FROM hour) = 12 THEN 3000 ELSE 0 END AS broken, "
        "         CASE WHEN extract(hour FROM hour) = 8 THEN 3600 ELSE 0 END AS paused) p"
    )
    query(
        "INSERT INTO subscriptions (stream, venue, channel, shard, symbol, instrument_id, from_at) "
        "SELECT 'deribit:trades:' || instrument_id / 3 || ':a', 'deribit', 'trades', instrument_id / 3, symbol, instrument_id, '2026-11-03 02:00+00' "
        "FROM instruments"
    )
    query(
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, first_missing, last_missing, event_from, event_to, state, evidence) "
        "VALUES ('deribit', 'trades', '0', 1, 'sequence', 41, 47, '2026-11-03 10:05+00', '2026-11-03 10:05:01.5+00', 'unfillable', "
        '        \'[{"state": "unfillable", "reason": "the archive has none"}]\'), '
        "       ('deribit', 'trades', '0', NULL, 'disconnected', NULL, NULL, '2026-11-03 12:05+00', '2026-11-03 12:55+00', 'missing', '[]'), "
        "       ('deribit', 'trades', '0', 1, 'sequence', 5, 6, '2026-11-03 11:05+00', '2026-11-03 11:05+00', 'filled', '[]')"
    )


@pytest.mark.usefixtures("tuesday")
def test_a_strip_says_it_without_colours_in_80_columns(command: Callable[..., str]) -> None:
    told = command(*DAY)
    assert "deribit trades  verified 97.35 %, clean 97.35 %, newest 11-03 23:59:00" in told
    assert "  2026-11-03..######p#x#X###########\n" in told
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.usefixtures("tuesday")
def test_whether_options_of_a_day_are_complete_is_answered_with_the_gaps_behind_it(command: Callable[..., str]) -> None:
    told = command("deribit", "trades", "ETH-*-[CP]", *DAY)
    assert re.search(r"trades ETH-3000-C\s+sequence\s+unfillable\s+11-03 10:05:00\s+1.500 s\s+7 ids from 41; the archive has none", told)
    assert re.search(r"trades shard 0\s+disconnected\s+missing\s+11-03 12:05:00\s+0:50:00", told)
    assert "11:05" not in told
    assert "no gap that is not filled" in command("deribit", "trades", "BTC-*", *DAY)


@pytest.mark.usefixtures("tuesday")
def test_the_document_tells_every_hour_and_gap(command: Callable[..., str]) -> None:
    found = json.loads(command("deribit", "trades", "ETH-*", *DAY, "--json"))
    (channel,) = found["channels"]
    assert (channel["instruments"], channel["clean"], channel["seconds"]["broken"]) == (2, 96.03, 6001.5)
    assert [hour["state"] for hour in channel["hours"]].count("verified") == 19
    broken = [hour for hour in channel["hours"] if hour["state"] == "broken"]
    assert [(hour["hour"], hour["broken_instruments"]) for hour in broken] == [
        ("2026-11-03T10:00:00+00:00", 1),
        ("2026-11-03T12:00:00+00:00", 2),
    ]
    assert broken[0]["newest_at"] == "2026-11-03T10:59:00+00:00"
    assert [(gap["gap_id"], gap["state"]) for gap in found["gaps"]] == [(1, "unfillable"), (2, "missing")]


@pytest.mark.usefixtures("tuesday")
def test_what_is_asked_for_and_not_judged_yet_is_no_good_hour(command: Callable[..., str], query: Query) -> None:
    query("UPDATE coverage SET state = 'verified' WHERE hour > '2026-11-03 20:00+00'")
    query("DELETE FROM coverage WHERE hour >= '2026-11-03 22:00+00'")
    query("INSERT INTO judged_streams SELECT DISTINCT stream, from_at, TIMESTAMPTZ '2026-11-03 21:30+00' FROM subscriptions")
    query("UPDATE judged_streams SET judged_until = '2026-11-03 20:00+00' WHERE stream = 'deribit:trades:1:a'")
    told = command(*DAY)
    assert "X#########??\n" in told
    assert "nothing more is written of deribit:trades:1:a" in told


def test_nothing_asked_for_is_said_in_a_sentence(command: Callable[..., str]) -> None:
    assert "Nothing was asked for in this time" in command()


def test_a_pattern_as_of_a_shell() -> None:
    assert [bool(re.search(regular("ETH-*-[CP]"), name)) for name in ("ETH-3-C", "ETH-3-C-X", "XETH-3-C", "ETH-3-Q")] == [
        True,
        False,
        False,
        False,
    ]
    assert re.search(regular("a.b?"), "a.bc")
    assert not re.search(regular("a.b"), "axb")


def test_a_share_is_never_rounded_up() -> None:
    seconds = {"verified": 3_599_999.0, "witnessed": 0.0, "unverifiable": 0.0, "broken": 1.0, "paused": 7200.0}
    assert shares(seconds) == {"verified": 99.99, "clean": 99.99}
    assert shares({**seconds, "broken": 0.0, "unverifiable": 0.0}) == {"verified": 100.0, "clean": 100.0}
    assert shares(dict.fromkeys(seconds, 0.0)) == {"verified": None, "clean": None}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere", None, None, None, None), "no venue 'nowhere'"),
        (("deribit", "tardes", None, None, None), "deribit has no channel 'tardes'"),
        ((None, None, None, "yesterday", None), "--from 'yesterday' is no time"),
        ((None, None, None, "2026-11-04", "2026-11-03"), "--from lies behind --to"),
        ((None, None, None, "2020-01-01", None), "At most 366 days"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(words: tuple[str | None, ...], sentence: str) -> None:
    with pytest.raises(Refused, match=re.escape(sentence)):
        asked(*words, NOW)  # type: ignore[arg-type]
