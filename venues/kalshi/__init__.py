"""Kalshi: event contracts on one book a market, in dollars."""

from core.records import BOOK_DELTAS, TICKERS, TRADES
from core.venue import Channel, Limits, Venue
from venues.kalshi import candles, prices, questions, signing, stream, terms
from venues.kalshi.choice import UNIVERSE
from venues.kalshi.frames import decode
from venues.kalshi.history import HISTORIES
from venues.kalshi.rest import POLLS

# One hole in the numbers of a subscription puts every book of it in doubt, so subscriptions are kept small; an account of the lowest
# tier may have 200 sockets.
_MARKETS_PER_CONNECTION = 200

VENUE = Venue(
    name="kalshi",
    ws_url="wss://external-api-ws.kalshi.com",
    rest_url="https://external-api.kalshi.com",
    channels=(
        # Books begin with their state, and tickers with what they are; both may then be still for as long as nobody moves.
        Channel(
            *(stream.ORDERBOOK, BOOK_DELTAS.name, _MARKETS_PER_CONNECTION),
            first_frame_seconds=15,
            idle_seconds=300,
            continuous=False,
            numbered=True,
            terms=stream.TERMS,
            book_tops=True,
        ),
        # Most markets trade a few times an hour.
        Channel(
            *(stream.TRADE, TRADES.name, 1000),
            first_frame_seconds=600,
            idle_seconds=1800,
            continuous=False,
            numbered=True,
            candles=candles.POLL,
        ),
        # Rides with the books; by itself it is for more markets than books are wanted of.
        Channel(stream.TICKER, TICKERS.name, 1000, first_frame_seconds=15, idle_seconds=300),
        # New markets come every quarter of an hour at least. Few messages become rows, so that nobody waits for one.
        Channel(stream.LIFECYCLE, "", 1, first_frame_seconds=3600, idle_seconds=3600, topics=(stream.LIFECYCLE,)),
        Channel(stream.COMBO_LIFECYCLE, "", 1, first_frame_seconds=3600, idle_seconds=3600, topics=(stream.COMBO_LIFECYCLE,)),
    ),
    polls=POLLS,
    # The bucket of the lowest tier, 20 reads a second with two seconds held. 10,000 commands a second are allowed. No life of a
    # connection is documented; Thursdays' maintenance ends them all.
    limits=Limits(weight_per_minute=12_000, messages_per_second=10, connection_seconds=8 * 86400, weight_per_second=200, burst=400),
    stream=stream,
    decode=decode,
    universe=UNIVERSE,
    login=("key_id", "private_key"),
    sign=signing.sign,
    witness=prices.BOOKS,
    histories=HISTORIES,
    question=questions.question,
    terms=terms.terms,
)
