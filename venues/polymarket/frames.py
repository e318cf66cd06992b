"""Events of the market channel into columns: in one call where every frame is one we know, else one by one. Must not know sockets.

A frame is an object, or an array of them (the books after subscribing). Elements of an array stand and fall alone.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from core.records import BOOK_CLAIMS, BOOK_EPOCHS, BUY, RESOLUTIONS, SELL, TRADES, Columns, Instrument, Market
from core.venue import Decoded, Frames, Rejected
from venues.decoding import (
    REASON_CHARACTERS,
    UNREADABLE,
    Ignore,
    Picked,
    decode_each,
    decode_lines,
    floats,
    integers,
    microseconds,
    reason_of,
)
from venues.errors import BadFrame, UnknownFrame, Unreadable
from venues.polymarket import wire
from venues.polymarket.books import change_rows, state_rows
from venues.polymarket.identity import print_number
from venues.polymarket.listings import new_market

STREAM_SOURCE = "market channel"

_EVENT = msgspec.json.Decoder(wire.Event, strict=False)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TYPED = msgspec.json.Decoder(wire.Typed)
_KNOWN = frozenset(kind.__struct_config__.tag for kind in wire.Event.__args__)
#: Prices may lack the zero before the point, which is no number to a JSON reader.
_BARE = re.compile(rb'("(?:price|best_bid|best_ask|spread)"\s*:\s*")(?=\.[0-9])')
_TYPE_CHARACTERS = 50


def decode(channel: str, frames: Frames) -> Decoded:
    picked = _decode_alike(frames) or _decode_each(frames)
    where = np.arange(frames.count) if picked.where is None else np.array(picked.where, np.int64)
    groups: dict[type, tuple[list[Any], list[int]]] = {}
    for place, event in zip(where.tolist(), picked.rows, strict=True):
        rows, places = groups.setdefault(type(event), ([], []))
        rows.append(event)
        places.append(place)
    received = np.asarray(frames.received_us, np.int64)
    told: dict[str, list[Columns]] = {}
    for kind, (rows, places) in groups.items():
        if kind in _COLUMNS:
            at = np.array(places, np.int64)
            for name, columns in _COLUMNS[kind](rows, at, received[at]).items():
                told.setdefault(name, []).append(columns)
    instruments, markets = _listed(groups.get(wire.NewMarket, ([], []))[0])
    rows_of = {name: _merged(parts) for name, parts in told.items()}
    return Decoded(
        rows=rows_of,
        instruments=instruments,
        markets=markets,
        rejected=picked.rejected,
        ignored=dict(picked.ignored),
        provisional=True,
        of_known=(RESOLUTIONS.name,),
    )


def _merged(parts: Sequence[Columns]) -> Columns:
    """Claims come with changes and by themselves; in the order of the frames."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([part["frame"] for part in parts]), kind="stable")
    symbols = [symbol for part in parts for symbol in part["symbol"]]
    merged = {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0] if name != "symbol"}
    return {"symbol": [symbols[place] for place in order.tolist()], **merged}


# --- columns --------------------------------------------------------------------------------------------------------------


def _head(rows: Sequence[Any], at: Any, received: Any) -> dict[str, Any]:
    times = microseconds([row.timestamp for row in rows])
    return {"symbol": [row.asset_id for row in rows], "frame": at, "event_at": times, "received_at": received}


def _trades(rows: Sequence[wire.LastTradePrice], at: Any, received: Any) -> dict[str, Columns]:
    columns = {
        **_head(rows, at, received),
        "trade_id": integers(
            [print_number(row.transaction_hash, row.asset_id, row.side, row.size, row.price, otherwise=str(row.timestamp)) for row in rows]
        ),
        "price": floats([row.price for row in rows]),
        "quantity": floats([row.size for row in rows]),
        "side": np.fromiter((BUY if row.side == "BUY" else SELL for row in rows), np.int16, len(rows)),
        "venue_trade_id": [row.transaction_hash or None for row in rows],
    }
    return {TRADES.name: columns}


def _claims(rows: Sequence[wire.BestBidAsk], at: Any, received: Any) -> dict[str, Columns]:
    columns = {
        **_head(rows, at, received),
        "bid_price": floats([row.best_bid for row in rows]),
        "ask_price": floats([row.best_ask % 1 for row in rows]),
    }
    return {BOOK_CLAIMS: columns}


def _resolutions(rows: Sequence[wire.MarketResolved], at: Any, received: Any) -> dict[str, Columns]:
    told = [(row, place, us, token) for row, place, us in zip(rows, at, received, strict=True) for token in row.assets_ids]
    columns = {
        "symbol": [token for *_, token in told],
        "frame": integers([place for _, place, _, _ in told]),
        "event_at": microseconds([row.timestamp for row, *_ in told]),
        "received_at": integers([us for _, _, us, _ in told]),
        "source": [STREAM_SOURCE] * len(told),
        "status": ["resolved"] * len(told),
        "payout": floats([float(token == row.winning_asset_id) for row, _, _, token in told]),
    }
    return {RESOLUTIONS.name: columns}


_COLUMNS: dict[type, Callable[[Any, Any, Any], dict[str, Columns]]] = {
    wire.Book: state_rows,
    wire.PriceChange: change_rows,
    wire.LastTradePrice: _trades,
    wire.BestBidAsk: _claims,
    wire.MarketResolved: _resolutions,
    # Levels stay where they are, and the list of markets tells the new size.
    wire.TickSizeChange: lambda rows, at, received: {BOOK_EPOCHS: _head(rows, at, received)},
}


def _listed(rows: Sequence[wire.NewMarket]) -> tuple[list[Instrument], list[Market]]:
    found = [new_market(row) for row in rows]
    return [one for instruments, _ in found for one in instruments], [market for _, market in found]


# --- frames ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Events:
    """What a frame holds, what of it is left out, and what could not be read."""

    rows: list[Any]
    ignored: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _decode_alike(frames: Frames) -> Picked | None:
    """The batch in which every frame is one object of a kind we know, as it nearly always is."""
    if not frames.count:
        return Picked([])
    if b'":".' in frames.body:
        frames = Frames(_BARE.sub(rb"\g<1>0", frames.body), frames.count, frames.received_us, lines=frames.lines)
    found = decode_lines(_EVENT, frames)
    return None if found is None or not all(_is_sound(row) for row in found if type(row) is wire.MarketResolved) else Picked(found)


def _decode_each(frames: Frames) -> Picked:
    each = decode_each(_read, frames)
    assert each.where is not None
    picked = Picked([], where := [], each.rejected, each.ignored)
    for place, events in zip(each.where, each.rows, strict=True):
        picked.rows += events.rows
        where += [place] * len(events.rows)
        picked.ignored.update(events.ignored)
        if events.problems:
            picked.rejected.append(Rejected(place, "; ".join(events.problems)[:REASON_CHARACTERS]))
    picked.rejected.sort(key=lambda rejected: rejected.frame)
    return picked


def _read(frame: bytes) -> _Events:
    """Raises when nothing of the frame can be used: it is then rejected, or ignored, as a whole."""
    if frame.strip() in (b"PONG", b"[]"):
        raise Ignore("pong" if b"P" in frame else "nothing")
    frame = _BARE.sub(rb"\g<1>0", frame)
    if not frame.lstrip().startswith(b"["):
        return _Events([_read_one(frame)])
    found = _Events([])
    for part in _ARRAY.decode(frame):
        try:
            found.rows.append(_read_one(bytes(part)))
        except Ignore as exc:
            found.ignored.append(str(exc))
        except (Unreadable, *UNREADABLE) as exc:
            found.problems.append(reason_of(exc))
    return found


def _read_one(event: bytes) -> Any:
    if b"\\u0000" in event:
        raise BadFrame("NUL character in a text")
    try:
        row = _EVENT.decode(event)
    except msgspec.ValidationError as exc:
        raise _explained(event, exc) from exc
    if isinstance(row, wire.MarketResolved) and not _is_sound(row):
        raise BadFrame(f"{row.market}: the winner is none of its tokens")
    return row


def _is_sound(row: wire.MarketResolved) -> bool:
    return row.winning_asset_id in row.assets_ids


def _explained(event: bytes, exc: msgspec.ValidationError) -> Exception:
    """A type that no document names is left out under its name; a frame without a type is of no shape we know."""
    try:
        kind = _TYPED.decode(event).event_type
    except UNREADABLE:
        return UnknownFrame(f"no event we know: {exc}")
    return exc if kind in _KNOWN else Ignore(f"unknown event {kind[:_TYPE_CHARACTERS]}")
