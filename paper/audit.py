"""The chain of decisions: each row carries the hash of the one before it, so that none can be changed, left out or put in between unseen. Pure.

A hash is SHA-256 over the hash before and the row's canonical text: JSON of number, time, kind, subject and details, keys in order, without
blanks, ASCII. Amounts are text, so that every reader comes to the same.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

#: What stands before the first row.
GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of audit_logs. `details` holds what JSON can say, amounts as text."""

    number: int
    at_us: int
    kind: str
    subject: str
    details: Mapping[str, Any]
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the chain holds: `rows` good ones, the last of which has `hash`; `broken`: what is wrong with the next, in words."""

    rows: int
    hash: bytes
    broken: str | None = None


def text(amount: Decimal) -> str:
    """As a person writes it: neither exponent nor zeros behind."""
    if not amount.is_finite():
        return str(amount)
    plain = format(amount, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def plain(value: Any) -> Any:
    """What JSON can say of a value. No character that a database refuses stays in it."""
    match value:
        case Decimal():
            return text(value)
        case str():
            return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case None | bool() | int():
            return value
    raise TypeError(f"{type(value).__name__} has no canonical text")


def canonical(number: int, at_us: int, kind: str, subject: str, details: Mapping[str, Any]) -> bytes:
    row = {"number": number, "at_us": at_us, "kind": kind, "subject": subject, "details": details}
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def follow(previous: bytes, number: int, at_us: int, kind: str, subject: str, details: Mapping[str, Any]) -> Entry:
    """The row that comes after the one with the hash `previous`."""
    told, about = plain(details), plain(subject)
    digest = hashlib.sha256(previous + canonical(number, at_us, kind, about, told)).digest()
    return Entry(number, at_us, kind, about, told, previous, digest)


def verify(rows: Iterable[Entry], head: tuple[int, bytes] | None = None) -> Verdict:
    """Walk the chain from its first row on. `head`: number and hash of the last row that the engine knows to have written, which shows
    rows that were cut off at the end."""
    good, before = 0, GENESIS
    for row in rows:
        if row.number != good + 1:
            return Verdict(good, before, f"row {good + 1} is missing: the next is {row.number}")
        if row.previous != before:
            return Verdict(good, before, f"row {row.number} does not follow the one before it")
        if follow(before, row.number, row.at_us, row.kind, row.subject, row.details).hash != row.hash:
            return Verdict(good, before, f"row {row.number} is not what was written")
        good, before = row.number, row.hash
    if head is not None and head != (good, before):
        return Verdict(good, before, f"the engine has written {head[0]} rows, and the last of {good} is not its last")
    return Verdict(good, before)
