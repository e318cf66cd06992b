"""`python -m ops.docker.health WHAT [NAME]`: is a container doing its work? Ends with 0, or with a sentence and 1.

Light on purpose: a question to the database or to Redis, no Celery app, no broadcast.
"""

import os
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from core import pulse, redisdb, settings
from core.board import Board
from db import queries
from ops.alerting import memory

#: The schedule rings every queue's canary once a minute; a writer's turn may stand before it for half a minute.
CANARY_SECONDS = 180
#: Longer than the idle bound of any channel, after which a streamer reconnects by itself.
DATA_SECONDS = 180
#: Longer than alerts.toml may make the pause between two looks.
LOOK_SECONDS = 330


class Unwell(Exception):
    """The container is not doing its work; the message says in what."""


def queue(name: str) -> None:
    """Somebody has consumed the queue lately."""
    age = _youngest_canary(f"canary:{name}")
    if age > CANARY_SECONDS:
        raise Unwell(f"nobody has consumed the queue {name} for {age:.0f} s")


def schedule() -> None:
    """Somebody has rung any queue lately."""
    age = _youngest_canary("canary:")
    if age > CANARY_SECONDS:
        raise Unwell(f"no queue has been rung for {age:.0f} s")


def streamer(venue: str, replica: str = "a") -> None:
    """This replica of the venue's streamer speaks, and a frame has arrived lately on one of its sockets."""
    knobs = settings.load()
    board = Board(redisdb.connect(knobs.redis_url, timeout_seconds=knobs.redis_timeout_seconds), knobs.key_prefix)
    said = board.vitals(f"streamer:{venue}")
    streams = [stream for who, vital in said.items() if who.endswith(f":{replica}") for stream in vital["streams"]]
    if not streams:
        raise Unwell(f"no streamer of {venue}, replica {replica}, speaks, or it has nothing to record yet")
    newest = max(stream["last_data_us"] for stream in streams)
    age = time.time() - newest / 1_000_000
    if age > DATA_SECONDS:
        raise Unwell(f"{venue} has brought no data for {age:.0f} s")


def watcher() -> None:
    """It has looked at the farm lately, whatever it saw."""
    known = memory.load(settings.load().home)
    age = time.time() - (known.looked_at if known else 0.0)
    if age > LOOK_SECONDS:
        raise Unwell("the watcher has not looked at the farm yet" if known is None else f"the watcher has not looked for {age:.0f} s")


def turning(seconds: str) -> None:
    """Its loop turns, whatever else is away: for who ends what is stuck. The first look makes the file that the loop then touches."""
    path = Path(os.environ[pulse.VARIABLE])
    if not path.exists():
        path.touch()
    if (age := time.time() - path.stat().st_mtime) > float(seconds):
        raise Unwell(f"it has not turned for {age:.0f} s")


def web(url: str) -> None:
    """The page answers."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (the address stands in docker-compose.yml)
        if answer.status != 200:
            raise Unwell(f"{url} answers {answer.status}")


def _youngest_canary(prefix: str) -> float:
    facts = queries.rows(settings.load().database_url, "facts", prefix=prefix)
    if not facts:
        raise Unwell(f"nothing has been heard of {prefix}")
    ages: list[float] = [(datetime.now(UTC) - fact["updated_at"]).total_seconds() for fact in facts]
    return min(ages)


CHECKS: dict[str, Callable[..., Any]] = {
    "queue": queue,
    "schedule": schedule,
    "streamer": streamer,
    "turning": turning,
    "watcher": watcher,
    "web": web,
}


def main(arguments: Sequence[str]) -> int:
    try:
        CHECKS[arguments[0]](*arguments[1:])
    except (Unwell, OSError, redisdb.RedisError, SQLAlchemyError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
