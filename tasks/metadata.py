"""What can be traded and what of it is recorded."""

import time
from collections.abc import Iterator
from typing import Any

from core.http import HttpError
from core.venue import Reply, Wanted
from tasks import app, resources
from tasks.asking import Walk, ask, patient
from venues import VENUES
from venues.errors import Unreadable

#: A universe that would shrink below this share of the last one is taken for a partial answer and not published.
LEAST_SHARE = 0.5
#: A walk over all markets of a venue takes minutes; below the hard time limit of a task.
METADATA_SECONDS = 480


@app.task
def poll(venue: str, name: str) -> dict[str, Any]:
    """One round of a metadata poll; the writers turn the reply into instruments and their history. Result: Asked."""
    found = VENUES[venue].poll(name)
    return ask(venue, found, found.requests([], time.time_ns() // 1000), seconds=METADATA_SECONDS)


@app.task
def universe(venue: str) -> dict[str, Any]:
    """Find what to record (farm.toml: listed symbols, or the top by volume) and tell the streamers."""
    wanted = resources.config_now().collect.get(venue)
    if wanted is None:
        return {"published": False, "cause": f"farm.toml does not collect {venue}"}
    if wanted.symbols:
        return _publish(venue, list(wanted.symbols))
    try:
        choice = Wanted(wanted.top, wanted.universe)
        symbols = list(VENUES[venue].universe.rank(_replies(venue, choice), choice))
    except (HttpError, Unreadable, ValueError) as exc:
        return {"published": False, "cause": str(exc)}
    known = resources.board().universe(venue) or []
    if len(symbols) < LEAST_SHARE * min(len(known), wanted.top):
        return {"published": False, "cause": f"{len(symbols)} instruments after {len(known)}: taken for a partial answer"}
    return _publish(venue, symbols)


def _replies(venue: str, wanted: Wanted) -> Iterator[Reply]:
    """One at a time, each walk page by page: what ranks them decides what is kept."""
    universe = VENUES[venue].universe
    fetch = patient(resources.http(venue).fetch, time.monotonic() + METADATA_SECONDS)
    for request in universe.requests(wanted):
        yield from Walk(fetch, request, universe.follow, universe.max_pages)


def _publish(venue: str, symbols: list[str]) -> dict[str, Any]:
    resources.board().publish_universe(venue, symbols)
    return {"published": True, "instruments": len(symbols)}
