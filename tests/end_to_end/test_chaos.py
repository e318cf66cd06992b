"""Everything is killed with -9, again and again, under load: nothing is lost or doubled, and every deaf moment is a gap row.

CHAOS_SECONDS and CHAOS_RATE make it longer and harder: 600 and 5000 are the figures the project is held to.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
RATE = os.environ.get("CHAOS_RATE", "1000")
KILLS_EACH = 2
#: Redis and PostgreSQL need some seconds to come back; two kills of one program are at least so far apart.
HEALTHY_SECONDS = 120


class Farm:
    def __init__(self, home: Path) -> None:
        self._environ = {**os.environ, "FARM_HOME": str(home), "CI": "1"}
        for name in ("DATABASE_URL", "REDIS_URL"):
            self._environ.pop(name, None)

    def run(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(CHECKOUT / "farm"), *words], env=self._environ, capture_output=True, text=True, timeout=timeout, check=False)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def pid(self, name: str) -> int | None:
        return next((c["pid"] for c in self.status()["components"] if c["name"] == name and c["state"] == "running"), None)

    def psql(self, sql: str) -> list[list[str]]:
        done = self.run("psql", "-qAtX", "-c", sql)
        assert done.returncode == 0, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]

    def await_healthy(self) -> None:
        until = time.monotonic() + HEALTHY_SECONDS
        while (found := self.status())["healthy"] is not True:
            assert time.monotonic() < until, found["reasons"]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    running = Farm(tmp_path_factory.mktemp("chaos"))
    try:
        done = running.run("up", "--rate", RATE)
        assert done.returncode == 0, done.stderr
        yield running
    finally:
        running.run("down")


@pytest.mark.timeout(SECONDS + 600)
def test_killing_every_program_twice_loses_and_doubles_nothing(farm: Farm) -> None:
    components = [c["name"] for c in farm.status()["components"] if c["name"] not in ("sandbox", "flower")]
    assert {"postgres", "redis", "beat"} < set(components)
    victims = components * KILLS_EACH
    chance = random.Random(int(os.environ.get("CHAOS_SEED", "1")))
    chance.shuffle(victims)
    spacing = SECONDS / len(victims)
    for victim in victims:
        # Not a wait for something to happen: the load runs on between two kills, at a moment nobody chose.
        time.sleep(spacing * chance.uniform(0.5, 1.5))
        until = time.monotonic() + HEALTHY_SECONDS
        while (pid := farm.pid(victim)) is None:
            assert time.monotonic() < until, f"{victim} did not come back"
        os.kill(pid, signal.SIGKILL)
    farm.await_healthy()
    restarts = {c["name"]: c["restarts"] for c in farm.status()["components"]}
    assert {name: restarts[name] for name in components if restarts[name] < KILLS_EACH} == {}

    done = farm.run("verify", "--json")
    venue = json.loads(done.stdout)["venues"]["binance"]
    print(venue)
    for kind in ("trades", "quotes"):
        assert venue[kind]["missing"] == venue[kind]["duplicate"] == 0, (venue, done.stderr)
        assert venue[kind]["stored"] > 0
    assert done.returncode == 0, (done.stdout, done.stderr)

    # Every life of the streamer but the first began with a deaf time, on both channels; all of them are over.
    deaf = farm.psql("SELECT channel, count(*), count(event_to) FROM data_gaps WHERE cause = 'disconnected' GROUP BY channel ORDER BY channel")
    assert [row[0] for row in deaf] == ["aggTrade", "bookTicker"]
    assert all(int(count) >= KILLS_EACH and int(ended) == int(count) for _, count, ended in deaf)
