"""REST replies that are lists, into structs, for every venue. Knows no venue.

A broken row is rejected by its place in the list and its neighbours stand; a reply that is no list at all is a BadReply.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from core.venue import Rejected, Reply
from venues.decoding import REASON_CHARACTERS, UNREADABLE, reason_of
from venues.errors import BadReply, Unreadable

T = TypeVar("T")

_RAW_ROWS = msgspec.json.Decoder(list[msgspec.Raw])


def read_rows(reply: Reply, kind: type[T], check: Callable[[T], object]) -> tuple[list[T], list[Rejected]]:
    """The rows of a reply that is a list: all at once, or one by one when any is broken."""
    try:
        found = msgspec.json.decode(reply.body, type=list[kind], strict=False)  # type: ignore[valid-type]
        for row in found:
            check(row)
        return found, []
    except (Unreadable, *UNREADABLE):
        return read_each(_raw_rows(reply), msgspec.json.Decoder(kind, strict=False), check)


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


def _raw_rows(reply: Reply) -> list[msgspec.Raw]:
    try:
        return _RAW_ROWS.decode(reply.body)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc


def bad_reply(reply: Reply, why: object) -> BadReply:
    """What the reply is and how it begins: the venue's own error text often stands there."""
    return BadReply(f"{reply.poll}: {why}; it begins {reply.body[:120]!r}"[:REASON_CHARACTERS])


def asked_symbol(reply: Reply) -> str:
    symbol = reply.params.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise BadReply(f"{reply.poll}: the request names no symbol, and the reply does not either")
    return symbol
