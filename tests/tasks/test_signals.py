"""What happens around tasks."""

from collections.abc import Callable, Iterator

import pytest

from core import metrics, redisdb
from core.board import Board
from tasks import app, resources, signals

Counted = Callable[..., list[float]]


@pytest.fixture
def broken() -> Iterator[str]:
    """Name of a task that fails, where the signals are listened to as in a worker."""
    assert signals.task_failure.receivers
    name = "tests.broken"

    @app.task(name=name)
    def fail() -> None:
        raise ValueError("on purpose")

    yield name
    app.tasks.pop(name)


def test_a_task_that_fails_is_counted(broken: str, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "board", lambda: board)
    assert app.tasks[broken].apply().failed()
    assert board.failures() == {broken: 1}


def test_and_fails_no_harder_without_redis(broken: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Board(redisdb.connect("redis://127.0.0.1:1", timeout_seconds=1), key_prefix)
    monkeypatch.setattr(resources, "board", lambda: away)
    assert app.tasks[broken].apply().failed()


def test_a_run_is_timed_and_a_failure_counted(broken: str, board: Board, monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    monkeypatch.setattr(resources, "board", lambda: board)
    app.tasks[broken].apply()
    app.tasks[broken].apply()
    assert counted(metrics.TASK_FAILURES, broken) == [2]
    *runs, seconds = counted(metrics.TASK_SECONDS, broken)
    assert sum(runs) == 2
    assert 0 < seconds < 10
