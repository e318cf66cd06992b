"""db.queries: the small statements of tasks and commands, on a real database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.records import QUOTES, TRADES
from db import queries

Query = Callable[..., list[tuple[Any, ...]]]


def gap(query: Query, **changed: Any) -> None:
    """A gap of ids 5 to 7, found now."""
    values = {"venue": "v", "channel": "c", "shard": "0", "instrument_id": 1, "cause": "sequence", "state": "missing"}
    values |= {"first_missing": 5, "last_missing": 7, "event_from": "2026-01-01 00:00+00", "event_to": "2026-01-01 00:01+00"} | changed
    query(f"INSERT INTO data_gaps ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})", tuple(values.values()))


def trades(query: Query, *ids: int, instrument: int = 1, at: str = "2026-01-01 00:00:30+00") -> None:
    for number in ids:
        query(
            "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) VALUES (%s, now(), %s, %s, 1, 1, 1)",
            (at, instrument, number),
        )


def states(query: Query) -> list[str]:
    return [row[0] for row in query("SELECT state FROM data_gaps ORDER BY gap_id")]


def settle(url: str) -> int:
    return queries.settle_gaps(url, "v", "c", TRADES)


def test_a_gap_is_filled_when_each_of_its_ids_is_there(fresh_database_url: str, query: Query) -> None:
    gap(query)
    gap(query, first_missing=5, last_missing=5)
    trades(query, 4, 5, 6, 8)
    assert settle(fresh_database_url) == 1
    assert states(query) == ["missing", "filled"]
    trades(query, 7)
    assert settle(fresh_database_url) == 1
    assert settle(fresh_database_url) == 0
    assert states(query) == ["filled", "filled"]


@pytest.mark.parametrize(
    "changed",
    [
        {"instrument_id": 2},
        {"venue": "elsewhere"},
        {"channel": "other"},
        {"cause": "disconnected"},
        {"state": "open"},
        {"found_at": "2020-01-01 00:00+00"},
        {"last_missing": 2_000_000},
        {"first_missing": None, "last_missing": None},
    ],
    ids=str,
)
def test_what_settles_nothing(fresh_database_url: str, query: Query, changed: dict[str, Any]) -> None:
    gap(query, **changed)
    trades(query, 5, 6, 7)
    assert settle(fresh_database_url) == 0
    assert states(query) == [changed.get("state", "missing")]


def test_a_gap_without_a_row_before_it_looks_back_two_days(fresh_database_url: str, query: Query) -> None:
    gap(query, event_from=None)
    trades(query, 5, 6, 7, at="2025-12-31 12:00+00")
    assert settle(fresh_database_url) == 1


def test_a_kind_without_a_sequence_has_no_ids_to_settle(fresh_database_url: str, query: Query) -> None:
    gap(query)
    assert queries.settle_gaps(fresh_database_url, "v", "c", QUOTES) == 0


def test_open_gaps_are_deaf_shards_and_fillable_ids(fresh_database_url: str, query: Query) -> None:
    assert queries.rows(fresh_database_url, "open_gaps") == [{"deaf": 0, "fillable": 0}]
    gap(query)
    gap(query, state="filled")
    gap(query, cause="lost", state="missing")
    gap(query, first_missing=None, last_missing=None)
    gap(query, cause="disconnected", state="open")
    gap(query, found_at="2020-01-01 00:00+00")
    assert queries.rows(fresh_database_url, "open_gaps") == [{"deaf": 1, "fillable": 1}]


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
        queries.run(fresh_database_url, "record_health", healthy=healthy, reasons='["ü"]', figures='{"rows": 1}')
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
