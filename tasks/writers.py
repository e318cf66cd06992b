"""Writers: journal to database. One long-lived drain per group of streams; the schedule rings for every group, and a ring that
finds the group's lock taken ends at once."""

import logging
import time
from contextlib import closing
from dataclasses import asdict
from typing import Any

from kombu.exceptions import OperationalError

from core.journal import StreamName
from core.redisdb import RedisError
from db import engine
from db.offsets import Fenced
from tasks import app, lifecycle, resources
from tasks.attempts import attempts
from tasks.drain import Drain, LockTaken, Turn
from tasks.lag import Lag
from tasks.reader import Reader

log = logging.getLogger(__name__)

#: A drain that has lost sight of Redis may be the only one who knows its books: its turn goes on so much longer, for Redis to come back.
#: Bounded by the task's time limit in celeryconfig.py.
BOOKS_SECONDS = 120.0
#: Kept over turns, so that a hand-over does not blank the figures.
_lag = Lag()
#: What waiting and trying again can mend.
_PASSING = (*engine.UNREACHABLE, RedisError, Fenced)


@app.task
def drain(group: int) -> dict[str, Any]:
    """Drain the group for one turn, then hand over to a successor. Result: Turn, with the lag of the last seconds."""
    config = resources.config()
    turn = Turn(group)
    until = time.monotonic() + config.writer_turn_seconds
    left: dict[StreamName, Reader] = {}
    trying = attempts(turn, "drain", lambda: until + BOOKS_SECONDS * bool(left), config.database_retry_max_seconds, _PASSING, group=group)
    try:
        trying(_attempt, turn, until, left)
    except LockTaken:
        turn.ended = "another drain has this group"
        return asdict(turn)
    except _PASSING as exc:
        turn.ended = f"waiting: {exc}"[:300]
    if lifecycle.ending():
        turn.ended = "worker ends"
    else:
        _hand_over(group, config.writer_ring_seconds)
    return asdict(turn)


def _attempt(turn: Turn, until: float, left: dict[StreamName, Reader]) -> None:
    with closing(Drain(resources.config(), resources.journal(), resources.board(), turn, _lag, left)) as attempt:
        attempt.open()
        attempt.run(until)


def _hand_over(group: int, ring_seconds: float) -> None:
    try:
        drain.apply_async((group,), expires=2 * ring_seconds, retry=False)
    except OperationalError as exc:
        log.warning("no hand-over, the schedule will ring group=%s cause=%s", group, exc)
