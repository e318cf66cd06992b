"""When what strikes: how long each fault may last in the minutes there are, and a storm from a seed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ops.chaos.fault import Fault

#: What a fault costs beside its hold, until it was measured: detection, recovery, the comparison.
OVERHEAD_SECONDS = 20.0
#: However little time there is, a fault that holds at all holds so long.
LEAST_HOLD_SECONDS = 5.0
#: In a storm one fault begins so often; most last longer than that, so that they meet each other.
STORM_EVERY_SECONDS = 6.0
STORM_HOLD_SECONDS = (2.0, 12.0)


def scale(holds: Sequence[float], seconds: float, overhead_seconds: float = OVERHEAD_SECONDS) -> float:
    """By how much the holds of the faults still to come must be shortened to fit into the seconds left; at most 1."""
    room, wanted = seconds - overhead_seconds * len(holds), sum(holds)
    return min(1.0, max(0.0, room / wanted)) if wanted else 1.0


def hold(fault: Fault, by: float) -> float:
    return max(min(fault.hold_seconds, LEAST_HOLD_SECONDS), fault.hold_seconds * by)


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault of a storm; seconds from its beginning."""

    at: float
    until: float
    fault: Fault


def storm(faults: Sequence[Fault], seed: int, seconds: float) -> list[Blow]:
    """In order of their beginning; every fault is over when the storm is, and none strikes again before its last strike is healed."""
    chance, blows, at = Random(seed), list[Blow](), 0.0  # noqa: S311  # a storm wants a seed, not secrecy
    while at < seconds:
        free = [fault for fault in faults if not any(blow.fault.name == fault.name and blow.until > at for blow in blows)]
        if free:
            until = at + chance.uniform(*STORM_HOLD_SECONDS)
            blows.append(Blow(round(at, 2), round(min(until, seconds), 2), chance.choice(free)))
        at += chance.uniform(0.5, 1.5) * STORM_EVERY_SECONDS
    return blows
