"""Deribit notifications into columns: in one call where every frame is of its channel, else one by one. Must not know sockets."""

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from core.records import BUY, INDEX_PRICES, QUOTES, SELL, TICKERS, TRADES, Columns
from core.venue import Decoded, Frames
from venues.decoding import (
    Ignore,
    Picked,
    checked_text,
    decode_each,
    decode_lines,
    floats,
    integers,
    microseconds,
    optional_floats,
)
from venues.deribit import platform, wire
from venues.deribit.books import book_rows
from venues.deribit.envelope import envelope, family
from venues.deribit.stream import PLATFORM
from venues.errors import BadFrame

LIQUIDATION, BLOCK_TRADE, COMBO_LEG = 1, 2, 4


# --- columns --------------------------------------------------------------------------------------------------------------


def _head(rows: Sequence[Any], received: Any) -> dict[str, Any]:
    return {
        "symbol": [row.instrument_name for row in rows],
        "event_at": microseconds([row.timestamp for row in rows]),
        "received_at": received,
    }


def _quotes(rows: Sequence[wire.Quote], received: Any) -> dict[str, Columns]:
    values = {
        "bid_price": floats([row.best_bid_price or 0.0 for row in rows]),
        "bid_quantity": floats([row.best_bid_amount or 0.0 for row in rows]),
        "ask_price": floats([row.best_ask_price or 0.0 for row in rows]),
        "ask_quantity": floats([row.best_ask_amount or 0.0 for row in rows]),
    }
    return {QUOTES.name: {**_head(rows, received), "update_id": identity(list(values.values())), **values}}


#: Multipliers and shifts of SplitMix64's finaliser (Steele, Lea, Flood 2014), which spreads any change over all bits.
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)


def identity(columns: Sequence[Any]) -> Any:
    """63 bits of the values of each row, the same on every connection: the venue numbers no quotes.

    Two equal quotes of one instrument in one millisecond are one row; what was quoted between them stays.
    """
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed += (column + 0.0).view(np.uint64) + _STEP  # + 0.0: there is one zero
        for shift, factor in _MIX:
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(1)).astype(np.int64)


_NO_GREEKS, _NO_STATS = wire.Greeks(), wire.Stats()


def tickers(rows: Sequence[wire.Ticker], received: Any) -> dict[str, Columns]:
    """Of notifications or of replies."""
    greeks = [row.greeks or _NO_GREEKS for row in rows]
    return {
        TICKERS.name: {
            **_head(rows, received),
            "mark_price": optional_floats([row.mark_price for row in rows]),
            "index_price": optional_floats([row.index_price for row in rows]),
            "settlement_price": settlement_prices(rows),
            "funding_rate": optional_floats([row.current_funding for row in rows]),
            "last_price": optional_floats([row.last_price for row in rows]),
            "bid_price": optional_floats([row.best_bid_price or None for row in rows]),
            "bid_quantity": optional_floats([row.best_bid_amount if row.best_bid_price else None for row in rows]),
            "ask_price": optional_floats([row.best_ask_price or None for row in rows]),
            "ask_quantity": optional_floats([row.best_ask_amount if row.best_ask_price else None for row in rows]),
            "open_interest": optional_floats([row.open_interest for row in rows]),
            "volume": optional_floats([(row.stats or _NO_STATS).volume for row in rows]),
            "underlying_price": optional_floats([row.underlying_price for row in rows]),
            # An implied volatility of 0 means that there is no such price.
            "mark_iv": optional_floats([row.mark_iv or None for row in rows]),
            "bid_iv": optional_floats([row.bid_iv or None for row in rows]),
            "ask_iv": optional_floats([row.ask_iv or None for row in rows]),
            **{name: optional_floats([getattr(one, name) for one in greeks]) for name in wire.Greeks.__struct_fields__},
        }
    }


def settlement_prices(rows: Sequence[Any]) -> Any:
    """The price of delivery once there is one; before, the venue's estimate, which is the text "expired" in between."""
    found = [getattr(row, "delivery_price", None) or row.estimated_delivery_price for row in rows]
    return optional_floats([None if isinstance(value, str) else value for value in found])


def trades(rows: Sequence[wire.Trade], received: Any) -> Columns:
    """Trades of a notification or of a REST page."""
    return {
        **_head(rows, received),
        "trade_id": integers([row.trade_seq for row in rows]),
        "price": floats([row.price for row in rows]),
        "quantity": floats([row.amount for row in rows]),
        "side": np.fromiter((BUY if row.direction == "buy" else SELL for row in rows), np.int16, len(rows)),
        "mark_price": optional_floats([row.mark_price for row in rows]),
        "index_price": optional_floats([row.index_price for row in rows]),
        "implied_volatility": optional_floats([row.iv or None for row in rows]),
        "flags": np.fromiter(map(_flags, rows), np.int16, len(rows)),
    }


def _flags(row: wire.Trade) -> int:
    return (
        (LIQUIDATION if row.liquidation else 0)
        | (BLOCK_TRADE if row.block_trade_id is not None else 0)
        | (COMBO_LEG if row.combo_id is not None else 0)
    )


def check_trade(row: wire.Trade) -> None:
    checked_text(row.instrument_name)
    if row.price == 0:
        raise BadFrame("a trade at price 0")


def _trades(rows: Sequence[list[wire.Trade]], received: Any) -> dict[str, Columns]:
    counts = np.fromiter(map(len, rows), np.intp, len(rows))
    return {TRADES.name: trades(list(chain.from_iterable(rows)), np.repeat(received, counts))}


def _index_prices(rows: Sequence[wire.IndexPrice], received: Any) -> dict[str, Columns]:
    columns = {
        "symbol": [row.index_name for row in rows],
        "event_at": microseconds([row.timestamp for row in rows]),
        "received_at": received,
        "price": floats([row.price for row in rows]),
    }
    return {INDEX_PRICES.name: columns}


# --- frames ---------------------------------------------------------------------------------------------------------------

_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "quote": msgspec.json.Decoder(wire.Notification[wire.Quote]),
    "ticker": msgspec.json.Decoder(wire.Notification[wire.Ticker]),
    "trades": msgspec.json.Decoder(wire.Trades),
    "book": msgspec.json.Decoder(wire.Notification[wire.Book]),
    "deribit_price_index": msgspec.json.Decoder(wire.Notification[wire.IndexPrice]),
}
_COLUMNS: dict[str, Callable[[Any, Any], dict[str, Columns]]] = {
    "quote": _quotes,
    "ticker": tickers,
    "trades": _trades,
    "book": book_rows,
    "deribit_price_index": _index_prices,
}
_NO_TRADES = re.compile(rb"\s*\[\s*\]\s*")


def decode(channel: str, frames: Frames) -> Decoded:
    if channel == PLATFORM:
        return platform.decode(frames)
    picked = _decode_alike(channel, frames) or decode_each(_reader(channel), frames)
    rows = _COLUMNS[channel](picked.rows, picked.received(frames)) if picked.rows else {}
    return Decoded(rows=rows, rejected=picked.rejected, ignored=dict(picked.ignored))


def _decode_alike(channel: str, frames: Frames) -> Picked | None:
    """The batch in which every frame is a notification of this channel, as it nearly always is."""
    if not frames.count:
        return Picked([])
    found = decode_lines(_DECODERS[channel], frames)
    own = f"{channel}."
    if found is None or not all(row.params.channel.startswith(own) and not _is_grouped(row.params.channel) for row in found):
        return None
    rows = [row.params.data for row in found]
    if channel == "trades" and not all(trade.price for data in rows for trade in data):
        return None
    return Picked(rows)


def _reader(channel: str) -> Callable[[bytes], Any]:
    """Reads one frame of any shape, with the same result as `_decode_alike` where that takes it: a frame's rows must not depend on
    the company it came in."""

    def read(frame: bytes) -> Any:
        params = envelope(frame).params
        if family(params.channel) != channel:
            raise Ignore(family(params.channel))
        if _is_grouped(params.channel):
            raise Ignore("grouped book")
        if channel == "trades" and _NO_TRADES.fullmatch(bytes(params.data)):
            raise Ignore("no trades")
        row = _DECODERS[channel].decode(frame).params.data
        _check(channel, row)
        return row

    return read


def _is_grouped(name: str) -> bool:
    """`book.<instrument>.<group>.<depth>.<interval>`: a window of [price, amount] pairs, sent whole each time and without a chain."""
    return name.count(".") > 2 and name.startswith("book.")


def _check(channel: str, row: Any) -> None:
    if channel == "trades":
        for trade in row:
            check_trade(trade)
    else:
        checked_text(row.index_name if channel == "deribit_price_index" else row.instrument_name)
