"""Texts that hold something else: JSON arrays inside strings, times, sizes of a step. Pure."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from venues.decoding import FIRST_MS, LAST_MS, UNREADABLE, decimal_of
from venues.errors import BadFrame

_TEXTS = msgspec.json.Decoder(list[str], strict=False)


def texts(value: str | list[str] | None, name: str) -> list[str]:
    """`["a","b"]` as a string or as an array; empty where it is absent, as on young markets. Raises BadFrame."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    try:
        return _TEXTS.decode(value)
    except UNREADABLE:
        raise BadFrame(f"{name} is no array of texts: {value[:80]!r}") from None


def microseconds_of(text: str | None) -> int | None:
    """ISO 8601, or `2026-10-03 12:00:00+00`; UTC where no offset stands. None: absent, unreadable, or a date that means "never"."""
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    us = round(when.timestamp() * 1_000_000)
    return us if FIRST_MS <= us // 1000 <= LAST_MS else None


def step(value: Any) -> str | None:
    """A tick as plain decimal; None where there is none."""
    number = decimal_of(value)
    return format(number.normalize(), "f") if number is not None and 0 < number <= 1 else None
