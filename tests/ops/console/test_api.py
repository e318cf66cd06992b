"""What the console says as JSON, against the database it says it of."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import unsupported_method

import celeryconfig
from core import redisdb
from core.board import Board
from ops.alerting import memory
from ops.alerting.judge import Alert
from ops.alerting.memory import Memory

Query = Callable[..., list[tuple[Any, ...]]]
GAP = "INSERT INTO data_gaps (venue, channel, shard, cause, state, found_at) VALUES ('binance', %s, '0', %s, %s, now()) RETURNING gap_id"


def get(url: str, status: int = 200, **parameters: Any) -> Any:
    found = requests.get(url, params=parameters, timeout=30)
    assert found.status_code == status, found.text
    return found.json()


def test_gaps_come_by_pages_each_once_with_the_job_that_fills_them(console: str, query: Query) -> None:
    numbers = [query(GAP, ("aggTrade", "sequence", "missing"))[0][0] for _ in range(5)]
    for state, progress in (("failed", 0.1), ("running", 0.5)):
        query(
            "INSERT INTO backfills (venue, channel, instruments, from_at, to_at, gap_id, state, progress) "
            "VALUES ('binance', 'aggTrade', '{X}', now(), now(), %s, %s, %s)",
            (numbers[2], state, progress),
        )
    pages, before = [], None
    while True:
        page = get(f"{console}/api/gaps", limit=2, **({"before": before} if before else {}))
        pages += page["gaps"]
        if (before := page["before"]) is None:
            break
    assert [one["gap_id"] for one in pages] == numbers[::-1]
    assert [one["backfill"] and one["backfill"]["progress"] for one in pages] == [None, None, 0.5, None, None]
    assert get(f"{console}/api/gaps/{numbers[2]}") == pages[2]
    assert [one["state"] for one in get(f"{console}/api/backfills")["backfills"]] == ["running", "failed"]


def test_gaps_are_chosen_by_what_they_are(console: str, query: Query) -> None:
    for channel, cause, state in (
        ("aggTrade", "sequence", "missing"),
        ("aggTrade", "frozen", "open"),
        ("bookTicker", "frozen", "filled"),
    ):
        query(GAP, (channel, cause, state))

    def found(**chosen: object) -> int:
        return len(get(f"{console}/api/gaps", **chosen)["gaps"])

    assert [found(), found(cause="frozen"), found(state=["open", "filled"]), found(venue="binance", channel="aggTrade")] == [3, 2, 2, 2]
    assert found(until="2020-01-01T00:00:00Z") == 0 and found(since="2099-01-01T00:00:00Z") == 1, "what is open has not ended"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("gaps/1", 404),
        ("backfills/1", 404),
        ("gaps?venue=nowhere", 404),
        ("gaps?venue=binance&channel=nothing", 404),
        ("coverage?channel=aggTrade", 404),
        ("coverage?days=15", 422),
        ("gaps?limit=501", 422),
        ("gaps?state=odd", 422),
        ("gaps?since=2026-11-01", 422),
        ("gaps/9223372036854775808", 422),
    ],
)
def test_what_there_is_not_and_what_cannot_be_asked_is_a_sentence(blind: str, path: str, status: int) -> None:
    """Of these only the numbers have to be looked for, and there is no database."""
    if path in ("gaps/1", "backfills/1"):
        status = 503
    assert get(f"{blind}/api/{path}", status)["detail"]


def test_a_number_that_nobody_has_is_a_sentence(console: str) -> None:
    assert get(f"{console}/api/gaps/77", 404) == {"detail": "There is no gap of number 77."}
    assert get(f"{console}/api/backfills/77", 404) == {"detail": "There is no job of number 77."}


def test_the_schedule_tells_its_last_and_next_runs_and_what_failed(console: str, redis_client: redisdb.Client, key_prefix: str) -> None:
    board, now = Board(redis_client, key_prefix), time.time()
    board.tell_rung({"drain-0": now - 1, "plan-backfills": now - 500, "export-closed-days": now, "an entry of yesterday": 0})
    board.count_failure("tasks.writers.drain")
    found = get(f"{console}/api/tasks")
    entries = {one["name"]: one for one in found["schedule"]}
    assert set(entries) == set(celeryconfig.beat_schedule) and found["failures"] == {"tasks.writers.drain": 1}
    drain, late, export = entries["drain-0"], entries["plan-backfills"], entries["export-closed-days"]
    assert (drain["queue"], drain["every_seconds"], drain["failures"]) == ("writers", 5.0, 1)
    assert seconds(drain["next_at"]) - seconds(drain["last_at"]) == pytest.approx(5)
    assert seconds(late["next_at"]) >= now - 1, "what is overdue is due now"
    assert (export["crontab"], export["every_seconds"]) == ("1-51/10 * * * *", None)
    assert 0 < seconds(export["next_at"]) - now <= 610
    assert entries["health"]["last_at"] is entries["health"]["next_at"] is None
    assert entries["canary-paper"]["queue"] == "paper"


def seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_alerts_are_those_of_the_watcher_and_of_the_table(console: str, tmp_path: Path, query: Query) -> None:
    assert get(f"{console}/api/alerts")["troubles"] == ["no watcher has looked at this farm yet"]
    alert = Alert("disk", "/data", "warning", 1_795_348_800.0, 85.0, "85 % in use", "disk.md", fired=1_795_348_800.0)
    memory.save(tmp_path, Memory(time.time(), {alert.key: alert}))
    query(
        "INSERT INTO alerts (rule, subject, since_at, severity, fired_at, value, words, messages) "
        "VALUES ('disk', '/data', now(), 'warning', now(), 85, '85 %', 1)"
    )
    found = get(f"{console}/api/alerts")
    assert [(one["rule"], one["runbook"], one["since"]) for one in found["firing"]] == [("disk", "disk.md", "2026-11-22T12:00:00Z")]
    assert [one["words"] for one in found["recent"]] == ["85 %"] and found["troubles"] == []


def test_what_is_away_is_named_and_the_rest_still_told(console: str, blind: str) -> None:
    assert get(f"{console}/health/ready") == {"state": "ready", "reasons": []}
    found = get(f"{blind}/health/ready", 503)["reasons"]
    assert len(found) == 2 and "Redis" in found[0] and "PostgreSQL" in found[1]
    health = get(f"{blind}/health", 503)
    assert health["state"] == "unhealthy" and health["reasons"][1:] == found, "and before it, that no program runs"
    assert "The farm is not running" in health["reasons"][0]


def test_health_is_one_document_under_both_names(console: str, query: Query) -> None:
    query(
        "INSERT INTO stream_offsets (stream, venue, channel, shard, last_id, rows, heard_from, updated_at) "
        "VALUES ('binance:aggTrade:0:a', 'binance', 'aggTrade', '0', '0-0', 50, now() - INTERVAL '2 hours', now())"
    )
    query(
        "INSERT INTO platform_health_logs (checked_at, venue, healthy, reasons, figures) VALUES (now() - INTERVAL '6 minutes', '', 1, '[]', %s)",
        (json.dumps({"rows": {"binance:aggTrade": 20}}),),
    )
    query(GAP, ("aggTrade", "sequence", "missing"))
    found = get(f"{console}/health", 503)
    assert found == get(f"{console}/api/health", 503), "a look is shared"
    assert [(one["channel"], one["rows_5m"]["rows"]) for one in found["channels"]] == [("aggTrade", 30)]
    assert 360 <= found["channels"][0]["rows_5m"]["seconds"] < 420 and found["gaps_open"] == {"binance": 1}
    status = get(f"{console}/api/status")
    assert (status["healthy"], status["reasons"], status["gaps_open"]) == (False, found["reasons"], 1)


# --- the schema -----------------------------------------------------------------------------------------------------------
#: Endless answers, and a page for people.
STREAMS = re.compile(r"/(live|events|stream)$|^/$")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_asked_is_answered_as_the_schema_says_and_never_with_500(console: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{console}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        if STREAMS.search(operation.path) and operation.path != "/health/live":
            continue
        if mode == GenerationMode.NEGATIVE and not operation.query and not operation.path_parameters:
            continue

        @settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            found = case.call_and_validate(excluded_checks=[unsupported_method, not_a_server_error], timeout=30)
            assert found.status_code in (503, *range(500)), "503 says that something is away, and the schema has it"

        ask()
    assert {f"/api/{name}" for name in ("gaps", "coverage", "tasks", "storage")} <= {operation.path for operation in operations}
