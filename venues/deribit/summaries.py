"""Whole chains over REST: a summary of every instrument in one call, and greeks of the options that no socket brings. Must not know HTTP."""

import re
from collections.abc import Sequence

import msgspec

from core.records import BOOK_SUMMARIES, TICKERS
from core.venue import Decoded, Reply, Request
from venues.decoding import UNREADABLE, checked_text, constant, microseconds, optional_floats
from venues.deribit import wire, wire_rest
from venues.deribit.frames import settlement_prices, tickers
from venues.deribit.replies import request, rows_of
from venues.errors import Unreadable
from venues.replies import bad_reply, read_each

# --- names ------------------------------------------------------------------------------------------------------------------


def coin_of(name: str) -> str:
    """`ETH-25DEC26-3000-C`, `ETH_USDC-PERPETUAL` -> `ETH`."""
    return name.partition("-")[0].partition("_")[0]


#: What REST calls a currency; other words are refused.
CURRENCIES = ("BTC", "ETH", "USDC", "USDT", "EURR")


def currencies_of(symbols: Sequence[str]) -> list[str]:
    """Currencies under which the venue keeps these: of what is linear its stablecoin, else the coin."""
    families = (symbol.partition("-")[0].partition("_") for symbol in symbols)
    found = {stable or coin for coin, _, stable in families}
    return [currency for currency in CURRENCIES if currency in found]


# --- summaries --------------------------------------------------------------------------------------------------------------

SUMMARY = "get_book_summary_by_currency"
SUMMARY_DECODER = msgspec.json.Decoder(wire_rest.BookSummary)


def request_summaries(currencies: Sequence[str]) -> list[Request]:
    return [request(SUMMARY, {"currency": currency}, max_bytes=8 << 20) for currency in currencies]


def request_recorded_summaries(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return request_summaries(currencies_of(symbols))


def parse_summaries(reply: Reply) -> Decoded:
    rows, rejected = read_each(rows_of(reply), SUMMARY_DECODER, lambda row: checked_text(row.instrument_name))
    columns = {
        "symbol": [row.instrument_name for row in rows],
        "event_at": microseconds([row.creation_timestamp for row in rows]),
        "received_at": constant(reply.received_us, len(rows)),
        # 0 stands for an empty side in older replies.
        "bid_price": optional_floats([row.bid_price or None for row in rows]),
        "ask_price": optional_floats([row.ask_price or None for row in rows]),
        "mid_price": optional_floats([row.mid_price for row in rows]),
        "mark_price": optional_floats([row.mark_price for row in rows]),
        "last_price": optional_floats([row.last for row in rows]),
        "open_interest": optional_floats([row.open_interest for row in rows]),
        "volume": optional_floats([row.volume for row in rows]),
        "volume_usd": optional_floats([row.volume_usd for row in rows]),
        "mark_iv": optional_floats([row.mark_iv or None for row in rows]),
        "underlying_price": optional_floats([row.underlying_price for row in rows]),
        "interest_rate": optional_floats([row.interest_rate for row in rows]),
        "settlement_price": settlement_prices(rows),
        "funding_rate": optional_floats([row.current_funding for row in rows]),
    }
    return Decoded(rows={BOOK_SUMMARIES.name: columns} if rows else {}, rejected=rejected)


# --- greeks of the rest of a chain ------------------------------------------------------------------------------------------

#: Has all that `ticker` has; under that name stands the channel.
BOOK = "get_order_book"
_OPTION = re.compile(r"-[CP]$")
_TICKER = msgspec.json.Decoder(wire_rest.Reply[wire.Ticker])


def request_tickers(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request(BOOK, {"instrument_name": symbol, "depth": 1}, max_bytes=1 << 16) for symbol in symbols if _OPTION.search(symbol)]


def parse_ticker(reply: Reply) -> Decoded:
    try:
        row = _TICKER.decode(reply.body).result
        checked_text(row.instrument_name)
    except (Unreadable, *UNREADABLE) as exc:
        raise bad_reply(reply, exc) from exc
    return Decoded(rows={TICKERS.name: tickers([row], constant(reply.received_us, 1))[TICKERS.name]})
