"""Periodic REST reads of market data: candles, funding, open interest and the like."""

import time
import uuid
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any

from core import journal as journals
from core.journal import Wiped
from core.records import BOOK_CLAIMS
from core.venue import INSTRUMENTS, MARKETS, UNKNOWN, UNRECORDED, UNRESOLVED, Reply
from db import engine, instruments, markets
from tasks import app, resources
from tasks.asking import ask
from venues import VENUES
from venues.errors import Unreadable

#: Markets asked about in one round; those that wait longest come first, so that none waits for ever.
MAX_UNRESOLVED = 2_000
#: Of these the books and prices are read; more are left out, the longest unchanged first.
MAX_MARKETS = 10_000
#: Instruments beside the recorded ones asked about in one round: chains of two coins have fewer.
MAX_UNRECORDED = 5_000
#: Provisional instruments asked about in one round.
MAX_UNKNOWN = 200
#: How often books are sampled and how many: two looks that find a book frozen are the proof, so all of them within a minute.
WITNESS_SECONDS = 25
WITNESS_BOOKS = 2_000


@app.task
def poll(venue: str, name: str) -> dict[str, Any]:
    """One round of a venue's poll over the instruments that are recorded. Result: Asked."""
    found = VENUES[venue].poll(name)
    universe = resources.board().universe(venue) or []
    about = _from_database(venue, found.about, universe) if found.about in (UNRECORDED, MARKETS, UNRESOLVED, UNKNOWN) else universe
    if found.about in (INSTRUMENTS, UNRECORDED, MARKETS) and not about:
        return {"requests": 0, "cause": "what to ask about is not known yet"}
    requests = found.requests(about, time.time_ns() // 1000)

    def heard(reply: Reply) -> None:
        if found.allowance is not None:
            with suppress(Unreadable):  # the writers put it aside, with the reason
                resources.http(venue).allow(*found.allowance(reply))

    return ask(venue, found, requests, seconds=min(found.every_seconds or 300, 300), heard=heard)


@app.task
def witness(venue: str) -> dict[str, Any]:
    """Read a sample of the recorded books over REST and tell the streams that replay them. Result: Asked, and how many books."""
    found = VENUES[venue]
    assert found.witness is not None
    sample = _sample(resources.board().universe(venue) or [], int(time.time() // WITNESS_SECONDS))
    poll = found.poll(found.witness)
    claims: list[list[Any]] = []

    def heard(reply: Reply) -> None:
        try:
            rows = poll.parse(reply).rows.get(BOOK_CLAIMS)
        except Unreadable:
            return  # the writers put it aside, with the reason
        if rows is not None:
            claims.extend(
                map(list, zip(rows["symbol"], *(rows[name].tolist() for name in ("event_at", "bid_price", "ask_price")), strict=True))
            )

    asked = ask(venue, poll, poll.requests(sample, time.time_ns() // 1000), seconds=WITNESS_SECONDS, heard=heard)
    streams = [stream for stream in resources.journal().streams() if stream.venue == venue and found.keeps_books(stream.channel)]
    fields = journals.event_fields(journals.WITNESS, f"witness-{uuid.uuid4().hex}", 0, time.time_ns() // 1000, {"claims": claims})
    if claims and streams:
        with suppress(Wiped):  # a stream that is gone is for its streamer to make, which tells by its absence what was lost
            resources.journal().add([(stream, fields) for stream in streams], new=())
    return {**asked, "books": len(claims)}


def _sample(symbols: Sequence[str], turn: int) -> list[str]:
    """Another share each time, until all have had their turn."""
    shares = max(1, -(-len(symbols) // WITNESS_BOOKS))
    return list(symbols[turn % shares :: shares])


def _from_database(venue: str, about: str, universe: Sequence[str]) -> list[str]:
    with closing(engine.connect(resources.config().database_url, name="tapefarm snapshots")) as connection, connection.cursor() as cursor:
        if about == UNRECORDED:
            return instruments.unrecorded(cursor, venue, universe, limit=MAX_UNRECORDED)
        if about == UNKNOWN:
            return instruments.unknown(cursor, venue, limit=MAX_UNKNOWN)
        if about == MARKETS:
            return markets.traded(cursor, venue, limit=MAX_MARKETS)
        return markets.unresolved(cursor, venue, sources=VENUES[venue].resolution_sources, limit=MAX_UNRESOLVED)
