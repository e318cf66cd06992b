"""How much counters have grown within the last hour, told from looks at them. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

HOUR_SECONDS = 3600.0


@dataclass(slots=True)
class HourlyGrowth:
    """One kind of counter, by subject. What grew before the first look is nobody's news; a counter that fell has begun anew.

    Holds one step a look at most, and only those in which something grew.
    """

    _last: dict[str, int] = field(default_factory=dict)
    _steps: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _began: bool = False

    def look(self, totals: Mapping[str, int], now: float) -> dict[str, int]:
        """subject -> growth within the hour up to now."""
        for subject, total in totals.items():
            # A subject that turns up later has counted from 0 before our eyes.
            before = self._last.get(subject, 0 if self._began else total)
            grown = total - before if total >= before else total
            if grown:
                self._steps.setdefault(subject, deque()).append((now, grown))
        self._last, self._began = dict(totals), True
        self._steps = {subject: steps for subject, steps in self._steps.items() if subject in totals}
        for steps in self._steps.values():
            while steps and steps[0][0] <= now - HOUR_SECONDS:
                steps.popleft()
        return {subject: sum(grown for _, grown in self._steps.get(subject, ())) for subject in totals}
