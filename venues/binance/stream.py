"""Binance USD-M sockets: addresses, requests and answers, frames into columns. Must not know sockets or clocks."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from core.records import BUY, QUOTES, SELL, TRADES, Columns
from core.venue import Channel, Control, Decoded, Frames
from venues.binance import wire
from venues.decoding import (
    REASON_CHARACTERS,
    UNREADABLE,
    Ignore,
    Picked,
    booleans,
    checked_text,
    decode_each,
    decode_lines,
    floats,
    integers,
    microseconds,
    optional_floats,
    optional_integers,
)
from venues.errors import BadFrame, UnknownFrame

data_prefix = b'{"stream":"'

#: Enforced since 2026-04-23: a stream asked for on the wrong route is acknowledged and stays silent (change log, and probes).
_ROUTES = {"bookTicker": "public", "aggTrade": "market"}
#: One SUBSCRIBE with 200 names is known to work (probe of 2026-10-07).
_NAMES_PER_REQUEST = 200


def greeting(channel: Channel, credentials: Mapping[str, str]) -> Sequence[str]:
    """Market data wants neither a login nor a heartbeat of ours."""
    return ()


def url(base: str, channel: Channel, symbols: Sequence[str]) -> str:
    names = "/".join(quote(name, safe="@") for name in _names(channel, symbols))
    return f"{base.rstrip('/')}/{_ROUTES[channel.name]}/stream" + (f"?streams={names}" if names else "")


def headers(channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
    return {}


def resync(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    """No channel carries a state."""
    return ()


def subscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    return _requests("SUBSCRIBE", channel, symbols, request_id)


def unsubscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    return _requests("UNSUBSCRIBE", channel, symbols, request_id)


def _names(channel: Channel, symbols: Sequence[str]) -> list[str]:
    return [f"{symbol.lower()}@{channel.name}" for symbol in symbols]


def _requests(method: str, channel: Channel, symbols: Sequence[str], request_id: int) -> list[str]:
    names = _names(channel, symbols)
    parts = [names[i : i + _NAMES_PER_REQUEST] for i in range(0, len(names), _NAMES_PER_REQUEST)]
    return [json.dumps({"method": method, "params": part, "id": request_id}, ensure_ascii=False) for part in parts]


_ANSWER = msgspec.json.Decoder(wire.Answer)


def control(frame: bytes) -> Control | None:
    if frame.startswith(data_prefix):
        return None
    try:
        answer = _ANSWER.decode(frame)
    except UNREADABLE:
        return None
    request_id = answer.id if isinstance(answer.id, int) else None
    fault = answer.error or (wire.Fault(answer.code, answer.msg) if answer.code is not None and answer.msg is not None else None)
    if fault:
        message = fault if isinstance(fault, str) else f"{fault.code} {fault.msg}"
        return Control("error", request_id, message[:REASON_CHARACTERS])
    if "serverShutdown" in (answer.e, answer.event and answer.event.e):
        return Control("closing", request_id, "serverShutdown")
    if answer.result or answer.id is not None:
        return Control("ack", request_id)
    return None


#: A name ends within this many bytes or is none, so that a large foreign frame costs nothing.
_NAME_BYTES = 200


def subscription(frame: bytes) -> str:
    """The symbol in the stream's name; in raw payloads, or with the keys in another order, the first `s`."""
    if frame.startswith(data_prefix):
        start = len(data_prefix)
        end = frame.find(b"@", start, start + _NAME_BYTES)
    else:
        start = frame.find(b'"s":"', 0, _NAME_BYTES) + 5
        end = frame.find(b'"', start, start + _NAME_BYTES) if start > 4 else -1
    return _symbol(frame[start:end]) if end > 0 else ""


@lru_cache(maxsize=8192)  # asked for every frame, and the names are few
def _symbol(name: bytes) -> str:
    if name.startswith(b"!"):  # an all-market stream belongs to no one
        return ""
    try:
        return msgspec.json.decode(b'"' + name + b'"', type=str).upper()
    except UNREADABLE:
        return ""


_Decoders = dict[str, msgspec.json.Decoder[Any]]
_COMBINED: _Decoders = {
    "bookTicker": msgspec.json.Decoder(wire.CombinedBookTicker, strict=False),
    "aggTrade": msgspec.json.Decoder(wire.CombinedAggTrade, strict=False),
}
_RAW: _Decoders = {
    "bookTicker": msgspec.json.Decoder(wire.PlainBookTicker, strict=False),
    "aggTrade": msgspec.json.Decoder(wire.PlainAggTrade, strict=False),
}
_DOCUMENTED: _Decoders = {
    "bookTicker": msgspec.json.Decoder(wire.BookTicker, strict=False),
    "aggTrade": msgspec.json.Decoder(wire.AggTrade, strict=False),
}
_WRAPPER = msgspec.json.Decoder(wire.Wrapper)
_EVENTS = msgspec.json.Decoder(wire.Event | list[wire.Event])


def decode(channel: str, frames: Frames) -> Decoded:
    picked = _decode_alike(channel, frames) or decode_each(_reader(channel), frames)
    kind, columns = _COLUMNS[channel]
    rows = {kind: columns(picked.rows, picked.received(frames))} if picked.rows else {}
    return Decoded(rows=rows, rejected=picked.rejected, ignored=dict(picked.ignored))


def _decode_alike(channel: str, frames: Frames) -> Picked | None:
    """The batch in which every frame is what it nearly always is, all combined or all raw."""
    if not frames.count:
        return Picked([])
    if frames.body.startswith(b'{"e"') and b'"data"' not in frames.body:
        rows = decode_lines(_RAW[channel], frames)
        return None if rows is None else Picked(rows)
    wrapped = decode_lines(_COMBINED[channel], frames)
    return None if wrapped is None else Picked([frame.data for frame in wrapped])


def _reader(channel: str) -> Callable[[bytes], Any]:
    """Reads one frame of any shape. What `_decode_alike` takes is taken here too, and with the same result: a frame's row
    must not depend on the company it came in."""
    combined = _COMBINED[channel].decode

    def read(frame: bytes) -> Any:
        try:
            row: Any = combined(frame).data
        except UNREADABLE:
            row = _read_any(channel, frame)
        checked_text(row.s)
        return row

    return read


def _read_any(channel: str, frame: bytes) -> Any:
    payload = _payload(frame)
    event = _event(payload, frame)
    if event.e != channel:
        raise Ignore(event.e)
    if event.st == wire.COIN_M:
        raise Ignore("coin_m")
    try:
        return _RAW[channel].decode(payload)
    except UNREADABLE:
        row = _DOCUMENTED[channel].decode(payload)
    if row.T is None:
        if row.E is None:
            raise BadFrame("neither T nor E: no event time")
        row.T = row.E
    return row


def _payload(frame: bytes) -> bytes:
    try:
        return bytes(_WRAPPER.decode(frame).data)
    except msgspec.ValidationError:  # JSON, but without "data"
        return frame


def _event(payload: bytes, frame: bytes) -> wire.Event:
    """Which event a payload is; of an array the first says it for all."""
    try:
        found: Any = _EVENTS.decode(payload)
    except msgspec.ValidationError as exc:
        answer = control(frame)
        raise Ignore(answer.type) if answer else UnknownFrame(f"no event we know: {exc}") from exc
    if isinstance(found, list):
        if len({event.e for event in found}) != 1:
            raise UnknownFrame("an array that is empty or of several events")
        found = found[0]
    event: wire.Event = found
    if event.e not in wire.KNOWN_EVENTS:
        raise UnknownFrame(f"unknown event {event.e[:100]!r}")
    return event


def _quotes(rows: Sequence[wire.PlainBookTicker], received: np.ndarray[Any, Any]) -> Columns:
    return {
        "symbol": [row.s for row in rows],
        "event_at": microseconds([row.T for row in rows]),
        "received_at": received,
        "update_id": integers([row.u for row in rows]),
        "bid_price": floats([row.b for row in rows]),
        "bid_quantity": floats([row.B for row in rows]),
        "ask_price": floats([row.a for row in rows]),
        "ask_quantity": floats([row.A for row in rows]),
    }


def trades(rows: Sequence[Any], received: np.ndarray[Any, Any], symbols: list[str]) -> Columns:
    """Aggregates of a stream or of a REST page. The maker bought: so the taker sold."""
    return {
        "symbol": symbols,
        "event_at": microseconds([row.T for row in rows]),
        "received_at": received,
        "trade_id": integers([row.a for row in rows]),
        "price": floats([row.p for row in rows]),
        "quantity": floats([row.q for row in rows]),
        "side": np.where(booleans([row.m for row in rows], len(rows)), np.int16(SELL), np.int16(BUY)),
        "quantity_without_rpi": optional_floats([row.nq for row in rows]),
        "first_trade_id": optional_integers([row.f for row in rows]),
        "last_trade_id": optional_integers([row.l for row in rows]),
    }


def _trades(rows: Sequence[wire.PlainAggTrade], received: np.ndarray[Any, Any]) -> Columns:
    return trades(rows, received, [row.s for row in rows])


_COLUMNS: dict[str, tuple[str, Callable[[Any, Any], Columns]]] = {
    "bookTicker": (QUOTES.name, _quotes),
    "aggTrade": (TRADES.name, _trades),
}
