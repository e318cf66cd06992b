"""Two real beats on one Redis: one keeps the schedule, the other takes it over."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import redisdb
from core.board import Board
from tasks.beat import LEASE_SECONDS, LOOK_SECONDS

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
WAITS = "another beat keeps the schedule"
RING = "tasks.writers.drain"
#: Every three seconds, for each of the groups.
RING_SECONDS, GROUPS = 3.0, 2


class Beats:
    """Real ones, of one host and one folder; nobody consumes what they send."""

    def __init__(self, url: str, prefix: str, client: redisdb.Client, home: Path) -> None:
        self._client: Any = client
        self._prefix, self._home = prefix, home
        self._environ = {
            **os.environ,
            "REDIS_URL": url,
            "KEY_PREFIX": prefix,
            "FARM_HOME": str(home),
            "WRITER_RING_SECONDS": str(RING_SECONDS),
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "celery", "-A", "tasks", "beat", "--pidfile="]
        with (self._home / f"beat-{len(self.running)}.log").open("wb") as log:
            self.running.append(subprocess.Popen(words, cwd=CHECKOUT, env=self._environ, stdout=log, stderr=log))
        return self.running[-1]

    def said(self, number: int) -> str:
        return (self._home / f"beat-{number}.log").read_text()

    def senders(self, task: str = RING) -> list[int]:
        """Process of each message that was sent of this task, in order."""
        [queue] = self._client.keys(f"{self._prefix}:celery:writers?*9") or [""]  # of their priority
        headers = [json.loads(message)["headers"] for message in reversed(self._client.lrange(queue, 0, -1))]
        return [int(found["origin"].removeprefix("gen").partition("@")[0]) for found in headers if found["task"] == task]

    def sent_by(self, process: subprocess.Popen[bytes], more: int = 1) -> None:
        """Returns when it has rung so often from now on."""
        before = self.senders().count(process.pid)
        until(lambda: self.senders().count(process.pid) >= before + more, lambda: [self.said(n) for n in range(len(self.running))])


def until(true: Callable[[], Any], otherwise: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


@pytest.fixture
def beats(redis_url: str, key_prefix: str, redis_client: redisdb.Client, tmp_path: Path) -> Iterator[Beats]:
    made = Beats(redis_url, key_prefix, redis_client, tmp_path)
    yield made
    for process in made.running:
        process.kill()
        process.wait()


def test_when_each_entry_rang_last_is_told(beats: Beats, redis_client: redisdb.Client, key_prefix: str) -> None:
    began, board = time.time(), Board(redis_client, key_prefix)
    beats.sent_by(beats.start())
    until(lambda: {f"drain-{group}" for group in range(GROUPS)} <= set(board.rung()))
    assert all(began < at <= time.time() for at in board.rung().values())


def test_the_second_waits_until_the_first_is_killed(beats: Beats) -> None:
    first = beats.start()
    beats.sent_by(first)
    second = beats.start()
    until(lambda: WAITS in beats.said(1))
    beats.sent_by(first, more=4 * GROUPS)
    assert set(beats.senders()) == {first.pid}
    first.kill()
    died = time.monotonic()
    beats.sent_by(second)
    assert time.monotonic() - died < LEASE_SECONDS + LOOK_SECONDS + RING_SECONDS + 5
    beats.start()
    until(lambda: WAITS in beats.said(2))
    beats.sent_by(second, more=2 * GROUPS)
    assert set(beats.senders()) == {first.pid, second.pid}


def test_one_that_leaves_gives_the_schedule_on_at_once(beats: Beats) -> None:
    first = beats.start()
    beats.sent_by(first)
    second = beats.start()
    until(lambda: WAITS in beats.said(1))
    first.terminate()
    assert first.wait(30) == 0
    left = time.monotonic()
    beats.sent_by(second)
    assert time.monotonic() - left < LEASE_SECONDS
    assert "Removing corrupted schedule" not in beats.said(1), "the file of the first is read on"


def test_one_that_was_stopped_and_wakes_up_sends_nothing_more(beats: Beats) -> None:
    first = beats.start()
    beats.sent_by(first)
    second = beats.start()
    first.send_signal(signal.SIGSTOP)
    beats.sent_by(second)
    first.send_signal(signal.SIGCONT)
    before = beats.senders().count(first.pid)
    beats.sent_by(second, more=2 * GROUPS)
    assert beats.senders().count(first.pid) == before
    assert first.poll() is None
