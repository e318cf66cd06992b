"""The schedule of a beat whose clock is set back: nothing waits until the clock has caught up with the last time it rang."""

import logging
from typing import Any

from celery.beat import PersistentScheduler

log = logging.getLogger(__name__)


class SteadyScheduler(PersistentScheduler):  # type: ignore[misc]  # celery has no types
    """Last runs are kept in a file too: without this a farm whose clock was an hour ahead would be silent for an hour, restarted or not."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Seconds until the next."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        if ahead:
            log.warning("the clock was set back, the schedule begins anew entries=%d", len(ahead))
            for entry in ahead:
                entry.last_run_at = now
            self._heap = None  # orders the entries by the time when each is due
        return float(super().tick(*args, **kwargs))
