"""Every kind of process is stopped where it stands: the farm finds each by itself and goes on, nothing is lost or doubled."""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.end_to_end.conftest import Farm, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]

PROGRAMS = ("streamer-binance", "worker-writers", "worker-collectors", "worker-maintenance", "beat", "flower", "redis", "postgres")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    found = Farm(tmp_path_factory.mktemp("stuck"))
    try:
        found.up("--venues", "binance", "--rate", "500")
        yield found
    finally:
        found.run("down", "--timeout", "5")


def processes(farm: Farm, *names: str) -> dict[str, psutil.Process]:
    components = {one["name"]: one["pid"] for one in farm.status()["components"]}
    return {name: psutil.Process(components[name]) for name in names}


def is_well(farm: Farm) -> None:
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    found, text = farm.verify()
    assert found["ok"], text


def test_what_is_stopped_goes_on_by_itself(farm: Farm) -> None:
    programs = processes(farm, *PROGRAMS)
    # Children of workers: one that drains, and one that may be waiting for work.
    children = [programs[name].children()[0] for name in ("worker-writers", "worker-collectors")]
    victims = [*programs.values(), *children]
    for process in victims:
        os.kill(process.pid, signal.SIGSTOP)
    for process in victims:
        eventually(lambda one=process: not one.is_running() or one.status() != psutil.STATUS_STOPPED, lambda one=process: one, seconds=60)
    is_well(farm)
    assert {one["name"] for one in farm.status()["components"] if one["restarts"]} == set(), "continued, not started again"


def test_all_that_must_turn_has_a_pulse_and_it_moves(farm: Farm) -> None:
    """What does not is killed by the supervisor, which tests/ops/local/test_watchdog.py shows."""
    pulses = {path.name: path for path in (farm.home / "run" / "pulses").iterdir()}
    assert set(pulses) == {"watcher", *(name for name in PROGRAMS if name.startswith(("streamer", "worker", "beat")))}
    before = {name: path.stat().st_mtime_ns for name, path in pulses.items()}
    eventually(lambda: all(path.stat().st_mtime_ns != before[name] for name, path in pulses.items()))
