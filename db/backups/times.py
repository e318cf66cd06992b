"""When a backup or a drill is due. Pure: the clock is given."""

from collections.abc import Mapping
from dataclasses import dataclass

HOURLY, DAILY, PROOF = "hourly", "daily", "proof"
#: Not a work of its own: a backup that is made is copied to where others are, if anywhere.
COPY = "copy"

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
#: (period, beginning of the first one since 1970, a Thursday). After midnight's own work, and a drill in the quietest hours of Sunday.
_TIMES = {HOURLY: (_HOUR, 5 * _MINUTE), DAILY: (_DAY, 2 * _HOUR + 20 * _MINUTE), PROOF: (7 * _DAY, 3 * _DAY + 4 * _HOUR + 20 * _MINUTE)}
#: What failed is tried again after so long; what was killed, sooner: its database still lies there.
_AGAIN = {HOURLY: 10 * _MINUTE, DAILY: 10 * _MINUTE, PROOF: 6 * _HOUR}
_AFTER_KILL = 10 * _MINUTE


@dataclass(frozen=True, slots=True)
class State:
    """Of a subject: `at`, when what is newest was taken or proven (before there is any: when it was first waited for); `tried`, when it was
    begun last; `trouble`, why it failed then, or empty. Times are epoch seconds."""

    at: float
    file: str | None = None
    bytes: int = 0
    tried: float | None = None
    trouble: str = ""


def due(states: Mapping[str, State], now: float) -> list[str]:
    """What is to be begun, the most comprehensive first. A time that was missed is caught up with once."""
    return [subject for subject in (DAILY, HOURLY, PROOF) if subject in states and _is_due(subject, states[subject], now)]


def _is_due(subject: str, state: State, now: float) -> bool:
    period, first = _TIMES[subject]
    again = _AGAIN[subject] if state.trouble else _AFTER_KILL
    waited = state.tried is None or not 0 <= now - state.tried < again
    return now - (now - first) % period > state.at and waited
