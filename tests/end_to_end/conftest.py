"""A whole farm of a test's own, started and stopped by its one command."""

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core import settings
from ops.cli import environment, looking, state, status
from ops.local.ports import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
#: Generous: CI machines are slow, and nothing waits so long when all is well.
PATIENCE_SECONDS = 120.0


@functools.cache
def _ports(home: Path) -> dict[str, str]:
    return {environment.port_variable(name): str(free_port()) for name in environment.DEFAULT_PORTS}


class Farm:
    """On ports of its own: another farm may start at the same moment. `environ` goes over the settings of the run."""

    def __init__(self, home: Path, **environ: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}
        self.home = home
        if home.is_dir():
            home.chmod(0o711)  # root's servers run as another account, and keep their data elsewhere where they may not enter
        self.environ = {**kept, "FARM_HOME": str(home), **_ports(home), **environ}

    def run(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(CHECKOUT / "farm"), *words], env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )

    def up(self, *words: str) -> None:
        done = self.run("up", *words)
        assert done.returncode == 0, done.stderr

    def status(self) -> dict[str, Any]:
        """What `./farm status --json` prints, without a process a look: those who wait for something look often."""
        return status.report(self.home, self.environ)

    def verify(self) -> tuple[dict[str, Any], str]:
        done = self.run("verify", "--json")
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found, done.stdout + done.stderr

    def pid(self, name: str) -> int | None:
        return next((c["pid"] for c in self.status()["components"] if c["name"] == name and c["state"] == "running"), None)

    def psql(self, sql: str) -> list[list[str]]:
        """The psql that `./farm psql` becomes."""
        _, values = environment.current(self.home, self.environ)
        program, environ = looking.client(settings.load(values))
        done = subprocess.run(
            [program, "-qAtX", "-c", sql], env={**self.environ, **environ}, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]

    def port(self, name: str) -> int:
        return int(json.loads((self.home / "state.json").read_text())["ports"][name])


class Venue(Farm):
    """A farm, and a hand on the sandbox that plays one of its venues."""

    def __init__(self, home: Path, venue: str, **environ: str) -> None:
        super().__init__(home, **environ)
        self.venue = venue

    def misbehave(self, kind: str, **fields: object) -> None:
        """Returns when the fault has struck as often as it should."""
        number = self.prepare(kind, **fields)
        eventually(lambda: not self.is_active(number), lambda: f"{kind} has not ended")

    def prepare(self, kind: str, **fields: object) -> int:
        return int(self._post("faults", {"venue": self.venue, "kind": kind, **fields})["id"])

    def universe(self, **change: list[str]) -> None:
        self._post("universe", {"venue": self.venue, **change})

    def send_task(self, name: str, *args: str) -> None:
        chosen = state.load(self.home)
        assert chosen is not None
        words = [sys.executable, "-m", "celery", "-A", "tasks", "call", name, "--args", json.dumps(args)]
        subprocess.run(words, cwd=CHECKOUT, env={**self.environ, **chosen.environment}, check=True, capture_output=True, timeout=60)

    def quarantined(self, channel: str) -> list[str]:
        return [reason for (reason,) in self.psql(f"SELECT replace(reason, '|', '/') FROM quarantine WHERE channel = '{channel}'")]

    def clear(self, number: int | None = None) -> None:
        """End a fault, or all of them."""
        body = {"venue": self.venue} | ({} if number is None else {"id": number})
        assert requests.delete(self._control("faults"), json=body, timeout=10).ok

    def is_active(self, number: int) -> bool:
        found = requests.get(self._control("faults"), timeout=10).json()
        return any(fault["id"] == number for fault in found[self.venue]["active"])

    def _post(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(self._control(what), json=body, timeout=10)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _control(self, what: str) -> str:
        return f"http://127.0.0.1:{self.port('sandbox')}/control/{what}"


def eventually(true: Callable[[], Any], otherwise: Callable[[], object] = lambda: "", seconds: float = PATIENCE_SECONDS) -> Any:
    """What `true` gives once it is truthy; polls, as there is nothing to be told by."""
    until = time.monotonic() + seconds
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
