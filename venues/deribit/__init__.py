"""Deribit: options, futures and perpetuals."""

from core.records import BOOK_DELTAS, INDEX_PRICES, QUOTES, TICKERS, TRADES
from core.venue import Channel, Limits, Venue
from venues.deribit import stream
from venues.deribit.choice import UNIVERSE
from venues.deribit.frames import decode
from venues.deribit.history import HISTORIES
from venues.deribit.rest import INDEX_NAMES, POLLS

# One subscribe call names 500 at most; 131 books at 100 ms made 70-95 KB/s on one socket (probe of 2026-09-22).
_INSTRUMENTS_PER_CONNECTION = 200

VENUE = Venue(
    name="deribit",
    ws_url="wss://www.deribit.com",
    rest_url="https://www.deribit.com",
    channels=(
        # Each of these begins with the state as it is; afterwards the mark price alone moves a ticker every few seconds.
        Channel("quote", QUOTES.name, _INSTRUMENTS_PER_CONNECTION, first_frame_seconds=15, idle_seconds=60),
        Channel("ticker", TICKERS.name, _INSTRUMENTS_PER_CONNECTION, first_frame_seconds=15, idle_seconds=60, login=True),
        # A still book was silent for 54 s (probe); a connection has many.
        Channel("book", BOOK_DELTAS.name, _INSTRUMENTS_PER_CONNECTION, first_frame_seconds=15, idle_seconds=90, login=True),
        # Options trade rarely: only the perpetuals on the connection keep it talking.
        Channel("trades", TRADES.name, _INSTRUMENTS_PER_CONNECTION, first_frame_seconds=120, idle_seconds=600, login=True),
        # Once a second each.
        Channel("deribit_price_index", INDEX_PRICES.name, 50, first_frame_seconds=15, idle_seconds=30, topics=INDEX_NAMES),
        # Quiet but for locks of an index and what is listed or expires at 08:00 UTC: once a day at least.
        Channel(
            stream.PLATFORM,
            "",
            50,
            first_frame_seconds=26 * 3600,
            idle_seconds=26 * 3600,
            topics=("platform_state", "instrument.state.any.any"),
        ),
    ),
    polls=POLLS,
    # In the venue's credits: 10,000 a second come back, 500 go for a request and 3,000 for a subscribe, whose pool gives 3.3 a second
    # to all connections of an address together. The pool of requests holds what comes back in 5 s. No connection is cut for its age.
    limits=Limits(weight_per_minute=600_000, messages_per_second=1, connection_seconds=7 * 86400, weight_per_second=10_000, burst=50_000),
    stream=stream,
    decode=decode,
    universe=UNIVERSE,
    histories=HISTORIES,
    archive_url="https://history.deribit.com",
)
