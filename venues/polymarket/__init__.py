"""Polymarket: prediction markets of two tokens each, on the international venue."""

from core.records import BOOK_DELTAS
from core.venue import Channel, Limits, Venue
from venues.polymarket import questions, stream, terms
from venues.polymarket.frames import decode
from venues.polymarket.hosts import HOSTS, WEIGHT_PER_MINUTE
from venues.polymarket.rest import BOOKS_POLL, POLLS
from venues.polymarket.universe import UNIVERSE

VENUE = Venue(
    name="polymarket",
    ws_url="wss://ws-subscriptions-clob.polymarket.com",
    rest_url=HOSTS["clob"],
    hosts=HOSTS,
    channels=(
        Channel(
            "market",
            BOOK_DELTAS.name,
            # Above 500 no changes came (2025-08); others cap at 200 and 250.
            200,
            # Each token begins with its book at once.
            first_frame_seconds=15,
            # It freezes for hours while PONGs arrive (2026-03, 2026-08). Among 200 tokens one moves within seconds.
            idle_seconds=20,
            names_per_message=stream.IDS_PER_FRAME,
            keepalive=stream.PING,
            keepalive_seconds=10,
            # What one socket misses without a word the other may have.
            sockets=2,
            continuous=False,
            book_tops=True,
        ),
    ),
    polls=POLLS,
    # No lifetime is documented; a fresh connection now and then is one that has not begun to freeze.
    limits=Limits(weight_per_minute=WEIGHT_PER_MINUTE, messages_per_second=5, connection_seconds=4 * 3600),
    stream=stream,
    decode=decode,
    universe=UNIVERSE,
    witness=BOOKS_POLL,
    # The venue proposes, disputes and resolves: one source may be ahead of it or wrong.
    resolution_sources=2,
    question=questions.question,
    terms=terms.terms,
)
