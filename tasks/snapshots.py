"""Periodic REST reads of market data: candles, funding, open interest and the like."""

import time
from typing import Any

from tasks import app, resources
from tasks.asking import ask
from venues import VENUES


@app.task
def poll(venue: str, name: str) -> dict[str, Any]:
    """One round of a venue's poll over the instruments that are recorded. Result: Asked."""
    found = VENUES[venue].poll(name)
    symbols = resources.board().universe(venue) or []
    if found.per_instrument and not symbols:
        return {"requests": 0, "cause": "the universe is not known yet"}
    requests = found.requests(symbols, time.time_ns() // 1000)
    return ask(venue, name, requests, seconds=min(found.every_seconds or 300, 300))
