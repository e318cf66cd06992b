"""One order book as one connection tells it: its sides, its top, how far it has been contradicted, and what comes of that. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: The venue's word on the top and its changes are not one message: only a contradiction that lasts so long (venue's clock), and that is
#: heard so often, counts. Several events of one millisecond disagree for a moment and prove nothing.
DOUBT_US = 2_000_000
DOUBT_CLAIMS = 3
#: A venue that is asked for a whole state tells it at once. Until then what was under way comes; changes after so long (our clock) may follow
#: others that did not come.
ANSWER_US = 5_000_000
#: A word may be so long under way; a witness who is not further ahead of the stream proves nothing.
WITNESS_US = 3_000_000


class Book:
    """`sides`: (bids, asks), each price -> quantity; `best`: the best price of each, 0 for an empty side."""

    __slots__ = (
        "asked_us",
        "before_us",
        "best",
        "change_no",
        "change_us",
        "doubted",
        "heard",
        "known",
        "last_us",
        "misled_us",
        "sides",
        "since_us",
        "suspected_us",
        "top",
    )

    def __init__(self) -> None:
        self.sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        self.best = [0.0, 0.0]
        self.known = self.doubted = False
        self.top = (0.0, 0.0, 0.0, 0.0)  # bid price, bid quantity, ask price, ask quantity as last told; 0: no such side
        self.since_us = self.heard = 0  # of a contradiction that goes on
        self.misled_us = 0  # of the first top that was told although its own frame says otherwise, since it last agreed
        self.last_us = 0  # venue's clock at the newest word about it
        self.suspected_us = 0  # of a witness who knows better: when that was
        self.asked_us = 0  # when its whole state was asked for, by our clock, and not told yet
        self.before_us = 0  # the venue's last word before that
        self.change_us = self.change_no = 0  # newest event time of a change, and how many came since it was first told

    def begin(self) -> None:
        self.sides, self.best = ({}, {}), [0.0, 0.0]
        self.known, self.doubted, self.since_us, self.heard, self.suspected_us, self.asked_us = True, False, 0, 0, 0, 0

    def ask(self, at_us: int) -> None:
        """Its whole state is asked for; where it was and no answer has come, it goes on to be."""
        if self.known and not self.doubted and not self.asked_us:
            self.asked_us, self.before_us = at_us, self.last_us

    def unanswered(self, received_us: int) -> bool:
        """Whether a change that comes now may follow others that did not; asked where `asked_us` is set."""
        return received_us - self.asked_us > ANSWER_US and not self.doubted

    def set(self, ask: bool, price: float, quantity: float) -> None:
        """What stands at a level now; nothing at 0 or below."""
        levels, best = self.sides[ask], self.best[ask]
        if quantity > 0:
            levels[price] = quantity
            if not best or (price < best if ask else price > best):
                self.best[ask] = price
        elif levels.pop(price, None) is not None and price == best:
            self.best[ask] = (min if ask else max)(levels, default=0.0)

    def number(self, event_us: int) -> int:
        """Of the next change: the n-th of its time, counted whether the book is known or not, so that every connection counts alike."""
        if event_us > self.change_us:
            self.change_us, self.change_no = event_us, 0
        self.change_no += 1
        return self.change_no

    def now(self) -> tuple[float, float, float, float]:
        (bids, asks), (bid, ask) = self.sides, self.best
        return bid, bids.get(bid, 0.0), ask, asks.get(ask, 0.0)

    def contradicted(self, contradiction: bool, event_us: int) -> bool:
        """Whether the book is doubted from now on."""
        if not contradiction:
            self.since_us = self.heard = 0
            return False
        self.heard += 1
        self.since_us = self.since_us or event_us
        return self.heard >= DOUBT_CLAIMS and event_us - self.since_us >= DOUBT_US

    def outdated(self, bid: float, ask: float, at_us: int) -> bool:
        """Whether a witness shows that the stream has stopped telling of this book: a second time, with not a word in between."""
        if self.last_us >= at_us - WITNESS_US:
            self.suspected_us = 0
            return False
        if (bid, ask) == (self.top[0], self.top[2]):
            return False  # it may have come back to where it was: no proof, and no excuse either
        if not self.suspected_us or self.last_us >= self.suspected_us:
            self.suspected_us = at_us
            return False
        return True


_WORDS = (
    "known",
    "doubted",
    "since_us",
    "heard",
    "misled_us",
    "last_us",
    "suspected_us",
    "change_us",
    "change_no",
    "asked_us",
    "before_us",
)


def plain(book: Book) -> list[Any]:
    return [*(getattr(book, name) for name in _WORDS), list(book.top), *(list(map(list, side.items())) for side in book.sides)]


def book_of(stored: Sequence[Any]) -> Book:
    """What `plain` has made of a book. Raises ValueError."""
    book = Book()
    *words, top, bids, asks = stored
    for name, word in zip(_WORDS, words, strict=True):
        setattr(book, name, word)
    book.top, book.sides = tuple(top), (dict(bids), dict(asks))
    book.best = [max(book.sides[0], default=0.0), min(book.sides[1], default=0.0)]
    return book


@dataclass(frozen=True, slots=True)
class Doubt:
    """`alone`: no other connection holds the book in good faith, so that nobody knows it from here on."""

    instrument_id: int
    cause: str
    since_us: int
    alone: bool


@dataclass(frozen=True, slots=True)
class Trust:
    """A book that nobody knew has begun anew."""

    instrument_id: int
    event_us: int
