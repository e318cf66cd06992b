"""A sign of life for whoever watches this process, given by what must turn in it: a file's time, changed again and again, or a word to systemd.

Our supervisor names the file and ends a program whose pulse stands still (ops/local/watchdog.py); systemd names a socket, and does the same
to a unit with WatchdogSec. Where nobody watches, nothing is written.
"""

import os
import socket
from contextlib import suppress
from time import monotonic

#: Set by the supervisor for the programs that it watches in this way.
VARIABLE = "TAPEFARM_PULSE"
#: Set by systemd for units of Type=notify (sd_notify(3)).
SYSTEMD = "NOTIFY_SOCKET"
#: No more often, however often it is called: a change of a file's time is a write to the disk.
EVERY_SECONDS = 2.0
#: Whoever turns is ready; the first of these words ends the start of a unit, and later ones repeat it without effect.
_WORDS = b"READY=1\nWATCHDOG=1"


class Pulse:
    """Of one process, which has one thing that must turn."""

    def __init__(self, path: str | None, systemd: str | None = None) -> None:
        self._path = path
        # A name that begins with @ is in the kernel's own space of names, where that sign is a zero.
        self._systemd = "\0" + systemd[1:] if systemd and systemd.startswith("@") else systemd
        self._next = 0.0

    def beat(self) -> None:
        """Called by a loop at each of its turns, and by whatever makes it wait on purpose. Never raises: a full disk is no reason to end."""
        now = monotonic()
        if now < self._next or not (self._path or self._systemd):
            return
        self._next = now + EVERY_SECONDS
        with suppress(OSError):
            if self._path:
                os.utime(self._path)
        with suppress(OSError):
            if self._systemd:
                self._tell(self._systemd)

    @staticmethod
    def _tell(address: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as ours:
            ours.sendto(_WORDS, address)


#: As the environment says.
beat = Pulse(os.environ.get(VARIABLE), os.environ.get(SYSTEMD)).beat
