"""Binance USD-M futures."""

from core.records import QUOTES, TRADES
from core.venue import Channel, Limits, Venue
from venues.binance import stream
from venues.binance.history import HISTORIES
from venues.binance.instruments import UNIVERSE
from venues.binance.rest import KLINES, POLLS

# 200 a connection: the venue's ceiling is 1024 (older documents say 200), the whole default choice fits on one socket, its URL
# stays below 6 kB, one SUBSCRIBE names them all, and a socket that dies takes no more than 200 instruments with it.
_INSTRUMENTS_PER_CONNECTION = 200

VENUE = Venue(
    name="binance",
    ws_url="wss://fstream.binance.com",
    rest_url="https://fapi.binance.com",
    channels=(
        # A quiet perpetual still quotes several times a second.
        Channel("bookTicker", QUOTES.name, _INSTRUMENTS_PER_CONNECTION, first_frame_seconds=15, idle_seconds=30),
        # Trades come in batches of 100 ms, but a short list of quiet instruments may not trade for half a minute.
        Channel("aggTrade", TRADES.name, _INSTRUMENTS_PER_CONNECTION, first_frame_seconds=45, idle_seconds=90, candles=KLINES),
    ),
    polls=POLLS,
    # 10 messages a second is the ceiling, and pongs count. The venue cuts at 24 h.
    limits=Limits(weight_per_minute=2400, messages_per_second=5, connection_seconds=23 * 3600),
    stream=stream,
    decode=stream.decode,
    universe=UNIVERSE,
    used_weight_header="X-MBX-USED-WEIGHT-1M",
    histories=HISTORIES,
)
