"""Books as the writers tell them, in the exact decimals that the paper engine reckons with. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from core.matched import Told
from paper.values import Book, Level

#: Prices stand on a grid and amounts come again; what is new costs a conversion.
_KNOWN = 1 << 17


@lru_cache(_KNOWN)
def exact(value: float) -> Decimal:
    """The venue's own decimal: a double reads back to it."""
    return Decimal(repr(value))


def book_of(told: Told) -> Book:
    return Book(_levels(told.bids), _levels(told.asks), told.event_us, told.received_us, told.trusted)


def _levels(words: Sequence[float]) -> tuple[Level, ...]:
    numbers = list(map(exact, words))
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
