"""db.queries: the small statements of tasks and commands, on a real database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.records import TRADES
from db import queries

Query = Callable[..., list[tuple[Any, ...]]]


def gap(query: Query, **changed: Any) -> None:
    """A gap of ids 5 to 7 that is over."""
    values = {"venue": "v", "channel": "c", "shard": "0", "instrument_id": 1, "cause": "sequence", "state": "missing"}
    values |= {"first_missing": 5, "last_missing": 7, "event_from": "2026-01-01 00:00+00", "event_to": "2026-01-01 00:01+00"} | changed
    query(f"INSERT INTO data_gaps ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})", tuple(values.values()))


def silent(query: Query, **changed: Any) -> None:
    """An instrument that had not spoken at midnight."""
    gap(
        query,
        **{"cause": "silent", "state": "open", "event_from": None, "event_to": None, "received_from": "2026-01-01 00:00+00"} | changed,
    )


def trade(query: Query, at: str, instrument: int = 1) -> None:
    query(
        "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) VALUES (%s, now(), %s, 1, 1, 1, 1)",
        (at, instrument),
    )


@pytest.mark.parametrize(
    ("changed", "instrument", "at", "state"),
    [
        ({}, 1, "2026-01-01 00:05+00", "filled"),
        ({}, 1, "2025-12-31 23:55+00", "filled"),  # clocks differ
        ({}, 1, "2025-12-31 12:00+00", "open"),
        ({}, 2, "2026-01-01 00:05+00", "open"),
        ({"channel": "other"}, 1, "2026-01-01 00:05+00", "open"),
        ({"cause": "disconnected"}, 1, "2026-01-01 00:05+00", "open"),
    ],
)
def test_a_silence_ends_with_the_first_row(
    fresh_database_url: str, query: Query, changed: dict[str, Any], instrument: int, at: str, state: str
) -> None:
    silent(query, **changed)
    trade(query, at, instrument)
    assert queries.settle_silent(fresh_database_url, "v", "c", TRADES) == (state == "filled")
    assert query("SELECT state, jsonb_array_length(evidence) FROM data_gaps") == [(state, int(state == "filled"))]


def test_open_gaps_are_deaf_shards_and_what_nobody_has_settled(fresh_database_url: str, query: Query) -> None:
    assert queries.rows(fresh_database_url, "open_gaps") == [{"deaf": 0, "unsettled": 0}]
    gap(query)
    gap(query, state="filling")
    for settled in ("filled", "partly filled", "unfillable", "planned"):
        gap(query, state=settled)
    silent(query)
    gap(query, instrument_id=None, cause="disconnected", state="open", event_to=None)
    gap(query, instrument_id=None, cause="disconnected", event_to=None, received_to="2026-01-01 00:02+00")
    assert queries.rows(fresh_database_url, "open_gaps") == [{"deaf": 1, "unsettled": 3}]


def test_a_fact_is_replaced_and_found_by_its_beginning(fresh_database_url: str) -> None:
    for value in (1, 2):
        assert queries.run(fresh_database_url, "record_fact", key="canary:a", value=json.dumps({"n": value})) == 1
    queries.run(fresh_database_url, "record_fact", key="other", value="null")
    (fact,) = queries.rows(fresh_database_url, "facts", prefix="canary:")
    assert (fact["key"], fact["value"]) == ("canary:a", {"n": 2})
    assert fact["updated_at"].utcoffset().total_seconds() == 0


def test_a_stream_has_one_last_check(fresh_database_url: str, query: Query) -> None:
    check = {"stream": "v:c:0:a", "instruments": 3, "rows_per_second": 5, "backlog_entries": 0}
    for state in ("live", "silent"):
        queries.run(fresh_database_url, "record_collector", state=state, **check)
    assert query("SELECT stream, state, instruments FROM collector_status") == [("v:c:0:a", "silent", 3)]


def test_health_is_one_row_a_check(fresh_database_url: str, query: Query) -> None:
    for healthy in (1, 0):
        queries.run(fresh_database_url, "record_health", venue="", healthy=healthy, reasons='["ü"]', figures='{"rows": 1}')
    assert query("SELECT healthy, reasons, figures FROM platform_health_logs ORDER BY checked_at") == [
        (1, ["ü"], {"rows": 1}),
        (0, ["ü"], {"rows": 1}),
    ]


def test_offsets_by_stream(fresh_database_url: str, query: Query) -> None:
    assert queries.offsets(fresh_database_url) == {}
    query("INSERT INTO stream_offsets (stream, venue, channel, shard, last_id, updated_at) VALUES ('v:c:0:a', 'v', 'c', '0', '5-1', now())")
    assert queries.offsets(fresh_database_url) == {"v:c:0:a": "5-1"}


def test_every_statement_is_asked_by_somebody() -> None:
    root = Path(queries.__file__).parents[2]
    code = "".join(path.read_text(encoding="utf-8") for folder in ("db", "tasks", "ops") for path in (root / folder).rglob("*.py"))
    assert [path.stem for path in Path(queries.__file__).parent.glob("*.sql") if f'"{path.stem}"' not in code] == []
