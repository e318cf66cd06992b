"""The row that is written once a minute about how the farm is."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from core.board import Board
from core.journal import Journal
from core.settings import Settings
from db import queries
from tasks import health, resources
from tests.tasks.conftest import TRADES, Socket, trade


def test_the_row_holds_what_is_behind_its_reasons(
    farm: Settings, journal: Journal, board: Board, query: Callable[..., list[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("config", farm), ("journal", journal), ("board", board)):
        monkeypatch.setattr(resources, name, functools.partial(lambda it: it, value))
    Socket(journal, TRADES, "one").send(trade(1))
    board.report("streamer:binance:0:a", {"streams": [{"channel": "aggTrade", "shard": "0", "since_us": 0, "last_data_us": 0}]})
    health.canary("writers")
    health.check()
    ((figures,),) = query("SELECT figures FROM platform_health_logs")
    assert set(figures["canaries"]) == {"writers"} and figures["canaries"]["writers"] < 60
    assert figures["backlog_entries"] == 2 and 0 <= figures["waited_s"] < 60
    assert figures["data_age_s"] == {str(TRADES): None}
    assert (figures["programs"], figures["disks"]) == ({}, [])
    assert queries.rows(farm.database_url, "facts", prefix="canary:")
