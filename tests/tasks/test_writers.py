"""A writer's turn while the database makes it wait."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from core.journal import Journal
from core.settings import Settings
from db import engine
from tasks import writers
from tests.sandbox.conftest import until
from tests.tasks.conftest import TRADES, Socket, trade


def test_a_table_that_is_locked_costs_time_and_no_rows(
    worker: Callable[..., None],
    farm: Settings,
    journal: Journal,
    query: Callable[..., list[tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Longer than a statement waits for a lock, as a migration or somebody's LOCK TABLE may do."""
    worker(WRITER_GROUPS="1", WRITER_TURN_SECONDS="5", DATABASE_RETRY_MAX_SECONDS="0.5")
    monkeypatch.setattr(writers, "_hand_over", lambda *_: None)
    socket = Socket(journal, TRADES, "t")
    socket.send(*(trade(number) for number in range(1, 6)))
    ended: list[dict[str, Any]] = []
    with closing(engine.connect(farm.database_url, name="who locks")) as locking, locking.cursor() as cursor:
        cursor.execute("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
        monkeypatch.setattr(engine, "LOCK_TIMEOUT_SECONDS", 0.3)
        turn = threading.Thread(target=lambda: ended.append(writers.drain(0)))
        with caplog.at_level(logging.DEBUG, logger="tasks.writers"):
            turn.start()
            until(lambda: "LockNotAvailable" in caplog.text, 30)
        socket.send(*(trade(number) for number in range(6, 11)))
        locking.rollback()
        turn.join()
    assert ended[0]["outages"] >= 1 and "lock timeout" in ended[0]["last_outage"]
    assert query("SELECT trade_id FROM trades ORDER BY trade_id") == [(number,) for number in range(1, 11)]
    assert query("SELECT count(*) FROM quarantine") == [(0,)]
    assert journal.length(TRADES) == 0
