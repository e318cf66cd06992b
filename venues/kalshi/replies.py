"""What all REST calls of Kalshi share: the address, cursors, rows one by one, texts of lists in a query. Must not know HTTP."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from core.venue import Reply, Request
from venues.decoding import FIRST_MS, LAST_MS, UNREADABLE
from venues.replies import bad_reply

BASE = "/trade-api/v2"
#: Tokens of a request; a few cost more (`/account/endpoint_costs`).
TOKENS = 10
#: Tickers in one query: a hundred are allowed everywhere, and the address stays below 8 KiB.
TICKERS = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def request(
    poll: str, path: str, params: Mapping[str, str | int] | None = None, *, weight: int = TOKENS, max_bytes: int = 16 << 20
) -> Request:
    return Request(poll, BASE + path, params or {}, weight=weight, max_bytes=max_bytes)


def in_parts(symbols: Sequence[str]) -> list[Sequence[str]]:
    return [symbols[start : start + TICKERS] for start in range(0, len(symbols), TICKERS)]


class _Cursor(msgspec.Struct):
    cursor: str | None = None


_CURSOR = msgspec.json.Decoder(_Cursor)


def follow(poll: str, path: str, *, weight: int = TOKENS, max_bytes: int = 16 << 20) -> Callable[[Reply], Request | None]:
    """The same request behind the cursor of a page; an empty cursor, null or none is the end."""

    def next_page(reply: Reply) -> Request | None:
        try:
            cursor = _CURSOR.decode(reply.body).cursor
        except UNREADABLE as exc:
            raise bad_reply(reply, exc) from exc
        return request(poll, path, {**reply.params, "cursor": cursor}, weight=weight, max_bytes=max_bytes) if cursor else None

    return next_page


@cache
def _list_decoder(key: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(msgspec.defstruct(f"List_{key}", [(key, list[msgspec.Raw])]))


def rows_of(reply: Reply, key: str) -> list[msgspec.Raw]:
    """The list under this key."""
    try:
        found: list[msgspec.Raw] = getattr(_list_decoder(key).decode(reply.body), key)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    return found


def microseconds(moment: datetime | None) -> int | None:
    """Since 1970; None for no time at all, and for one that stands for that, such as the year 1."""
    if moment is None:
        return None
    found = (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)
    return found if FIRST_MS * 1000 <= found <= LAST_MS * 1000 else None
