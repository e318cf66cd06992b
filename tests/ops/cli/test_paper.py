"""`./farm paper`, on a database of the test's own: the switch, how it stands, what it came to, and the same once more from what was recorded."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli.errors import Refused
from ops.cli.paper import paper, scope_of
from tests.tasks.trading import VENUE, confirm, market

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., tuple[int, str]]
DAY = datetime(2026, 11, 20, tzinfo=UTC)
SPAN = ("--from", "2026-11-20", "--to", "2026-11-21")


@pytest.fixture
def run(fresh_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    toml = tmp_path / "farm.toml"
    toml.write_text(f"[paper.cash]\n{VENUE} = 1000\n[paper.any_latency]\nmedian_ms = 100\np99_ms = 900\n", encoding="utf-8")
    known = {"DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "FARM_HOME": str(tmp_path / "farm")}
    for name, value in (known | {"FARM_TOML": str(toml)}).items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(paper, [*words])
        if isinstance(done.exception, Refused):
            return done.exception.status, str(done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout

    return run


class Recording:
    """Rows as the writers store them, for the books of a pair."""

    def __init__(self, query: Query) -> None:
        self._query, self._number = query, 0
        self.instruments = market(query, "A"), market(query, "B")
        self.pair = confirm(query, "A", "B")

    def state(self, seconds: float, place: int, *levels: tuple[int, float, float]) -> None:
        for level in levels:
            self._row("book_snapshots", seconds, place, *level)

    def change(self, seconds: float, place: int, side: int, price: float, quantity: float) -> None:
        self._row("book_deltas", seconds, place, side, price, quantity)

    def gap(self, seconds: float, place: int) -> None:
        at, number = DAY + timedelta(seconds=seconds), self.instruments[place]
        self._query(
            "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, received_from) VALUES (%s, 'books', '0', %s, 'book', %s)",
            (VENUE, number, at),
        )
        self._query(
            "INSERT INTO subscriptions (stream, venue, channel, shard, symbol, instrument_id, from_at) VALUES (%s, %s, 'books', '0', 'S', %s, '2026-11-01') "
            "ON CONFLICT DO NOTHING",
            (f"{VENUE}:books:0:a", VENUE, number),
        )

    def _row(self, table: str, seconds: float, place: int, side: int, price: float, quantity: float) -> None:
        at, self._number = DAY + timedelta(seconds=seconds), self._number + 1
        update = int(seconds * 1000) if table == "book_snapshots" else self._number
        self._query(
            f"INSERT INTO {table} (instrument_id, event_at, received_at, update_id, side, price, quantity) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (self.instruments[place], at, at, update, side, price, quantity),
        )


@pytest.fixture
def recording(query: Query) -> Recording:
    """A quiet pair, and at noon a minute in which NO of B is cheap."""
    found = Recording(query)
    found.state(-3600, 0, (1, 0.38, 50.0), (-1, 0.40, 50.0))
    found.state(-3600, 1, (1, 0.39, 50.0), (-1, 0.41, 50.0))
    found.change(43200, 1, -1, 0.41, 0.0)
    found.change(43200, 1, -1, 0.62, 50.0)
    found.change(43200, 1, 1, 0.60, 20.0)
    found.change(43260, 1, 1, 0.60, 0.0)
    return found


def replayed(run: Run, *more: str) -> dict[str, Any]:
    status, told = run("replay", *SPAN, "--json", *more)
    assert status == 0, told
    found: dict[str, Any] = json.loads(told)
    return found


# --- the switch -----------------------------------------------------------------------------------------------------------
def test_what_is_asked_waits_for_the_engine(run: Run, query: Query) -> None:
    status, told = run("halt", "venue", VENUE, "--reason", "strange prices")
    assert status == 0 and "once it runs" in told
    assert run("resume")[0] == 0
    assert query("SELECT what, scope, reason FROM paper_asks ORDER BY ask_id") == [
        ("halt", f"venue {VENUE}", "strange prices"),
        ("resume", "all", "by hand"),
    ]


@pytest.mark.parametrize("words", [["venue"], ["venue", "nowhere"], ["pair", "x"], ["pair"], ["everything"], ["all", "of", "it"]])
def test_a_scope_that_is_none_is_refused(words: list[str]) -> None:
    with pytest.raises(Refused, match="is no scope"):
        scope_of(words)


def test_a_pair_is_named_by_its_number() -> None:
    assert scope_of(["pair", "007"]) == "pair 7"


def test_the_status_tells_what_is_halted_and_fails_then(run: Run, query: Query) -> None:
    status, told = run("status")
    assert status == 0 and "0 confirmed pairs" in told
    query("INSERT INTO risk_states VALUES ('all', '{daily loss}', now(), 100, 0, 0, 0, 0, -5, 1, current_date, 0, -5, 0, now())")
    status, told = run("status")
    assert status == 1 and "halted: all: daily loss" in told
    found = json.loads(run("status", "--json")[1])
    assert found["scopes"][0]["halted"] == ["daily loss"] and found["scopes"][0]["cash"] == "100"


# --- what it came to ------------------------------------------------------------------------------------------------------
def test_an_empty_report_says_so(run: Run) -> None:
    status, told = run("report")
    assert status == 0
    assert "return on capital-days: none yet" in told and "in 0 opportunities" in told


def test_a_report_adds_up_what_the_tables_say(run: Run, query: Query) -> None:
    query(
        "INSERT INTO paper_settlements VALUES (1, 7, 'v', 1, 'yes', 10, 1, 4, 6, 20, '{venue}', '2026-11-10', '2026-11-20'), "
        "(2, 7, 'v', 2, 'no', 10, 0, 5, -5, 20, '{venue}', '2026-11-10', '2026-11-20')"
    )
    query("INSERT INTO fills VALUES (1, 1, 7, 'v', 1, 'yes', 'buy', 0.38, 10, 0.20, 0, '2026-11-10', '2026-11-10')")
    found = json.loads(run("report", "--json")[1])
    assert Decimal(found["total"]["realised"]) == 1 and Decimal(found["total"]["capital_days"]) == 40
    assert Decimal(found["total"]["return_a_year"]) == Decimal("9.125")  # 1 / 40 * 365
    assert found["costs"] == [{"kind": "fees", "venue": "v", "number": 1, "dollars": "0.20"}]
    assert found["pairs"][0]["pair_id"] == 7
    later = json.loads(run("report", "--from", "2026-11-21", "--json")[1])
    assert Decimal(later["total"]["realised"]) == 0


# --- once more ------------------------------------------------------------------------------------------------------------
def test_a_replay_takes_what_the_recorded_books_offer(run: Run, recording: Recording, query: Query) -> None:
    found = replayed(run)
    total = found["report"]["total"]
    assert (total["opportunities"], total["taken"], Decimal(total["capacity"])) == (1, 1, 20)
    assert query("SELECT (SELECT count(*) FROM opportunities), (SELECT count(*) FROM paper_state)") == [(0, 0)], (
        "the live engine is not touched"
    )
    status, told = run("replay", *SPAN)
    assert status == 0 and "return on capital-days" in told and found["sha256"] in told


def test_a_replay_is_the_same_to_the_byte_for_a_seed(run: Run, recording: Recording) -> None:
    assert replayed(run) == replayed(run)
    assert replayed(run, "--seed", "another")["sha256"] != replayed(run)["sha256"]


def test_a_book_is_not_trusted_from_a_gap_to_its_next_whole_state(run: Run, recording: Recording) -> None:
    recording.gap(43100, 1)
    assert replayed(run)["report"]["total"]["opportunities"] == 0
    recording.state(43250, 1, (1, 0.60, 20.0), (-1, 0.62, 50.0))
    assert replayed(run)["report"]["total"]["opportunities"] == 1


def test_a_market_that_is_closed_is_not_traded_in_a_replay(run: Run, recording: Recording, query: Query) -> None:
    query("UPDATE market_history SET status = 'closed' WHERE title = 'B'")
    assert replayed(run)["report"]["total"]["opportunities"] == 0


def test_results_settle_what_a_replay_holds(run: Run, recording: Recording, query: Query) -> None:
    for number in recording.instruments:
        query(
            "INSERT INTO resolutions (instrument_id, event_at, received_at, source, status, payout) VALUES (%s, %s, %s, 'venue', 'resolved', 1)",
            (number, DAY + timedelta(hours=20), DAY + timedelta(hours=20)),
        )
    total = replayed(run)["report"]["total"]
    assert total["positions_open"] == 0 and Decimal(total["realised"]) > 0
    assert Decimal(total["return_a_year"]) > 0


def test_a_time_without_pairs_or_upside_down_is_refused(run: Run) -> None:
    assert run("replay", *SPAN) == (1, "No pair is confirmed: `./farm match list` shows what might be one.")
    assert run("report", "--from", "2026-11-21", "--to", "2026-11-20")[0] == 2


def test_a_day_of_books_is_replayed_within_seconds(run: Run, recording: Recording, query: Query) -> None:
    query(
        "INSERT INTO book_deltas (instrument_id, event_at, received_at, update_id, side, price, quantity) "
        "SELECT %s, at, at, n, 1, 0.1 + (n %% 20) * 0.01, 1 + n %% 7 "
        "FROM (SELECT n, %s + n * INTERVAL '4 seconds' AS at FROM generate_series(1, 20000) n) made",
        (recording.instruments[0], DAY),
    )
    began = time.monotonic()
    assert replayed(run)["books"] > 20_000
    assert time.monotonic() - began < 60
