"""What stands around the data of every notification: which channel it is of, and whether we know such channels. Must not know sockets."""

import msgspec

from venues.decoding import Ignore
from venues.deribit import wire
from venues.deribit.stream import control
from venues.errors import UnknownFrame

_ENVELOPE = msgspec.json.Decoder(wire.Notification[msgspec.Raw])


def envelope(frame: bytes) -> wire.Notification[msgspec.Raw]:
    """Raises Ignore for what is the protocol's own, UnknownFrame for what is no notification."""
    try:
        return _ENVELOPE.decode(frame)
    except msgspec.ValidationError as exc:
        answer = control(frame)
        raise Ignore(answer.type) if answer else UnknownFrame(f"no notification we know: {exc}") from exc


def family(name: str) -> str:
    """The first word of a channel's name. Raises UnknownFrame."""
    found = name.partition(".")[0]
    if found not in wire.KNOWN_FAMILIES:
        raise UnknownFrame(f"unknown channel {name[:100]!r}")
    return found
