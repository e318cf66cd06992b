"""Periodic REST reads of market data: candles, funding, open interest and the like."""

import time
from contextlib import closing
from typing import Any

from core.venue import INSTRUMENTS, UNRESOLVED
from db import engine, markets
from tasks import app, resources
from tasks.asking import ask
from venues import VENUES

#: Markets asked about in one round; those that wait longest come first, so that none waits for ever.
MAX_UNRESOLVED = 2_000


@app.task
def poll(venue: str, name: str) -> dict[str, Any]:
    """One round of a venue's poll over the instruments that are recorded. Result: Asked."""
    found = VENUES[venue].poll(name)
    about = _unresolved(venue) if found.about == UNRESOLVED else resources.board().universe(venue) or []
    if found.about == INSTRUMENTS and not about:
        return {"requests": 0, "cause": "the universe is not known yet"}
    requests = found.requests(about, time.time_ns() // 1000)
    return ask(venue, found, requests, seconds=min(found.every_seconds or 300, 300))


def _unresolved(venue: str) -> list[str]:
    with closing(engine.connect(resources.config().database_url, name="tapefarm snapshots")) as connection, connection.cursor() as cursor:
        return markets.unresolved(cursor, venue, sources=VENUES[venue].resolution_sources, limit=MAX_UNRESOLVED)
