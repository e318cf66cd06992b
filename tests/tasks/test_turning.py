"""Worker and schedule as an operator starts them: their pulse moves, also while Redis is away."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.worker import state
from kombu import Connection, Consumer, Exchange, Queue

from core import pulse
from ops.local.servers import ephemeral_redis, free_port
from tasks import app, turning
from tests.conftest import CHECKOUT
from tests.sandbox.conftest import until

WORDS = {
    "worker": ("worker", "-Q", "maintenance", "-c", "1", "--without-gossip", "--without-mingle"),
    "beat": ("beat",),
}
PATIENCE_SECONDS = 60.0


@pytest.fixture
def started(tmp_path: Path, key_prefix: str) -> Iterator[Callable[[str, str], tuple["subprocess.Popen[bytes]", Path]]]:
    running: list[subprocess.Popen[bytes]] = []

    def start(which: str, redis_url: str) -> tuple["subprocess.Popen[bytes]", Path]:
        path = tmp_path / "pulse"
        path.touch()
        environ = {**os.environ, "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "FARM_HOME": str(tmp_path), pulse.VARIABLE: str(path)}
        words = [sys.executable, "-m", "celery", "-A", "tasks", *WORDS[which]]
        with (tmp_path / "log").open("wb") as log:
            running.append(subprocess.Popen(words, cwd=CHECKOUT, env=environ, stdout=log, stderr=log, start_new_session=True))
        return running[-1], path

    yield start
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def moves(path: Path) -> None:
    before = path.stat().st_mtime_ns
    until(lambda: path.stat().st_mtime_ns != before, PATIENCE_SECONDS)


@pytest.mark.parametrize("which", WORDS)
def test_it_moves_again_and_again_until_the_process_is_stopped(
    which: str, started: Callable[..., tuple["subprocess.Popen[bytes]", Path]], redis_url: str
) -> None:
    process, path = started(which, redis_url)
    for _ in range(3):
        moves(path)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    stopped = path.stat().st_mtime_ns
    process.send_signal(signal.SIGCONT)
    until(lambda: path.stat().st_mtime_ns != stopped, PATIENCE_SECONDS)


@pytest.mark.parametrize("which", WORDS)
def test_waiting_for_redis_is_turning(which: str, started: Callable[..., tuple["subprocess.Popen[bytes]", Path]]) -> None:
    process, path = started(which, f"redis://127.0.0.1:{free_port()}/0")
    for _ in range(4):
        moves(path)
    assert process.poll() is None


class Timer:
    """Of the worker's event loop: keeps what it is to call."""

    def call_repeatedly(self, _: float, call: Callable[[], None]) -> "Timer":
        self.call = call
        return self

    def cancel(self) -> None:
        del self.call


@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_that_carries_nothing_out_is_taken_for_deaf_and_a_busy_one_is_not(monkeypatch: pytest.MonkeyPatch, busy: bool) -> None:
    """After some trouble with Redis a worker may live, turn, and take no message any more."""
    clock, beats, worker = [0.0], [], SimpleNamespace(timer=Timer())
    monkeypatch.setattr(turning, "monotonic", lambda: clock[0])
    monkeypatch.setattr(pulse, "beat", lambda: beats.append(clock[0]))
    monkeypatch.setattr(state, "all_total_count", [0])
    monkeypatch.setattr(state, "active_requests", {"a long task"} if busy else set())
    step = turning.Turning(worker)

    def beats_at(seconds: float) -> bool:
        clock[0] = seconds
        worker.timer.call()
        return beats[-1:] == [seconds]

    step.start(worker)
    late = turning.UNUSED_SECONDS + 1
    assert [beats_at(seconds) for seconds in (1.0, turning.UNUSED_SECONDS - 1, late)] == [True, True, busy]
    state.all_total_count[0] += 1
    assert beats_at(late + 1), "it carries something out again"
    step.start(worker)
    assert beats_at(late + turning.UNUSED_SECONDS), "a new connection begins anew"


@pytest.mark.filterwarnings("ignore::celery.exceptions.CPendingDeprecationWarning")  # of a setting that is as we want it
def test_a_worker_outlives_a_redis_that_goes_away_in_the_middle_of_its_reads(tmp_path: Path) -> None:
    """With a message that is fetched and not begun, as behind two drains: Kombu gives it back over a connection that is gone."""
    with ephemeral_redis(tmp_path) as running, Connection(running.server.url) as connection:
        fetched: list[object] = []
        queues = [Queue(name, Exchange(name), routing_key=name) for name in ("one", "other")]
        for queue, channel in zip(queues, (connection.default_channel, connection.channel()), strict=True):
            Consumer(channel, [queue], callbacks=[lambda _, message: fetched.append(message)]).consume()
        connection.Producer().publish({}, exchange="one", routing_key="one")
        while not fetched:
            connection.drain_events(timeout=30)
        with suppress(TimeoutError):  # both channels wait for a next message
            connection.drain_events(timeout=0.1)
        running.kill()
        worker = turning.Consumer.__new__(turning.Consumer)
        worker.app, worker.connection, worker.qos_global = app, connection, False
        worker.pool, worker.prefetch_multiplier = SimpleNamespace(num_processes=1), 1
        worker.on_connection_error_after_connected(ConnectionError())
        assert worker.connection is None
