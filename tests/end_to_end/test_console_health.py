"""The farm's health over HTTP: red with the name of whatever is dead, green when it is back."""

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psutil
import pytest
import requests

from ops.local.supervision import start_programs, states, stop_programs
from tests.end_to_end.conftest import Farm, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(500)]

RED_SECONDS = 15.0
PROGRAMS = ("streamer-binance", "worker-writers", "worker-collectors", "worker-maintenance", "beat", "flower", "watcher")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    found = Farm(tmp_path_factory.mktemp("console"))
    try:
        found.up("--venues", "binance", "--rate", "200")
        yield found
    finally:
        found.run("down", "--timeout", "5")


def health(farm: Farm, status: int | None = None) -> dict[str, Any]:
    answer = requests.get(f"http://127.0.0.1:{farm.port('console')}/health", timeout=30)
    assert answer.status_code == (200 if answer.json()["state"] == "healthy" else 503)
    return answer.json() if status in (None, answer.status_code) else {}


def last_runs(farm: Farm) -> dict[str, str | None]:
    found = requests.get(f"http://127.0.0.1:{farm.port('health')}/api/tasks", timeout=30).json()
    return {one["name"]: one["last_at"] for one in found["schedule"]}


def is_green(farm: Farm) -> dict[str, Any]:
    found: dict[str, Any] = eventually(lambda: health(farm, 200), lambda: health(farm)["reasons"])
    return found


def kill(farm: Farm, names: Sequence[str]) -> float:
    """With -9, and hold them down: the supervisor would have them back within a second or two. Returns when they were down, monotonic."""
    pids = {one.name: one.pid for one in states(farm.home)}
    for name in names:
        pid = pids[name]
        assert pid is not None
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            os.kill(process.pid, signal.SIGKILL)

    def down() -> bool:
        stop_programs(farm.home, names)  # passes over one that has ended and is about to be started again
        return all(one.state == "stopped" for one in states(farm.home) if one.name in names)

    eventually(down)
    return time.monotonic()


def named(farm: Farm, words: Iterable[str], since: float) -> None:
    """Each of the words stands in a reason within the time."""
    eventually(
        lambda: all(any(word in reason for reason in health(farm)["reasons"]) for word in words),
        lambda: health(farm)["reasons"],
        seconds=RED_SECONDS - (time.monotonic() - since),
    )


def test_what_is_told_is_what_the_database_has(farm: Farm) -> None:
    found = is_green(farm)
    assert set(found["endpoints"]) == {"binance"} and found["endpoints"]["binance"]["ws"].startswith("ws://127.0.0.1:")
    before = {name: int(rows) for name, rows in farm.psql("SELECT channel, sum(rows) FROM stream_offsets GROUP BY channel")}
    time_seen = found["looked_at"]
    found = eventually(lambda: (seen := is_green(farm))["looked_at"] > time_seen and seen)
    after = {name: int(rows) for name, rows in farm.psql("SELECT channel, sum(rows) FROM stream_offsets GROUP BY channel")}
    sockets = {one["channel"]: one for one in found["channels"] if one["instruments"]}
    assert set(sockets) == {"aggTrade", "bookTicker"}
    for name, one in sockets.items():
        assert before[name] <= one["rows_60m"]["rows"] <= after[name], "the farm is young: all it ever wrote came within the hour"
        assert one["last_data_age_s"] < 30 and one["backlog_s"] < 60
    assert found["gaps_open"] == {"binance": 0}
    assert eventually(lambda: last_runs(farm)["drain-0"])


def test_every_program_that_is_killed_is_named_and_green_follows_its_return(farm: Farm) -> None:
    is_green(farm)
    named(farm, PROGRAMS, kill(farm, PROGRAMS))
    start_programs(farm.home, PROGRAMS)
    is_green(farm)


@pytest.mark.parametrize(("server", "word"), [("redis", "Redis does not answer"), ("postgres", "PostgreSQL does not answer")])
def test_a_server_that_is_killed_is_named_and_green_follows_its_return(farm: Farm, server: str, word: str) -> None:
    is_green(farm)
    named(farm, [f"{server} is ", word], kill(farm, [server]))
    ready = requests.get(f"http://127.0.0.1:{farm.port('console')}/health/ready", timeout=30)
    assert ready.status_code == 503 and word in ready.text
    start_programs(farm.home, [server])
    is_green(farm)


def test_the_console_leaves_within_three_seconds_and_is_back(farm: Farm) -> None:
    is_green(farm)
    (pid,) = [one.pid for one in states(farm.home) if one.name == "console"]
    assert pid is not None
    process = psutil.Process(pid)
    process.terminate()
    process.wait(3)
    eventually(lambda: next(one.state for one in states(farm.home) if one.name == "console") == "running")

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{farm.port('console')}/health/live", timeout=5).ok
        except requests.ConnectionError:
            return False

    eventually(answers)
