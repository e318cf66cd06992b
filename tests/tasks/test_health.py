"""The row that is written once a minute about how the farm is."""

import dataclasses
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.board import Board
from core.journal import Journal
from core.settings import Settings
from db import queries
from tasks import health, resources
from tests.tasks.conftest import TRADES, Socket, trade


def test_the_row_holds_what_is_behind_its_reasons(
    farm: Settings,
    journal: Journal,
    board: Board,
    query: Callable[..., list[tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    fact = {"restarts": 2, "restarts_hour": 1, "memory_bytes": "3000000000", "silent_seconds": 0, "running": True, "trouble": {}}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "programs.json").write_text(json.dumps({"at": time.time(), "programs": {"beat": fact}}))
    farm = dataclasses.replace(farm, farm_home=str(tmp_path))
    for name, value in (("config", farm), ("config_now", farm), ("journal", journal), ("board", board)):
        monkeypatch.setattr(resources, name, functools.partial(lambda it: it, value))
    Socket(journal, TRADES, "one").send(trade(1))
    board.report("streamer:binance:0:a", {"streams": [{"channel": "aggTrade", "shard": "0", "since_us": 0, "last_data_us": 0}]})
    health.canary("writers")
    health.check()
    ((figures,),) = query("SELECT figures FROM platform_health_logs WHERE venue = ''")
    assert set(figures["canaries"]) == {"writers"} and figures["canaries"]["writers"] < 60
    assert figures["backlog_entries"] == 2 and 0 <= figures["waited_s"] < 60
    assert figures["data_age_s"] == {str(TRADES): None}
    assert figures["programs"] == {"beat": {"restarts": 2, "restarts_hour": 1, "memory_bytes": 3_000_000_000}}
    assert [disk["path"] for disk in figures["disks"]] == [str(tmp_path)]
    assert queries.rows(farm.database_url, "facts", prefix="canary:")


def test_each_venue_has_a_row_of_its_own_and_what_is_in_force_is_told_once(
    farm: Settings, journal: Journal, board: Board, query: Callable[..., list[tuple[Any, ...]]], worker: Callable[..., None]
) -> None:
    Socket(journal, TRADES, "one").send(trade(1))
    health.check()
    rows = query("SELECT healthy, reasons, figures FROM platform_health_logs WHERE venue = %s", (TRADES.venue,))
    assert [(healthy, figures["streams"], figures["backlog_entries"]) for healthy, _, figures in rows] == [(0, 1, 2)]
    assert all(reason.startswith(f"{TRADES.venue}:") for _, reasons, _ in rows for reason in reasons) and rows[0][1]
    told = "SELECT value, updated_at FROM system_metadata WHERE key IN ('settings', 'versions') ORDER BY key"
    before = query(told)
    (settings, _), (versions, _) = before
    assert versions["schema"] == query("SELECT version_num FROM alembic_version")[0][0] and versions["postgres"] and versions["redis"]
    assert settings["WRITER_GROUPS"] == 2 and settings["storage"]["quotes"] and settings["paper"]["min_edge"] == "0.01"
    assert not [name for name in settings if name.endswith("_URL") and name != "ALERT_RUNBOOKS_URL" and name != "S3_ENDPOINT_URL"]
    health.check()
    assert query(told) == before
