"""Kalshi sockets: one address, a signed handshake, subscriptions by market. Must not know sockets or clocks; frames.py has the rows."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from core.venue import Channel, Control
from venues.decoding import REASON_CHARACTERS, UNREADABLE
from venues.kalshi import signing, wire

ORDERBOOK, TICKER, TRADE = "orderbook_delta", "ticker", "trade"
LIFECYCLE, COMBO_LIFECYCLE = "market_lifecycle_v2", "multivariate_market_lifecycle"

#: By far the most messages begin so; the others are told apart by `control`.
data_prefix = b'{"type":"orderbook_'
_DATA = tuple(f'{{"type":"{type}'.encode() for type in ("orderbook_", TRADE, TICKER, LIFECYCLE, COMBO_LIFECYCLE, "event_"))

_PATH = "/trade-api/ws/v2"
#: A socket counts its subscriptions from 1, in the order of their channels (every recorded session). The ticker rides with the
#: books: it is the venue's own word on their tops.
_CHANNELS = {ORDERBOOK: (ORDERBOOK, TICKER)}
#: What prices of NO are without a word is going to change, so that they are asked for as prices of YES.
TERMS = (("use_yes_price", True),)
#: Errors after which a subscription is dead: something broke, or we were too slow.
_TERMINAL = (10, 25)


def greeting(channel: Channel, credentials: Mapping[str, str]) -> Sequence[str]:
    return ()


def url(base: str, channel: Channel, symbols: Sequence[str]) -> str:
    return base.rstrip("/") + _PATH


def headers(channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
    return signing.headers(credentials, _PATH, now_us)


def subscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    """Subscribing again adds markets to the subscription there is."""
    if not symbols:
        return ()
    if channel.name in (LIFECYCLE, COMBO_LIFECYCLE):
        return (_command("subscribe", {"channels": list(symbols)}, request_id),)
    wanted: dict[str, Any] = {"channels": list(_channels(channel)), "market_tickers": list(symbols), "skip_ticker_ack": True}
    if ORDERBOOK in wanted["channels"]:
        wanted |= dict(TERMS)
    if TICKER in wanted["channels"]:
        wanted["send_initial_snapshot"] = True
    return (_command("subscribe", wanted, request_id),)


def unsubscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    if not symbols:
        return ()
    if channel.name in (LIFECYCLE, COMBO_LIFECYCLE):
        return (_command("unsubscribe", {"sids": [1]}, request_id),)
    return tuple(_update("delete_markets", sid, symbols, request_id) for sid, _ in enumerate(_channels(channel), start=1))


def resync(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    if not symbols or channel.name != ORDERBOOK:
        return ()
    return (_update("get_snapshot", 1, symbols, request_id),)


def _channels(channel: Channel) -> tuple[str, ...]:
    return _CHANNELS.get(channel.name, (channel.name,))


def _update(action: str, sid: int, symbols: Sequence[str], request_id: int) -> str:
    return _command("update_subscription", {"sid": sid, "market_tickers": list(symbols), "action": action}, request_id)


def _command(name: str, params: Mapping[str, Any], request_id: int) -> str:
    return json.dumps({"id": request_id, "cmd": name, "params": params})


_ANSWER = msgspec.json.Decoder(wire.Answer)
_FAULT = msgspec.json.Decoder(wire.Fault)


def control(frame: bytes) -> Control | None:
    """An answer that is numbered belongs into the journal: without it the numbers of its subscription would have a hole."""
    if frame.startswith(_DATA):
        return None
    try:
        answer = _ANSWER.decode(frame)
    except UNREADABLE:
        return None
    keep = answer.seq is not None
    if answer.type in ("subscribed", "ok", "unsubscribed"):
        return Control("ack", answer.id, keep=keep)
    if answer.type != "error":
        return None
    code, message = _explained(answer.msg)
    return Control("ended" if code in _TERMINAL else "error", answer.id, message, keep=keep)


def _explained(raw: msgspec.Raw) -> tuple[int | None, str]:
    try:
        fault = _FAULT.decode(raw)
    except UNREADABLE:
        return None, bytes(raw)[:REASON_CHARACTERS].decode("utf-8", "replace")
    return fault.code, f"{fault.code} {fault.msg}"[:REASON_CHARACTERS]


#: A ticker ends within this many bytes or is none, so that a large foreign frame costs nothing.
_HEAD_BYTES = 400
_KEY = b'"market_ticker":"'


def subscription(frame: bytes) -> str:
    start = frame.find(_KEY, 0, _HEAD_BYTES) + len(_KEY)
    if start < len(_KEY):
        return ""
    end = frame.find(b'"', start, start + _HEAD_BYTES)
    return _symbol(frame[start:end]) if end > 0 else ""


@lru_cache(maxsize=8192)  # asked for every frame, and the tickers are few
def _symbol(ticker: bytes) -> str:
    try:
        return str(msgspec.json.decode(b'"' + ticker + b'"', type=str))
    except UNREADABLE:
        return ""
