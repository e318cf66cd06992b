"""A sign of life for whoever watches this process, given by what must turn in it: a file's time, changed again and again.

The supervisor names the file and ends a program whose pulse stands still (ops/local/watchdog.py). Where nobody watches, nothing is written.
"""

import os
from contextlib import suppress
from time import monotonic

#: Set by the supervisor for the programs that it watches in this way.
VARIABLE = "TAPEFARM_PULSE"
#: No more often, however often it is called: a change of a file's time is a write to the disk.
EVERY_SECONDS = 2.0


class Pulse:
    """Of one process, which has one thing that must turn."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._next = 0.0

    def beat(self) -> None:
        """Called by a loop at each of its turns, and by whatever makes it wait on purpose. Never raises: a full disk is no reason to end."""
        now = monotonic()
        if self._path is None or now < self._next:
            return
        self._next = now + EVERY_SECONDS
        with suppress(OSError):
            os.utime(self._path)


#: As the environment says.
beat = Pulse(os.environ.get(VARIABLE)).beat
