"""What the endpoints ask: the settings of this farm, and what was seen of it lately."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from core import redisdb
from core.board import Board
from core.settings import Settings
from ops.console import exposition
from ops.console.look import Look, Seen
from ops.report import health, storage
from ops.report.status import REDIS_SECONDS
from venues import VENUES

#: Whoever asks often is told what is a second or two old, as the next look is made behind his back, and only who asks rarely waits for one.
YOUNG_SECONDS, OLD_SECONDS = 1.0, 5.0
#: Above the time in which a Redis or a database that is away is known to be (ops.report.status.REDIS_SECONDS, twice).
PATIENCE_SECONDS = 8.0
#: What is asked of large tables.
SLOW_SECONDS = 15.0


class Farm:
    def __init__(self, knobs: Settings) -> None:
        self.knobs = knobs
        self.url = knobs.reading_url
        self.health: Look[dict[str, Any]] = Look(
            lambda: health.document(knobs.home, knobs),
            young_seconds=YOUNG_SECONDS,
            old_seconds=OLD_SECONDS,
            patience_seconds=PATIENCE_SECONDS,
        )
        self.metrics: Look[bytes] = exposition.look(knobs, lambda: self.health.get().value)
        self.storage: Look[dict[str, Any]] = Look(
            lambda: storage.report(self.url, knobs.kept), young_seconds=60.0, old_seconds=600.0, patience_seconds=SLOW_SECONDS
        )
        self._coverage: dict[int, Look[dict[str, Any]]] = {}

    def coverage(self, days: int, make: Callable[[], dict[str, Any]]) -> Seen[dict[str, Any]]:
        """`make` is asked when nothing young enough is known of so many days."""
        look = self._coverage.setdefault(days, Look(make, young_seconds=15.0, old_seconds=120.0, patience_seconds=SLOW_SECONDS))
        return look.get()

    def board(self) -> AbstractContextManager["Board"]:
        return _board(self.knobs)


@contextmanager
def _board(knobs: Settings) -> Iterator[Board]:
    with closing(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)) as redis:
        yield Board(redis, knobs.key_prefix)


def known_place(venue: str | None, channel: str | None) -> None:
    """Raises HTTPException with a sentence for what there is not."""
    if venue is not None and venue not in VENUES:
        raise HTTPException(404, f"There is no venue {venue!r}: {', '.join(sorted(VENUES))} are known.")
    if channel is None:
        return
    if venue is None:
        raise HTTPException(404, "Say of which venue the channel is.")
    known = {one.name for one in VENUES[venue].channels} | {one.name for one in VENUES[venue].polls} | set(VENUES[venue].histories)
    if channel not in known:
        raise HTTPException(404, f"{venue} has no channel {channel!r}: {', '.join(sorted(known))} are known.")


def _farm(request: Request) -> Farm:
    found: Farm = request.app.state.farm
    return found


Asked = Annotated[Farm, Depends(_farm)]
