"""The market channel: first frames, changes of subscriptions without an answer, text PING. Must not know sockets; frames.py has the rows."""

import json
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core.venue import Channel, Control
from venues.decoding import UNREADABLE
from venues.polymarket import wire

#: As each recorded frame of 2026 begins but arrays and new markets; others are looked at.
data_prefix = b'{"market":'

PING, PONG = "PING", b"PONG"
#: A frame of thousands makes the server close, and a few hundred are not sure (reports of 2026-09).
IDS_PER_FRAME = 100


def greeting(channel: Channel, credentials: Mapping[str, str]) -> Sequence[str]:
    return ()


def url(base: str, channel: Channel, symbols: Sequence[str]) -> str:
    return f"{base.rstrip('/')}/ws/market"


def headers(channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
    """The channel is public."""
    return {}


def subscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    """The first request of a connection says what it is; later ones are operations. Neither is answered but by books."""
    first = {"type": "market"} if request_id == 1 else {"operation": "subscribe"}
    return _frames(first, symbols, custom_feature_enabled=True)


def unsubscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    return _frames({"operation": "unsubscribe"}, symbols)


def resync(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    """A token that is subscribed to anew begins with its book."""
    return (*unsubscribe(channel, symbols, request_id), *_frames({"operation": "subscribe"}, symbols, custom_feature_enabled=True))


def _frames(head: Mapping[str, object], symbols: Sequence[str], **options: object) -> list[str]:
    parts = [symbols[i : i + IDS_PER_FRAME] for i in range(0, len(symbols), IDS_PER_FRAME)]
    return [json.dumps({**head, "assets_ids": list(part), **options}) for part in parts]


def control(frame: bytes) -> Control | None:
    return Control("pong") if frame.strip() == PONG else None


#: Ids stand before the levels in frames of 2026; a larger frame is read only where it is an array.
_HEAD_BYTES = 400
_ASSET = b'"asset_id":"'
_NAMED = msgspec.json.Decoder(wire.Named)
_ARRAY = msgspec.json.Decoder(list[wire.Named])


def subscription(frame: bytes) -> str:
    """The token, or each of an array's books; of a change of prices both tokens of the market."""
    try:
        if frame[:1] == b"[":
            return _together(one.asset_id for one in _ARRAY.decode(frame))
        if b'"price_changes"' in frame[:_HEAD_BYTES]:
            return _together(one.asset_id for one in _NAMED.decode(frame).price_changes)
    except UNREADABLE:
        pass  # half a frame may name its first token
    start = frame.find(_ASSET, 0, _HEAD_BYTES) + len(_ASSET)
    end = frame.find(b'"', start, start + 100) if start >= len(_ASSET) else -1
    return frame[start:end].decode("utf-8", "replace") if end > 0 else ""


def _together(tokens: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(token for token in tokens if token))
