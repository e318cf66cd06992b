"""Waiting for another program, with a bound for a machine with much else to do."""

import time
from collections.abc import Callable

SECONDS = 180.0


def eventually(true: Callable[[], object], otherwise: str, *, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)
