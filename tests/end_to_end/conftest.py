"""A whole farm of a test's own, started and stopped by its one command."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
#: Generous: CI machines are slow, and nothing waits so long when all is well.
PATIENCE_SECONDS = 120.0


class Farm:
    """`environ` goes over the settings of the run."""

    def __init__(self, home: Path, **environ: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        self.home = home
        self._environ = {**kept, "FARM_HOME": str(home), **environ}

    def run(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(CHECKOUT / "farm"), *words], env=self._environ, capture_output=True, text=True, timeout=timeout, check=False
        )

    def up(self, *words: str) -> None:
        done = self.run("up", *words)
        assert done.returncode == 0, done.stderr

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def verify(self) -> tuple[dict[str, Any], str]:
        done = self.run("verify", "--json")
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found, done.stdout + done.stderr

    def pid(self, name: str) -> int | None:
        return next((c["pid"] for c in self.status()["components"] if c["name"] == name and c["state"] == "running"), None)

    def psql(self, sql: str) -> list[list[str]]:
        done = self.run("psql", "-qAtX", "-c", sql)
        assert done.returncode == 0, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]

    def port(self, name: str) -> int:
        return int(json.loads((self.home / "state.json").read_text())["ports"][name])


def eventually(true: Callable[[], Any], otherwise: Callable[[], object] = lambda: "") -> Any:
    """What `true` gives once it is truthy; polls, as there is nothing to be told by."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := true()):
        assert time.monotonic() < until, otherwise()
        time.sleep(0.2)
    return found


@pytest.fixture
def new_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Farm]]:
    made: list[Farm] = []

    def make(**environ: str) -> Farm:
        made.append(Farm(tmp_path_factory.mktemp("farm"), **environ))
        return made[-1]

    yield make
    for farm in made:
        farm.run("down")
