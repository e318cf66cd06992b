"""What came in lately, from counts that only grow."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db import queries
from ops.report.health import bare, lately

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Query = Callable[..., list[tuple[Any, ...]]]


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def written(rows: int, heard: float | None = 9000.0) -> dict[str, Any]:
    return {"venue": "one", "channel": "trades", "rows": rows, "heard_from": None if heard is None else ago(heard)}


def check(seconds: float, **rows: int) -> dict[str, Any]:
    return {"checked_at": ago(seconds), "rows": {f"one:{name}": count for name, count in rows.items()}}


@pytest.mark.parametrize(
    ("given", "known", "rows", "seconds"),
    [
        (written(1000), check(340, trades=900), 100, 340),  # the last check before five minutes ago
        (written(1000, heard=100), check(340, other=5), 1000, 100),  # the channel is younger than the check
        (written(1000, heard=100), None, 1000, 100),  # nobody has checked yet
        (written(1000), check(120, trades=900), 100, 120),  # counts are kept for two minutes only: the time is told
        (written(1000, heard=250), check(120, trades=900), 1000, 250),  # all that ever came, came within the time
        (written(1000), None, None, 300),
        (written(1000), check(340, other=900), None, 300),
        (written(1000, heard=None), None, None, 300),
        (written(10), check(340, trades=900), 0, 340),  # made anew: never below nothing
        (None, check(340, trades=900), 0, 300),  # nothing was ever written
    ],
)
def test_rows_of_the_last_five_minutes(
    given: dict[str, Any] | None, known: dict[str, Any] | None, rows: int | None, seconds: float
) -> None:
    assert lately(given, known, 300.0, NOW) == {"rows": rows, "seconds": seconds}


def test_the_check_at_the_beginning_of_each_time_is_found(fresh_database_url: str, query: Query) -> None:
    for minutes, venue, figures in (
        (3, "", {"rows": {"one:trades": 30}}),
        (6, "", {"rows": {"one:trades": 20}}),
        (6.5, "one", {"rows": {"one:trades": 7}}),
        (20, "", {"rows": {"one:trades": 10}}),
        (90, "", {}),  # of a version that did not count
    ):
        query(
            "INSERT INTO platform_health_logs (checked_at, venue, healthy, reasons, figures) "
            "VALUES (now() - %s * INTERVAL '1 minute', %s, 1, '[]', %s)",
            (minutes, venue, json.dumps(figures)),
        )
    found = {
        row["seconds"]: row["rows"]["one:trades"] for row in queries.rows(fresh_database_url, "rows_at_checks", seconds=[300.0, 3600.0])
    }
    assert found == {300.0: 20, 3600.0: 10}


def test_an_endpoint_is_told_without_what_could_be_secret() -> None:
    assert bare("wss://user:pass@venue.example:9443/ws/v2?key=1#x") == "wss://venue.example:9443/ws/v2"
