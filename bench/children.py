"""Programs that a stage starts: each dies with this process, has a deadline, and is told apart from what it measures."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from bench.servers import CHECKOUT
from ops.local.launch import bound_argv

STOP_SECONDS = 15


class Failed(RuntimeError):
    """A stage could not be measured; the sentence says why."""


class Child:
    def __init__(self, name: str, process: "subprocess.Popen[str]", log: Path) -> None:
        self.name, self.process, self._log = name, process, log

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self, seconds: float) -> dict[str, Any]:
        """The next line of its output, which is JSON. Raises Failed when none comes in time."""
        # A killed child ends its pipe, and with it the wait of its reader.
        deadline = threading.Timer(seconds, self.process.kill)
        deadline.daemon = True
        deadline.start()
        text = _stream(self.process).readline()
        deadline.cancel()
        if not text:
            raise Failed(f"{self.name} gave no answer within {seconds:g} s or ended: {self.tail()}")
        found: dict[str, Any] = json.loads(text)
        return found

    def tail(self) -> str:
        return self._log.read_text(errors="replace")[-1500:].strip() or "its log is empty"

    def require_alive(self) -> None:
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended with {self.process.returncode}: {self.tail()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _stream(process: "subprocess.Popen[str]") -> IO[str]:
    assert process.stdout is not None
    return process.stdout


@contextmanager
def started(name: str, argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[Child]:
    """A program with its log in the folder; stopped at the end."""
    log = folder / f"{name}.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            bound_argv(argv, death_signal="KILL"),
            cwd=CHECKOUT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    child = Child(name, process, log)
    try:
        yield child
    finally:
        child.stop()
        _stream(process).close()


def module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", name, *map(str, arguments)]


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """CPU of all threads of these processes so far, to the nanosecond where the kernel tells it; what has ended counts as nothing."""
    total = 0.0
    for process in processes:
        try:
            tasks = Path(f"/proc/{process.pid}/task").iterdir()
            total += sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
        except (OSError, IndexError):
            continue
    return total


def family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def wait_until(ready: Callable[[], bool], seconds: float, what: str, alive: Sequence[Child] = ()) -> None:
    """Raises Failed when it does not become true in time, or when one of the children ends."""
    deadline = time.monotonic() + seconds
    while not ready():
        for child in alive:
            child.require_alive()
        if time.monotonic() > deadline:
            raise Failed(f"{what} took longer than {seconds:g} s")
        time.sleep(0.05)
