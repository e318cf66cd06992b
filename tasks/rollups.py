"""Rolling up: bars of what the writers have touched since the last time."""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from db import engine, rollups
from db.engine import Connection
from tasks import app, lifecycle, resources

log = logging.getLogger(__name__)

#: A run goes on for so long; what is left waits for the next one.
RUN_SECONDS = 25.0


@app.task
def roll() -> dict[str, Any]:
    """Make stale bars anew. Result: notes looked after, and how many there are still."""
    until = time.monotonic() + RUN_SECONDS
    with closing(engine.connect(resources.config().database_url, name="tapefarm rollups")) as connection:
        with connection, connection.cursor() as cursor:
            if rollups.by_the_database(cursor):
                return {"notes": 0, "ended": "the database does it itself"}
            if not rollups.lock(cursor):
                return {"notes": 0, "ended": "another one is at it"}
        try:
            newest = rollups.look(connection)
        except engine.BUSY:
            log.warning("no look could be had at what is to be rolled up, the next run tries again")
            return {"notes": 0, "ended": "a writer stays in the middle of its commit"}
        ended = [_all(connection, step, until) for step in (lambda cursor: rollups.minutes(cursor, newest), rollups.hours)]
        with connection, connection.cursor() as cursor:
            if all(done for _, done in ended):
                rollups.caught_up(cursor)
            left = rollups.waiting(cursor)
    return {"notes": sum(taken for taken, _ in ended), "left": left}


def _all(connection: Connection, step: Callable[[Any], int], until: float) -> tuple[int, bool]:
    """Step after step until nothing is due, or the time is over; the notes that were taken, and which of the two it was."""
    taken = 0
    while time.monotonic() < until and not lifecycle.ending():
        with connection, connection.cursor() as cursor:
            done = step(cursor)
        taken += done
        if not done:
            return taken, True
    return taken, False
