"""Frames into structs, and structs into columns, for every venue. Knows no venue.

What a table can hold is declared as bounds in the types below, so that the JSON decoder checks every value while it makes it:
NaN, Infinity, an integer beyond int64 or a time outside 2009..2100 fails like a wrong type, and costs the good path nothing.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from core.venue import Frames, Rejected
from venues.errors import BadFrame, Unreadable

T = TypeVar("T")

INT64_MAX = 2**63 - 1
FLOAT_MAX = sys.float_info.max
#: No venue is older than 2009; a time beyond 2100 is a unit mistaken or a date that means "never".
FIRST_MS, LAST_MS = 1_230_768_000_000, 4_102_444_800_000

Id = Annotated[int, Meta(ge=0, le=INT64_MAX)]
#: Venues write -1 for "there is none" in ids that are only informative.
SignedId = Annotated[int, Meta(ge=-INT64_MAX, le=INT64_MAX)]
Milliseconds = Annotated[int, Meta(ge=FIRST_MS, le=LAST_MS)]
Number = Annotated[float, Meta(ge=-FLOAT_MAX, le=FLOAT_MAX)]
NotNegative = Annotated[float, Meta(ge=0, le=FLOAT_MAX)]
Positive = Annotated[float, Meta(gt=0, le=FLOAT_MAX)]
#: The longest known is a Polymarket token of 78 digits; a far longer one would not fit into an index of the database.
Symbol = Annotated[str, Meta(min_length=1, max_length=100)]

#: Everything msgspec raises on bytes it cannot decode; RecursionError comes from nesting some thousand deep.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
REASON_CHARACTERS = 300

_NEWLINE, _OPEN, _CLOSE = ord("\n"), ord("{"), ord("}")


class Ignore(Exception):
    """A frame that is known and left out on purpose; the message is the reason it is counted under."""


@dataclass(slots=True)
class Picked:
    """The readable frames of a batch as structs; `where` holds their places, or None when that is every frame in order."""

    rows: list[Any]
    where: list[int] | None = None
    rejected: list[Rejected] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def received(self, frames: Frames) -> np.ndarray[Any, Any]:
        times = np.asarray(frames.received_us, np.int64)
        return times if self.where is None else times[np.asarray(self.where, np.intp)]


def decode_lines(decoder: msgspec.json.Decoder[T], frames: Frames) -> list[T] | None:
    """One struct a frame by a single call of the decoder, or None when this batch must be read one by one."""
    if not (frames.lines and frames.count and _one_object_a_line(frames.body, frames.count)):
        return None
    try:
        rows = decoder.decode_lines(frames.body)
    except UNREADABLE:
        return None
    return rows if len(rows) == frames.count else None


def _one_object_a_line(body: bytes, count: int) -> bool:
    """Whether each line begins with { and ends with }.

    `decode_lines` takes values, not lines: two in one frame would make up for a missing one in another. With this it cannot be:
    neither } { nor a raw newline in a string is JSON, so as many objects as lines are one object in each. An escaped NUL, which
    no text column can hold, sends the batch to the slow path too.
    """
    if not (body.startswith(b"{") and body.endswith(b"}")):
        return False
    octets = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(octets == _NEWLINE)
    if len(ends) != count - 1 or not ((octets[ends - 1] == _CLOSE).all() and (octets[ends + 1] == _OPEN).all()):
        return False
    return b"\\" not in body or b"\\u0000" not in body


def decode_each(read: Callable[[bytes], Any], frames: Frames) -> Picked:
    """Frame by frame: `read` returns a struct, or raises Ignore, Unreadable or what the decoder raises."""
    bodies = frames.split()
    if len(bodies) != frames.count:
        reason = f"the batch counts {frames.count} frames and holds {len(bodies)}"
        return Picked([], [], [Rejected(i, reason) for i in range(frames.count)])
    picked = Picked([], where := [])
    for i, body in enumerate(bodies):
        try:
            picked.rows.append(read(body))
            where.append(i)
        except Ignore as exc:
            picked.ignored[str(exc)] += 1
        except (Unreadable, *UNREADABLE) as exc:
            picked.rejected.append(Rejected(i, reason_of(exc)))
    return picked


def reason_of(exc: BaseException) -> str:
    """The message as a text column can hold it: a decoder may quote what it met."""
    return (str(exc) or type(exc).__name__).replace("\0", "\\0")[:REASON_CHARACTERS]


def checked_text(text: str) -> str:
    """The text, or BadFrame when PostgreSQL could not hold it."""
    if "\0" in text:
        raise BadFrame("NUL character in a text")
    return text


def decimal_of(value: Any) -> Decimal | None:
    """A number of a description, told as text or as a number, digit by digit; None where it is none, or not finite."""
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def floats(values: Sequence[float]) -> np.ndarray[Any, Any]:
    return np.fromiter(values, np.float64, len(values))


def integers(values: Sequence[int]) -> np.ndarray[Any, Any]:
    return np.fromiter(values, np.int64, len(values))


def microseconds(milliseconds: Sequence[int]) -> np.ndarray[Any, Any]:
    return integers(milliseconds) * 1000


def optional_floats(values: Sequence[float | None]) -> Any:
    """A plain array; masked when some are absent; None when all are."""
    column = np.fromiter(values, np.float64, len(values))  # numpy reads None as NaN, and the bounds let no other NaN in
    return _masked(column, np.isnan(column))


def optional_integers(values: Sequence[int | None]) -> Any:
    """A plain array; masked when some are absent; None when all are."""
    try:
        return np.fromiter(values, np.int64, len(values))
    except TypeError:
        absent = np.fromiter((value is None for value in values), np.bool_, len(values))
        return _masked(np.fromiter((value or 0 for value in values), np.int64, len(values)), absent)


def optional_microseconds(milliseconds: Sequence[int | None]) -> Any:
    column = optional_integers(milliseconds)
    return None if column is None else column * 1000


def _masked(column: np.ndarray[Any, Any], absent: np.ndarray[Any, Any]) -> Any:
    if not absent.any():
        return column
    return None if absent.all() else np.ma.MaskedArray(column, absent)


def constant(value: Any, count: int, dtype: Any = np.int64) -> np.ndarray[Any, Any]:
    return np.full(count, value, dtype)


def booleans(values: Iterable[bool], count: int) -> np.ndarray[Any, Any]:
    return np.fromiter(values, np.bool_, count)
