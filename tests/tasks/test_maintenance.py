"""What the farm knew of itself goes after its time; what goes on stays."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import pytest

from core.settings import Settings
from db import queries
from tasks import maintenance, resources

Query = Callable[..., list[tuple[Any, ...]]]
OLD, YOUNG = "now() - INTERVAL '401 days'", "now() - INTERVAL '399 days'"


@pytest.fixture
def on(farm: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    knobs = dataclasses.replace(farm, records_days=400.0)
    monkeypatch.setattr(resources, "config", functools.partial(lambda it: it, knobs))
    return knobs


def test_records_go_after_their_time_and_what_lasts_stays(on: Settings, query: Query) -> None:
    for at in (OLD, YOUNG):
        query(f"INSERT INTO platform_health_logs VALUES ({at}, 1, '[]', '{{}}') RETURNING 1")
        for ended in (at, "NULL"):
            query(
                "INSERT INTO sessions (connection_id, venue, channel, shard, connected_at, ended_at) "
                f"VALUES (gen_random_uuid(), 'v', 'c', '0', {at}, {ended}) RETURNING 1"
            )
        query(
            "INSERT INTO quarantine (venue, channel, shard, connection_id, batch_no, frame_no, received_at, reason, raw) "
            f"VALUES ('v', 'c', '0', gen_random_uuid(), 1, 0, {at}, 'torn', '') RETURNING 1"
        )
    assert maintenance.forget() == {"platform_health_logs": 1, "sessions": 1, "alerts": 0, "backfills": 0, "quarantine": 1}
    assert maintenance.forget()["sessions"] == 0
    assert query("SELECT count(*), count(ended_at) FROM sessions") == [(3, 1)]


def test_a_run_takes_the_oldest_and_so_many_at_most(on: Settings, query: Query) -> None:
    query(
        "INSERT INTO platform_health_logs SELECT now() - n * INTERVAL '1 day', 1, '[]', '{}' FROM generate_series(500, 509) n RETURNING 1"
    )
    assert queries.forget(on.database_url, 400 * 86_400, 4)["platform_health_logs"] == 4
    assert query("SELECT max(now() - checked_at) < INTERVAL '506 days' FROM platform_health_logs") == [(True,)]
