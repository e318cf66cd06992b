"""REST to the journal: ask a venue what a poll wants, append each reply as it came. Decoding is the writers' business."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from core.http import HttpError, Paced, TryLater
from core.venue import Poll, Reply, Request
from tasks import lifecycle, resources
from tasks.replies import Replies
from venues.errors import Unreadable

log = logging.getLogger(__name__)


class CursorRepeats(HttpError):
    """a walk came back to where it has been"""


@dataclass(slots=True)
class Asked:
    """What a round came to; `left` requests were not answered and are asked again by the next round, `capped` walks had more pages."""

    requests: int
    replies: int = 0
    refused: int = 0
    left: int = 0
    capped: int = 0
    cause: str = ""


def ask(
    venue: str, poll: Poll, requests: Sequence[Request], *, seconds: float, heard: Callable[[Reply], None] = lambda reply: None
) -> dict[str, object]:
    """Send the requests in order, each walk to its end, for at most so long. A venue that says "later" ends the round; a request that
    it refuses is counted and skipped. `heard` is told of each reply once the journal has it."""
    asked = Asked(len(requests), left=len(requests))
    replies, until = Replies(resources.journal(), venue, poll.name), time.monotonic() + seconds
    fetch = patient(resources.http(venue).fetch, until)
    for request in requests:
        walk = Walk(fetch, request, poll.follow, poll.max_pages)
        pages = iter(walk)
        while True:
            if time.monotonic() > until or lifecycle.ending():
                asked.cause = "out of time"
                return asdict(asked)
            try:
                reply = next(pages, None)
            except TryLater as exc:
                asked.cause = str(exc)
                return asdict(asked)
            except (HttpError, Unreadable) as exc:
                asked.refused += 1
                asked.cause = str(exc)
                log.warning("request refused venue=%s poll=%s cause=%s", venue, poll.name, exc)
                replies.keep_refusal(request, exc)
                break
            if reply is None:
                break
            asked.replies += 1
            replies.keep(reply)
            heard(reply)
        asked.left -= 1
        if walk.capped:
            asked.capped += 1
            log.warning("walk ended before its end venue=%s poll=%s pages=%d", venue, poll.name, poll.max_pages)
    return asdict(asked)


def patient(fetch: Callable[[Request], Reply], until: float) -> Callable[[Request], Reply]:
    """A fetch that waits for tokens of the venue's bucket, to `until` (time.monotonic) at the latest. Raises what `fetch` raises."""

    def fetched(request: Request) -> Reply:
        while True:
            try:
                return fetch(request)
            except Paced as exc:
                if time.monotonic() + exc.retry_after_seconds > until or lifecycle.ending():
                    raise
                time.sleep(exc.retry_after_seconds)

    return fetched


class Walk:
    """The replies to a request and to those that `follow` finds in them, at most `max_pages`; `capped` when there were more.

    Raises what `fetch` and `follow` raise, and CursorRepeats.
    """

    def __init__(
        self, fetch: Callable[[Request], Reply], first: Request, follow: Callable[[Reply], Request | None] | None, max_pages: int
    ) -> None:
        self._fetch, self._first, self._follow, self._max_pages = fetch, first, follow, max_pages
        self.capped = False

    def __iter__(self) -> Iterator[Reply]:
        request: Request | None = self._first
        seen = set()
        for page in range(1, self._max_pages + 1):
            assert request is not None
            place = hash((request.path, tuple(sorted(request.params.items()))))
            if place in seen:
                raise CursorRepeats(f"{request.path}: page {page} is one that was read before")
            seen.add(place)
            reply = self._fetch(request)
            yield reply
            request = self._follow(reply) if self._follow is not None else None
            if request is None:
                return
        self.capped = True
