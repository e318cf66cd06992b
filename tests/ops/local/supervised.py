"""Small programs under a real supervisor, and how to wait for what becomes of them."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ops.local import supervision
from ops.local.programs import Program
from ops.local.server import is_alive
from ops.local.supervision import ProgramState


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def loop(name: str, folder: Path, *, stage: int = 0, body: str = "while :; do sleep 1; done") -> Program:
    return Program(name, ("sh", "-c", body), folder, stage=stage)


def one(home: Path, name: str) -> ProgramState:
    return next(state for state in supervision.states(home) if state.name == name)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_alive(psutil.Process(pid))


def up(home: Path, *programs: Program) -> None:
    supervision.start_daemon(home, programs)
    names = [program.name for program in programs]
    supervision.start_programs(home, names)
    supervision.wait_running(home, names, 10)
