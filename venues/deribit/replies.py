"""What all REST calls of Deribit share: the address, the envelope, rows one by one when any is broken. Must not know HTTP."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from core.venue import Rejected, Reply, Request
from venues.decoding import UNREADABLE, checked_text, reason_of
from venues.deribit import wire_rest
from venues.errors import BadReply, Unreadable
from venues.replies import bad_reply

T = TypeVar("T")

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


def read_each(
    raws: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[T], check: Callable[[T], object]
) -> tuple[list[T], list[Rejected]]:
    """A broken row is rejected by its place and its neighbours stand."""
    rows, rejected = [], []
    for i, raw in enumerate(raws):
        try:
            row = decoder.decode(raw)
            check(row)
            rows.append(row)
        except (Unreadable, *UNREADABLE) as exc:
            rejected.append(Rejected(i, reason_of(exc)))
    return rows, rejected


def asked(reply: Reply, name: str) -> str:
    """What the request was about, where the reply does not say."""
    value = reply.params.get(name)
    if not isinstance(value, str) or not value:
        raise BadReply(f"{reply.poll}: the request has no {name}, and the reply does not either")
    return checked_text(value)
