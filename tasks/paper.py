"""Trading on paper: one long-lived turn at a time, as the drains do. While no pair is confirmed a ring looks whether one is, and ends."""

import logging
import time
from contextlib import closing
from dataclasses import asdict
from typing import Any

from kombu.exceptions import OperationalError

from core.matched import Matched
from core.redisdb import RedisError
from core.settings import Settings
from db import engine, queries
from tasks import app, lifecycle, resources
from tasks.attempts import attempts
from tasks.paper_turn import LockTaken, Trading, Turn

log = logging.getLogger(__name__)

#: A turn begins with farm.toml as it stands, and the canary of the queue waits for one where it has a worker of its own.
TURN_SECONDS = 60.0
#: The schedule rings so often: a killed engine goes on after it at the latest, and the first confirmed pair is traded.
RING_SECONDS = 10.0
#: What waiting and trying again can mend.
_PASSING = (*engine.UNREACHABLE, RedisError)


@app.task
def trade() -> dict[str, Any]:
    """Trade on paper for one turn, then hand over to a successor. Result: Turn."""
    turn = Turn()
    if not queries.rows(resources.config().database_url, "paper_wanted")[0]["wanted"]:
        turn.ended = "nothing to trade"
        return asdict(turn)
    config = resources.config_now()
    until = time.monotonic() + TURN_SECONDS
    try:
        attempts(turn, "paper trading", lambda: until, config.database_retry_max_seconds, _PASSING)(_attempt, config, turn, until)
    except LockTaken:
        turn.ended = "another process trades"
        return asdict(turn)
    except _PASSING as exc:
        turn.ended = f"waiting: {exc}"[:300]
    if lifecycle.ending():
        turn.ended = "worker ends"
    elif turn.ended != "nothing to trade":
        _hand_over()
    return asdict(turn)


def _attempt(config: Settings, turn: Turn, until: float) -> None:
    matched = Matched(resources.journal().client, config.key_prefix)
    with closing(Trading(config, matched, resources.board(), turn)) as attempt:
        attempt.open()
        attempt.run(until)


def _hand_over() -> None:
    try:
        trade.apply_async(expires=2 * RING_SECONDS, retry=False)
    except OperationalError as exc:
        log.warning("no hand-over, the schedule will ring cause=%s", exc)
