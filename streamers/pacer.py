"""When a process may try to connect: attempts are spaced, and while the venue is away they become probes."""

import asyncio
import math
from contextlib import suppress
from random import Random

#: Attempts of one process, whatever the slot: Binance documents 300 in five minutes an address, several processes share it.
SPACING_SECONDS = 0.25
#: Between two probes, of all slots together, at first and then: a gap should end with the outage, and 285 of them fall into five minutes.
QUICK_SECONDS, PROBE_SECONDS = 0.5, (1.0, 1.4)
QUICK_FOR_SECONDS = 30.0
#: A venue that has been away for long is probed less often: so much of the time that it has been, up to the cap.
PROBE_SHARE = 0.0025
PROBE_CAP_SECONDS = 15.0


class Pacer:
    """Shared by the slots of a process, which say how their attempts went."""

    def __init__(self, random: Random, spacing_seconds: float = SPACING_SECONDS) -> None:
        self._random, self._spacing = random, spacing_seconds
        self._turns = asyncio.Lock()
        self._back = asyncio.Event()
        self._last = -math.inf
        self._wait = 0.0
        self._away_since: float | None = None

    async def turn(self) -> None:
        """Wait for the next attempt that is due; first come, first served."""
        async with self._turns:
            while (left := self._last + self._wait - _now()) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._back.wait(), left)
                self._back.clear()
            self._last, self._wait = _now(), self._next_wait()

    def failed(self) -> None:
        """The venue could not be reached, or does not serve anybody."""
        if self._away_since is None:
            self._away_since = _now()
            self._wait = self._next_wait()

    def reached(self) -> None:
        if self._away_since is not None:
            self._away_since, self._wait = None, self._spacing
            self._back.set()

    def _next_wait(self) -> float:
        if self._away_since is None:
            return self._spacing
        away = _now() - self._away_since
        if away < QUICK_FOR_SECONDS:
            return QUICK_SECONDS
        return max(self._random.uniform(*PROBE_SECONDS), min(PROBE_SHARE * away, PROBE_CAP_SECONDS))


def _now() -> float:
    return asyncio.get_running_loop().time()
