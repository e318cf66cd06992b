"""How fast a round of requests may go, pure: a burst at first, then as the venue's weight comes back. The budget of a minute stands above it."""

from core.venue import Limits

#: Of what comes back; the rest is for whoever else asks at the same time.
SHARE = 0.8


class Pace:
    def __init__(self, limits: Limits, now: float) -> None:
        self._per_second = limits.weight_per_minute / 60 * SHARE
        self._most = self._left = self._per_second * limits.burst_seconds
        self._at = now

    def wait(self, weight: int, now: float) -> float:
        """Take the weight of the next request; how many seconds to wait before it is sent."""
        self._left = min(self._most, self._left + (now - self._at) * self._per_second) - weight
        self._at = now
        return max(0.0, -self._left / self._per_second)
