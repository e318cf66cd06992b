"""What is measured, from a real database, a real Redis and this machine."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import redisdb
from core.board import Board
from core.journal import Journal, StreamName, event_fields
from core.settings import Collect, Settings
from ops.alerting.facts import Witnesses
from ops.cli import running
from venues import VENUES

Query = Callable[..., list[tuple[Any, ...]]]
VENUE, CHANNEL = next((venue, venue.channels[0]) for venue in VENUES.values() if not venue.login)
STREAM = StreamName(VENUE.name, CHANNEL.name)
PLACE = f"{VENUE.name}:{CHANNEL.name}:0"


@pytest.fixture
def began() -> float:
    return time.time() - 10_000


@pytest.fixture
def witnesses(knobs: Callable[..., Settings], tmp_path: Path, began: float) -> Witnesses:
    return Witnesses(knobs(collect={VENUE.name: Collect(channels=(CHANNEL.name,))}), tmp_path, began)


@pytest.fixture
def fact(query: Query) -> Callable[..., None]:
    def record(key: str, age: float, value: str = "{}") -> None:
        query("INSERT INTO system_metadata (key, value, updated_at) VALUES (%s, %s, now() - %s * INTERVAL '1 second')", (key, value, age))

    return record


@pytest.fixture
def offset(query: Query) -> Callable[..., None]:
    def write(last_id: str = "0-0", data_age: float = 0.0, quarantined: int = 0) -> None:
        query(
            "INSERT INTO stream_offsets (stream, venue, channel, shard, last_id, last_received_at, quarantined, rows, updated_at) "
            "VALUES (%s, %s, %s, '0', %s, now() - %s * INTERVAL '1 second', %s, 70, now()) "
            "ON CONFLICT (stream) DO UPDATE SET last_id = excluded.last_id, quarantined = excluded.quarantined",
            (str(STREAM), STREAM.venue, STREAM.channel, last_id, data_age, quarantined),
        )

    return write


def test_ages_of_canaries_and_of_the_schedule_behind_them(witnesses: Witnesses, fact: Callable[..., None]) -> None:
    fact("canary:writers", 500)
    fact("canary:metadata", 40)
    facts = witnesses.database().facts
    canaries = facts["canary_age_seconds"]
    assert {name: round(reading.value, -1) for name, reading in canaries.items()} == {"writers": 500, "metadata": 40}
    assert canaries["writers"].words == "nobody has consumed it for 500 s"
    assert round(facts["beat_silence_seconds"]["beat"].value, -1) == 40


def test_a_schedule_that_never_rang_is_silent_since_the_first_look(witnesses: Witnesses) -> None:
    (reading,) = witnesses.database().facts["beat_silence_seconds"].values()
    assert reading.seen == pytest.approx(10_000, abs=20) and "no queue has been rung for 10" in reading.words


def test_gaps_of_the_last_hour_by_channel(witnesses: Witnesses, query: Query) -> None:
    query(
        "INSERT INTO data_gaps (venue, channel, shard, cause, state, detail, found_at) "
        "SELECT 'v', 'c', '0', cause, state, detail, now() - age * INTERVAL '1 minute' FROM (VALUES ('sequence', 'filled', NULL, 10), "
        "('lost', 'missing', 'spool full', 5), ('silent', 'open', NULL, 1), ('disconnected', 'planned', NULL, 1), ('lost', 'missing', NULL, 90)) "
        "AS gaps (cause, state, detail, age)"
    )
    (found,) = witnesses.database().facts["gaps_per_hour"].items()
    assert (found[0], found[1].value, found[1].words) == ("v:c", 2, "2 gaps in the last hour; the newest: lost: spool full")


def test_quarantine_counts_what_is_new(witnesses: Witnesses, offset: Callable[..., None]) -> None:
    offset(quarantined=5)
    answer = witnesses.database()
    assert answer.facts["quarantined_per_hour"][str(STREAM)].value == 0
    assert answer.figures == {"rows": 70}
    offset(quarantined=8)
    assert witnesses.database().facts["quarantined_per_hour"][str(STREAM)].value == 3


def test_it_is_told_since_when_bars_are_behind(witnesses: Witnesses, query: Query) -> None:
    query("UPDATE rolled_bars SET caught_up_at = now() - INTERVAL '2000 seconds'")
    assert witnesses.database().facts["rollups_age_seconds"]["bars"].value == pytest.approx(2000, abs=60)


def test_backups_and_halts_are_measured_once_somebody_tells_of_them(witnesses: Witnesses, fact: Callable[..., None]) -> None:
    facts = witnesses.database().facts
    assert facts["backup_age_hours"] == facts["risk_halt"] == {}
    fact("backup:daily", 3600 * 30)
    fact("halt:paper", 0, '{"reason": "loss of the day"}')
    fact("halt:other", 0, '{"reason": null}')
    fact("backup:proof", 0, json.dumps({"at": time.time() - 3600 * 200, "file": None, "trouble": "no key"}))
    fact("backup:hourly", 0, json.dumps({"at": time.time() - 3600 * 5, "file": "hourly.dump", "trouble": ""}))
    facts = witnesses.database().facts
    assert facts["backup_age_hours"]["daily"].value == pytest.approx(30, abs=0.1)
    assert facts["backup_age_hours"]["proof"].value == pytest.approx(200, abs=0.1)
    assert facts["backup_age_hours"]["proof"].words == "there has been none for 200.0 hours; no key"
    assert facts["backup_age_hours"]["hourly"].words == "the last good one is 5.0 hours old"
    assert {name: (reading.value, reading.words) for name, reading in facts["risk_halt"].items()} == {
        "paper": (1.0, "halted: loss of the day"),
        "other": (0.0, "halted: None"),
    }


def test_pairs_that_the_farm_has_suspended_wait_for_a_person(witnesses: Witnesses, query: Query) -> None:
    query(
        "INSERT INTO markets (venue, market_id, title, status, outcomes, first_seen_at, updated_at) "
        "SELECT v, m, 'Rain?', CASE m WHEN 'over' THEN 'resolved' ELSE 'active' END, '[]', now(), now() "
        "FROM unnest(ARRAY['a', 'b']) v, unnest(ARRAY['rules', 'hand', 'over', 'fine']) m"
    )
    query(
        "INSERT INTO contract_matches (pair_id, market_key_a, market_key_b, state, proposed_at, decided_at, decided_by, reason) "
        "SELECT p.pair_id, a.market_key, b.market_key, p.state, now(), now(), p.by, 'the rules have changed' "
        "FROM (VALUES (1, 'rules', 'suspended', 'farm'), (2, 'hand', 'suspended', 'ada'), (3, 'over', 'suspended', 'farm'), "
        "(4, 'fine', 'rejected', 'farm')) p (pair_id, market_id, state, by) "
        "JOIN markets a ON (a.venue, a.market_id) = ('a', p.market_id) JOIN markets b ON (b.venue, b.market_id) = ('b', p.market_id)"
    )
    found = witnesses.database().facts["pair_suspended"]
    assert {name: (reading.value, reading.words) for name, reading in found.items()} == {"pair 1": (1.0, "the rules have changed (Rain?)")}


def test_failures_of_tasks_within_the_hour(witnesses: Witnesses, redis_client: redisdb.Client, key_prefix: str) -> None:
    board = Board(redis_client, key_prefix)
    board.count_failure("tasks.a")
    assert witnesses.redis().facts["errors_per_hour"]["tasks.a"].value == 0
    board.count_failure("tasks.a")
    board.count_failure("tasks.b")
    found = witnesses.redis().facts["errors_per_hour"]
    assert {task: reading.value for task, reading in found.items()} == {"tasks.a": 1, "tasks.b": 1}


def test_a_stream_that_is_silent_and_not_written(
    witnesses: Witnesses, redis_client: redisdb.Client, key_prefix: str, offset: Callable[..., None]
) -> None:
    age = CHANNEL.idle_seconds + 100
    offset(data_age=age)
    now_us = time.time_ns() // 1000
    Journal(redis_client, key_prefix).append([(STREAM, event_fields("connected", "c", 1, now_us))])
    facts = witnesses.streams().facts
    assert facts["venue_silence_seconds"][VENUE.name].value == pytest.approx(age, abs=5)
    assert facts["stream_overdue_seconds"][PLACE].value == pytest.approx(100, abs=5)
    assert 0 <= facts["backlog_age_seconds"][str(STREAM)].value < 5
    last = Journal(redis_client, key_prefix).last_id(STREAM)
    offset(last_id=last)
    assert witnesses.streams().facts["backlog_age_seconds"][str(STREAM)].value == 0


def test_a_venue_that_said_it_pauses_is_not_silent(witnesses: Witnesses, offset: Callable[..., None], query: Query) -> None:
    offset(data_age=5000)
    query("INSERT INTO planned_pauses (venue, since_at, reason, told_at) VALUES (%s, now(), 'maintenance', now())", (VENUE.name,))
    facts = witnesses.streams().facts
    assert facts["venue_silence_seconds"] == facts["stream_overdue_seconds"] == {}


def test_a_replica_that_records_makes_up_for_one_that_does_not(
    witnesses: Witnesses, redis_client: redisdb.Client, key_prefix: str, offset: Callable[..., None]
) -> None:
    offset(data_age=5000)
    stream = {"channel": CHANNEL.name, "shard": "0", "since_us": 0, "last_data_us": time.time_ns() // 1000}
    Board(redis_client, key_prefix).report(f"streamer:{VENUE.name}:0:b", {"streams": [stream]})
    facts = witnesses.streams().facts
    assert facts["stream_overdue_seconds"][PLACE].value == 0
    assert facts["venue_silence_seconds"][VENUE.name].value < 5


def test_where_no_programs_are_known_nothing_is_said_of_them(witnesses: Witnesses) -> None:
    assert witnesses.programs().facts == {}


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says which programs there are: name -> (state, restarts)."""

    def told(**known: tuple[str, int]) -> None:
        rows = [
            {"name": name.replace("_", "-"), "state": state, "restarts": restarts, "problem": "spawn error" if state == "backoff" else ""}
            for name, (state, restarts) in known.items()
        ]
        monkeypatch.setattr(running, "programs", lambda _home, _knobs: (rows, ""))

    return told


def test_programs_that_are_down(witnesses: Witnesses, programs: Callable[..., None]) -> None:
    programs(beat=("running", 0), streamer_v=("stopped", 0), streamer_v_b=("running", 0), flower=("backoff", 3))
    down = {name: (one.value, one.words) for name, one in witnesses.programs().facts["program_down"].items() if one.value}
    assert down == {"flower": (1.0, "it is backoff (spawn error)")}


def test_containers_that_are_down(witnesses: Witnesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(running.CONTAINERS, "beat,flower")
    monkeypatch.setattr(running, "resolved", lambda names: {name: name != "flower" for name in names})
    down = {name: (one.value, one.words) for name, one in witnesses.programs().facts["program_down"].items() if one.value}
    assert down == {"flower": (1.0, "it is down")}


def test_restarts_within_the_hour_as_the_supervisor_counts_them_or_as_they_are_seen(
    witnesses: Witnesses, programs: Callable[..., None], tmp_path: Path
) -> None:
    def restarts() -> dict[str, float]:
        return {name: reading.value for name, reading in witnesses.programs().facts["restarts_per_hour"].items()}

    programs(beat=("running", 40), flower=("running", 1))
    assert restarts() == {"beat": 0, "flower": 0}
    programs(beat=("running", 42), flower=("running", 1))
    assert restarts() == {"beat": 2, "flower": 0}
    (tmp_path / "run").mkdir()
    fact = {"restarts_hour": 12, "memory_bytes": "1"}
    (tmp_path / "run" / "programs.json").write_text(json.dumps({"at": time.time(), "programs": {"beat": fact}}))
    assert restarts() == {"beat": 12, "flower": 0}


def test_the_disk_and_the_memory_of_this_machine(witnesses: Witnesses, tmp_path: Path) -> None:
    facts = witnesses.machine().facts
    (folder, reading), *_ = facts["disk_percent"].items()
    assert folder == str(tmp_path) and 0 < reading.value <= 100 and "GiB are free" in reading.words
    assert 0 < facts["memory_percent"]["memory"].value <= 100
