"""What Deribit says of itself: maintenance, on a socket and when it is asked. Must not know sockets or HTTP."""

from collections.abc import Sequence

import msgspec

from core.records import Pause
from core.venue import Decoded, Frames, Reply, Request
from venues.decoding import UNREADABLE, Ignore, decode_each
from venues.deribit import wire, wire_rest
from venues.deribit.envelope import envelope, family
from venues.deribit.replies import request
from venues.replies import bad_reply

STATUS = "status"
_MAINTENANCE = "maintenance"
_STATE = msgspec.json.Decoder(wire.PlatformState)
_STATUS = msgspec.json.Decoder(wire_rest.Reply[wire_rest.Status])


def decode(frames: Frames) -> Decoded:
    """Its words make no rows: they are kept as sent, and maintenance is a pause. Instruments come from their list."""
    picked = decode_each(_read, frames)
    ignored = dict(picked.ignored)
    if not picked.rows:
        return Decoded(rejected=picked.rejected, ignored=ignored)
    ignored["platform_state"] = ignored.get("platform_state", 0) + len(picked.rows)
    since_us = int(picked.received(frames)[-1])
    return Decoded(rejected=picked.rejected, ignored=ignored, pauses=_pauses(since_us, paused=picked.rows[-1]))


def _read(frame: bytes) -> bool:
    params = envelope(frame).params
    if family(params.channel) == "platform_state" and (maintenance := _STATE.decode(params.data).maintenance) is not None:
        return maintenance
    raise Ignore(family(params.channel))


def request_status(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request(STATUS, {}, max_bytes=1 << 16)]


def parse_status(reply: Reply) -> Decoded:
    """`locked` is true, false or "partial" (some currencies, which is no pause of the rest), as a text or as a bool."""
    try:
        locked = _STATUS.decode(reply.body).result.locked
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    return Decoded(ignored={STATUS: 1}, pauses=_pauses(reply.received_us, paused=str(locked).lower() == "true"))


def _pauses(since_us: int, *, paused: bool) -> tuple[Pause, ...]:
    return (Pause(since_us, _MAINTENANCE),) if paused else ()
