"""Kalshi messages into columns: in one call where every one is known, else one by one. Must not know sockets; books.py has the books."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from core.records import BOOK_CLAIMS, BUY, RESOLUTIONS, SELL, TICKERS, TRADES, Columns
from core.venue import Decoded, Frames, Numbered
from venues.decoding import Ignore, Picked, checked_text, decode_each, decode_lines, floats, integers, optional_floats
from venues.errors import UnknownFrame
from venues.kalshi import wire
from venues.kalshi.books import changes, states
from venues.kalshi.parts import Part

BLOCK_TRADE = 2
SOURCE = "kalshi"
DETERMINED, RESOLVED, DISPUTED = "determined", "resolved", "disputed"

_DECODER = msgspec.json.Decoder(wire.Frame, strict=False)
_TOLD = msgspec.json.Decoder(wire.Told)


def decode(channel: str, frames: Frames, *, yes_price: bool = True) -> Decoded:
    """`yes_price`: prices of NO come as prices of YES, as `stream.subscribe` asks for; recordings of others may hold prices of NO."""
    picked = _decode_alike(frames) or decode_each(_read, frames)
    places = np.arange(frames.count) if picked.where is None else np.asarray(picked.where, np.int64)
    received = np.asarray(frames.received_us, np.int64)
    parts = [(make, _part(picked.rows, make, places, received, yes_price)) for make in _makers(picked.rows)]
    rows: dict[str, Columns] = {}
    ignored = picked.ignored
    for make, part in parts:
        found, left_out = make(part)
        rows |= found
        ignored += left_out
    return Decoded(rows=rows, rejected=picked.rejected, ignored=dict(ignored), numbered=_numbered([part for _, part in parts]))


# --- frames into structs --------------------------------------------------------------------------------------------------


def _decode_alike(frames: Frames) -> Picked | None:
    if not frames.count:
        return Picked([])
    found = decode_lines(_DECODER, frames)
    return None if found is None else Picked(found)


def _read(frame: bytes) -> Any:
    """One message, with the same result as `_decode_alike` where that takes it. A numbered one that becomes no row is `Told`."""
    try:
        row: Any = _DECODER.decode(frame)
    except msgspec.ValidationError:
        row = _TOLD.decode(frame)
        if row.type in _TYPES:
            raise
        if row.type not in wire.KNOWN_TYPES:
            raise UnknownFrame(f"unknown type {row.type[:100]!r}") from None
        if row.seq is None or row.sid is None:
            raise Ignore(row.type) from None
        return row
    checked_text(row.msg.market_ticker)
    return row


def _makers(rows: Sequence[Any]) -> list["Maker"]:
    """What turns these messages into columns, each once."""
    return list(dict.fromkeys(_MAKERS[kind] for kind in sorted(set(map(type, rows)), key=lambda kind: kind.__name__)))


def _part(rows: Sequence[Any], make: "Maker", places: Any, received: Any, yes_price: bool) -> Part:
    """The messages that `make` is for, in their order."""
    kinds = {kind for kind, maker in _MAKERS.items() if maker is make}
    if set(map(type, rows)) <= kinds:
        return Part(rows, places, received[places], yes_price)
    at = np.flatnonzero(np.fromiter((type(row) in kinds for row in rows), np.bool_, len(rows)))
    return Part([rows[i] for i in at.tolist()], places[at], received[places[at]], yes_price)


def _numbered(parts: Sequence[Part]) -> Numbered | None:
    """The messages that the connection counts, answers to commands among them."""
    found = [part.numbered() for part in parts]
    counted = [columns for columns in found if columns is not None]
    if not counted:
        return None
    frames, scopes, numbers = (np.concatenate(column) for column in zip(*counted, strict=True))
    order = np.argsort(frames, kind="stable")
    return Numbered(frames[order], scopes[order], numbers[order])


# --- columns --------------------------------------------------------------------------------------------------------------

Made = tuple[dict[str, Columns], Counter[str]]
Maker = Callable[[Part], Made]


def _books(part: Part) -> Made:
    return states(part), Counter()


def _changes(part: Part) -> Made:
    return changes(part), Counter()


def _tickers(part: Part) -> Made:
    """What the venue computes, and its word on the top of each book: 0 and a whole dollar are no prices there. Its volume counts from
    the listing and not over 24 hours, so it is not kept."""
    quotes: list[wire.Quote] = [row.msg for row in part.rows]
    head = part.head(quotes, part.times([row.ts_ms if row.ts_ms is not None else row.ts and row.ts * 1000 for row in quotes]))
    bids = [row.yes_bid_dollars or None for row in quotes]
    asks = [row.yes_ask_dollars if row.yes_ask_dollars and row.yes_ask_dollars < 1 else None for row in quotes]
    tickers = {
        **head,
        "last_price": optional_floats([row.price_dollars or None for row in quotes]),
        "open_interest": optional_floats([row.open_interest_fp for row in quotes]),
        "bid_price": optional_floats(bids),
        "bid_quantity": optional_floats([row.yes_bid_size_fp if bid else None for row, bid in zip(quotes, bids, strict=True)]),
        "ask_price": optional_floats(asks),
        "ask_quantity": optional_floats([row.yes_ask_size_fp if ask else None for row, ask in zip(quotes, asks, strict=True)]),
    }
    claims = {**head, "bid_price": floats([bid or 0.0 for bid in bids]), "ask_price": floats([ask or 0.0 for ask in asks])}
    return {TICKERS.name: tickers, BOOK_CLAIMS: claims}, Counter()


def trade_columns(head: Columns, fills: Sequence[Any]) -> Columns:
    """Of the stream or of a page; `head` has symbols and times."""
    blocks = [row.is_block_trade for row in fills]
    return {
        **head,
        "trade_id": integers([number_of(row.trade_id) for row in fills]),
        "venue_trade_id": [row.trade_id for row in fills],
        "price": floats([row.yes_price_dollars for row in fills]),
        "quantity": floats([row.count_fp for row in fills]),
        "side": np.fromiter((BUY if (row.taker_outcome_side or row.taker_side) == "yes" else SELL for row in fills), np.int16, len(fills)),
        "flags": np.ma.MaskedArray(
            np.fromiter((BLOCK_TRADE if block else 0 for block in blocks), np.int16, len(fills)),
            np.fromiter((block is None for block in blocks), np.bool_, len(fills)),
        ),
    }


def number_of(uuid: str) -> int:
    """The first 63 bits."""
    return int(uuid[:8] + uuid[9:13] + uuid[14:18], 16) >> 1


def _trades(part: Part) -> Made:
    fills: list[wire.Fill] = [row.msg for row in part.rows]
    times = part.times([row.ts_ms if row.ts_ms is not None else row.ts and row.ts * 1000 for row in fills])
    return {TRADES.name: trade_columns(part.head(fills, times), fills)}, Counter()


def _resolutions(part: Part) -> Made:
    """Of all that happens to a market the determination alone is a row: what it settled at stands in the market itself."""
    told: list[wire.State] = [row.msg for row in part.rows]
    ignored = Counter(row.event_type for row in told if row.event_type != DETERMINED)
    at = [i for i, row in enumerate(told) if row.event_type == DETERMINED]
    if not at:
        return {}, Counter(ignored)
    part, chosen = part.chosen(at), [told[i] for i in at]
    rows = {
        **part.head(chosen, part.times([row.determination_ts and row.determination_ts * 1000 for row in chosen])),
        "source": [SOURCE] * len(chosen),
        "status": [DETERMINED] * len(chosen),
        "payout": optional_floats([row.settlement_value for row in chosen]),
    }
    return {RESOLUTIONS.name: rows}, Counter(ignored)


def _told(part: Part) -> Made:
    return {}, Counter(row.type for row in part.rows)


_MAKERS: dict[type[Any], Maker] = {
    wire.BookSnapshot: _books,
    wire.BookDelta: _changes,
    wire.Ticker: _tickers,
    wire.Trade: _trades,
    wire.MarketLifecycle: _resolutions,
    wire.ComboLifecycle: _resolutions,
    wire.Told: _told,
}
#: Those that become rows, so that one which does not is malformed.
_TYPES = frozenset(kind.__struct_config__.tag for kind in _MAKERS)
