"""How long a connection's frames are under way, minute by minute: one that has grown slow is worth another. Pure."""

from dataclasses import dataclass

MINUTE_US = 60_000_000
#: So much above the connection's best minute, for so many minutes in a row. A venue that is slow for everybody costs one rotation: the
#: new connection begins with what it finds.
SLOWER_US = 500_000
MINUTES = 3


@dataclass(slots=True)
class Drift:
    """Receive time minus event time in us, by the freshest row of each minute: what is old because nothing happens is not slow."""

    best_us: int | None = None  # least of any minute that is over
    minute: int = 0
    least_us: int = 0
    slow: int = 0  # minutes in a row

    def add(self, received_us: int, event_us: int) -> bool:
        """Take in the newest row of a batch; true when the connection has just been found slow."""
        minute, delay_us = received_us // MINUTE_US, received_us - event_us
        if minute == self.minute:
            self.least_us = min(self.least_us, delay_us)
            return False
        found = self._close() if self.minute else False
        self.minute, self.least_us = minute, delay_us
        return found

    def _close(self) -> bool:
        if self.best_us is None or self.least_us < self.best_us:
            self.best_us = self.least_us
        self.slow = self.slow + 1 if self.least_us > self.best_us + SLOWER_US else 0
        return self.slow == MINUTES

    def stored(self) -> list[int | None]:
        return [self.best_us, self.minute, self.least_us, self.slow]
