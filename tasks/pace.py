"""A bound on how fast this process asks, whatever the venue would allow: what comes live needs the machine too."""

import time
from collections.abc import Callable

from core.venue import Reply, Request


class Pace:
    """Spreads what a process asks for: at most so many requests a second, one after the other; 0 is no bound."""

    def __init__(self, per_second: float) -> None:
        self._spacing = 1 / per_second if per_second else 0.0
        self._next = 0.0

    def keep(self) -> None:
        """Wait for the next request's turn. A pause does not make a burst good."""
        wait = self._next - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._next = time.monotonic() + self._spacing


def paced(fetch: Callable[[Request], Reply], pace: Pace) -> Callable[[Request], Reply]:
    def fetched(request: Request) -> Reply:
        pace.keep()
        return fetch(request)

    return fetched
