"""REST to the journal: ask a venue what a poll wants, append each reply as it came. Decoding is the writers' business."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from core import journal as journals
from core.http import HttpError, TryLater
from core.journal import StreamName
from core.venue import Request
from tasks import lifecycle, resources

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Asked:
    """What a round came to; `left` requests were not answered and are asked again by the next round."""

    requests: int
    replies: int = 0
    refused: int = 0
    left: int = 0
    cause: str = ""


def ask(venue: str, channel: str, requests: Sequence[Request], *, seconds: float) -> dict[str, object]:
    """Send the requests in order for at most so long. A venue that says "later" ends the round; one it refuses is counted and skipped."""
    asked = Asked(len(requests))
    stream, connection_id, until = StreamName(venue, channel, "rest"), uuid.uuid4().hex, time.monotonic() + seconds
    for number, request in enumerate(requests, start=1):
        if time.monotonic() > until or lifecycle.ending():
            asked.cause = "out of time"
            break
        try:
            reply = resources.http(venue).fetch(request)
        except TryLater as exc:
            asked.cause = str(exc)
            break
        except HttpError as exc:
            asked.refused += 1
            asked.cause = str(exc)
            log.warning("request refused venue=%s poll=%s cause=%s", venue, request.poll, exc)
            context = {"cause": f"{type(exc).__name__}: {exc}", "path": request.path, "params": dict(request.params)}
            fields = journals.event_fields(journals.REFUSED, connection_id, number, time.time_ns() // 1000, context)
        else:
            asked.replies += 1
            fields = journals.reply_fields(connection_id, number, reply.body, reply.received_us, dict(reply.params))
        resources.journal().append([(stream, fields)])
    asked.left = asked.requests - asked.replies - asked.refused
    return asdict(asked)
