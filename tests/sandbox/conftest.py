"""A real sandbox process on a free port, its ledger read from disk, and clients on real sockets."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

PROJECT = Path(__file__).parents[2]


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Poll a condition to its first true value; fail when the deadline passes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("condition not met before the deadline")


class Sandbox:
    def __init__(self, root: Path, *options: str, venue: str = "binance") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.root, self.options = root, options
        self.http = f"http://127.0.0.1:{self.port}"
        self.venue, self.ledger = venue, root / "ledger" / venue
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "sandbox", "--root", str(self.root), "--port", str(self.port)]
        command += ["--venues", self.venue, *self.options]
        self.process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})
        until(self.healthy)

    def healthy(self) -> bool:
        assert self.process.poll() is None, "the sandbox ended"
        try:
            return bool(self.get("/control/health")["ok"])
        except OSError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)

    def ask(self, path: str, body: Any = None, method: str | None = None) -> tuple[int, Any, dict[str, str]]:
        """(status, JSON, headers); an error status is an answer too."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.http + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, json.load(reply), dict(reply.headers)
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith((b"{", b"[")) else text, dict(error.headers)

    def get(self, path: str) -> Any:
        status, value, _ = self.ask(path)
        assert status == 200, value
        return value

    def fault(self, **command: Any) -> int:
        status, report, _ = self.ask("/control/faults", {"venue": self.venue, **command})
        assert status == 200, report
        return int(report["id"])

    def clear(self) -> None:
        self.ask("/control/faults", method="DELETE")

    def injected(self, fault: int) -> int:
        listed = self.get("/control/faults")[self.venue]
        return next(row["injected"] for row in listed["active"] + listed["past"] if row["id"] == fault)

    def summary(self) -> Any:
        return self.get("/control/summary")[self.venue]

    def alone(self) -> int:
        """Wait until no socket is left; a time after which every delivery is the caller's."""
        until(lambda: self.summary()["sockets"] == 0)
        return time.time_ns() // 1000

    def open(self, path: str) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/binance{path}", max_size=None, max_queue=None, compression=None, proxy=None)

    @staticmethod
    def drain(client: ClientConnection, seconds: float, into: list[Any] | None = None) -> NoReturn:
        """Read until the socket ends or is silent for so long; either raises."""
        while True:
            frame = client.recv(seconds)
            if into is not None:
                into.append(frame)

    def records(self, kind: str) -> np.ndarray:
        fields = json.loads((self.ledger / f"{kind}.dtype.json").read_text())
        dtype = np.dtype([tuple(field) for field in fields])
        return np.concatenate([np.fromfile(path, dtype) for path in sorted(self.ledger.glob(f"{kind}-*.bin"))])

    def symbols(self) -> list[str]:
        names: list[str] = json.loads((self.ledger / "symbols.json").read_text())
        return names

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.ledger / name).read_text().splitlines()]

    def endings(self, at_least: int = 1) -> list[str]:
        """Why sockets were closed. The last line of a socket is written behind its end, which the client may see first."""

        def reasons() -> list[str]:
            found = [line["reason"] for line in self.lines("sockets.jsonl") if line["event"] == "closed"]
            return found if len(found) >= at_least else []

        return list(until(reasons))


@pytest.fixture(scope="session")
def sandbox_process() -> type[Sandbox]:
    """For the tests of other venues than Binance."""
    return Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One process for all tests of a file: busy enough that a top symbol speaks every few milliseconds."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"), "--rate", "1000", "--symbols", "60")
    yield running
    running.stop()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """A sandbox of the test's own."""
    started: list[Sandbox] = []

    def begin(*options: str) -> Sandbox:
        started.append(Sandbox(tmp_path, *options))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture
def poll() -> Callable[..., Any]:
    return until
