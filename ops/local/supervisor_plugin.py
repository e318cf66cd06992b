"""Loaded into supervisord through its plugin door: counts restarts, never gives a program up, lets no orphan live.

Must not import anything of ours: it runs in the process that has to outlive all others.
"""

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from supervisor import events
from supervisor.states import ProcessStates

# supervisord waits one second longer after each failure and gives up after startretries of them. A database that is
# away for a night must neither end a program for good nor leave it asleep for minutes when it is back.
LONGEST_PAUSE_SECONDS = 10


class FarmInterface:
    """The `farm.` methods of supervisord's RPC."""

    def __init__(self) -> None:
        self._restarts: Counter[str] = Counter()
        events.subscribe(events.ProcessStateStartingEvent, self._starting)
        events.subscribe(events.ProcessStateBackoffEvent, self._failed)
        for ended in (events.ProcessStateExitedEvent, events.ProcessStateBackoffEvent, events.ProcessStateStoppedEvent):
            events.subscribe(ended, self._ended)

    def restarts(self) -> dict[str, int]:
        """Program to the number of times it was started again by itself since supervisord began."""
        return dict(self._restarts)

    def _starting(self, event: Any) -> None:
        if event.from_state in (ProcessStates.EXITED, ProcessStates.BACKOFF):
            self._restarts[event.process.config.name] += 1

    def _failed(self, event: Any) -> None:
        process = event.process
        process.backoff = min(process.backoff, LONGEST_PAUSE_SECONDS)
        process.delay = min(process.delay, time.time() + LONGEST_PAUSE_SECONDS)

    def _ended(self, event: Any) -> None:
        """End what a killed program left in its group, before a second copy of it starts."""
        pid = event.process.pid
        if pid and pid > 1:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)


def make_rpcinterface(supervisord: Any, **_: Any) -> FarmInterface:
    return FarmInterface()
