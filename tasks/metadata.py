"""What can be traded and what of it is recorded."""

import time
from typing import Any

from core.http import HttpError
from tasks import app, resources
from tasks.asking import ask
from venues import VENUES
from venues.errors import Unreadable

#: A universe that would shrink below this share of the last one is taken for a partial answer and not published.
LEAST_SHARE = 0.5


@app.task
def poll(venue: str, name: str) -> dict[str, Any]:
    """One round of a metadata poll; the writers turn the reply into instruments and their history. Result: Asked."""
    return ask(venue, name, VENUES[venue].poll(name).requests([], time.time_ns() // 1000), seconds=120)


@app.task
def universe(venue: str) -> dict[str, Any]:
    """Find what to record (farm.toml: listed symbols, or the top by volume) and tell the streamers."""
    wanted = resources.config_now().collect.get(venue)
    if wanted is None:
        return {"published": False, "cause": f"farm.toml does not collect {venue}"}
    if wanted.symbols:
        return _publish(venue, list(wanted.symbols))
    try:
        replies = [resources.http(venue).fetch(request) for request in VENUES[venue].universe.requests]
        symbols = list(VENUES[venue].universe.rank(replies))[: wanted.top]
    except (HttpError, Unreadable) as exc:
        return {"published": False, "cause": str(exc)}
    known = resources.board().universe(venue) or []
    if len(symbols) < LEAST_SHARE * min(len(known), wanted.top):
        return {"published": False, "cause": f"{len(symbols)} instruments after {len(known)}: taken for a partial answer"}
    return _publish(venue, symbols)


def _publish(venue: str, symbols: list[str]) -> dict[str, Any]:
    resources.board().publish_universe(venue, symbols)
    return {"published": True, "instruments": len(symbols)}
