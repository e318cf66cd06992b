"""Delays between attempts: exponential with full jitter, as an endless generator. No clock, no asyncio."""

from collections.abc import Iterator
from random import Random

FIRST_SECONDS = 0.5
CAP_SECONDS = 60.0


def delays(random: Random, *, first_seconds: float = FIRST_SECONDS, cap_seconds: float = CAP_SECONDS) -> Iterator[float]:
    """Each delay is drawn from 0 to a ceiling that doubles up to the cap; a fresh generator starts over."""
    ceiling = min(first_seconds, cap_seconds)
    while True:
        yield random.uniform(0.0, ceiling)
        ceiling = min(ceiling * 2, cap_seconds)
