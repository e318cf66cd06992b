"""What all REST calls of Deribit share: the address, the envelope. Must not know HTTP."""

from collections.abc import Mapping

import msgspec

from core.venue import Reply, Request
from venues.decoding import UNREADABLE, checked_text
from venues.deribit import wire_rest
from venues.errors import BadReply
from venues.replies import bad_reply

#: Credits of a request; only get_instruments costs more.
CREDITS = 500

ROWS = msgspec.json.Decoder(wire_rest.Reply[list[msgspec.Raw]])


def request(method: str, params: Mapping[str, str | int], *, weight: int = CREDITS, max_bytes: int = 1 << 20) -> Request:
    """A poll is called like the venue's method."""
    return Request(method, f"/api/v2/public/{method}", params, weight=weight, max_bytes=max_bytes)


def rows_of(reply: Reply) -> list[msgspec.Raw]:
    try:
        return ROWS.decode(reply.body).result
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc


def asked(reply: Reply, name: str) -> str:
    """What the request was about, where the reply does not say."""
    value = reply.params.get(name)
    if not isinstance(value, str) or not value:
        raise BadReply(f"{reply.poll}: the request has no {name}, and the reply does not either")
    return checked_text(value)
