"""Trying again within a turn, while waiting may mend what is wrong."""

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import tenacity

from tasks import lifecycle

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.2


class Turn(Protocol):
    outages: int
    last_outage: str


def attempts(
    turn: Turn, what: str, until: Callable[[], float], max_seconds: float, passing: tuple[type[Exception], ...], **place: Any
) -> tenacity.Retrying:
    """Exponential backoff with full jitter until the turn is over (monotonic seconds); the schedule goes on from there, for ever.
    `until`: asked after each attempt. `passing`: what waiting and trying again can mend; `what` of which `place` the log tells."""
    words = f"%s interrupted, trying again{''.join(f' {name}=%s' for name in place)} cause=%s"

    def note(state: tenacity.RetryCallState) -> None:
        turn.outages += 1
        turn.last_outage = f"{state.outcome.exception()!r}"[:300] if state.outcome else ""
        level: Any = logging.WARNING if turn.outages == 1 else logging.DEBUG
        log.log(level, words, what, *place.values(), turn.last_outage)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(passing),
        wait=tenacity.wait_random_exponential(multiplier=FIRST_RETRY_SECONDS, max=max_seconds),
        stop=lambda _: time.monotonic() >= until() or lifecycle.ending(),
        before_sleep=note,
        reraise=True,
    )
