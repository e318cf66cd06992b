"""Order books replayed from what a stream says: signed changes made absolute, tops of book, and doubts. Pure.

Each connection has books of its own: twins say the same at slightly different times, and an older word must not undo a newer one.
A book is known from a whole state on; it is doubted when what the venue claims contradicts it, and trusted again from the next state on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.records import BOOK_CHANGES, BOOK_CLAIMS, BOOK_DELTAS, BOOK_SNAPSHOTS, BOOK_STATES, QUOTES, Columns

#: The venue's word on the top and its changes are not one message: only a contradiction that lasts so long (venue's clock), and that is
#: heard so often, counts. Several events of one millisecond disagree for a moment and prove nothing.
DOUBT_US = 2_000_000
DOUBT_CLAIMS = 3
#: A word may be so long under way; a witness who is not further ahead of the stream proves nothing.
WITNESS_US = 3_000_000
#: Sums of decimals leave dust; no venue quotes finer.
DIGITS = 6

_STATE, _SNAPSHOT, _DELTA, _CHANGE, _CLAIM = range(5)
_CODES = {BOOK_STATES: _STATE, BOOK_SNAPSHOTS.name: _SNAPSHOT, BOOK_DELTAS.name: _DELTA, BOOK_CHANGES: _CHANGE, BOOK_CLAIMS: _CLAIM}
_PLACE_OF_CHANGE = ("event_at", "received_at", "instrument_id", "update_id", "side", "price")
_QUOTE = ("instrument_id", "event_at", "received_at", "update_id", "bid_price", "bid_quantity", "ask_price", "ask_quantity")
_KEPT = {BOOK_SNAPSHOTS.name, BOOK_DELTAS.name}


class Book:
    """`sides`: (bids, asks), each price -> quantity; `best`: the best price of each, 0 for an empty side."""

    __slots__ = ("best", "doubted", "heard", "known", "last_us", "sides", "since_us", "suspected_us", "top")

    def __init__(self) -> None:
        self.sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        self.best = [0.0, 0.0]
        self.known = self.doubted = False
        self.top = (0.0, 0.0, 0.0, 0.0)  # bid price, bid quantity, ask price, ask quantity as last told; 0: no such side
        self.since_us = self.heard = 0  # of a contradiction that goes on
        self.last_us = 0  # venue's clock at the newest word about it
        self.suspected_us = 0  # of a witness who knows better: when that was

    def begin(self) -> None:
        self.sides, self.best = ({}, {}), [0.0, 0.0]
        self.known, self.doubted, self.since_us, self.heard, self.suspected_us = True, False, 0, 0, 0

    def set(self, ask: bool, price: float, quantity: float) -> None:
        """What stands at a level now; nothing at 0 or below."""
        levels, best = self.sides[ask], self.best[ask]
        if quantity > 0:
            levels[price] = quantity
            if not best or (price < best if ask else price > best):
                self.best[ask] = price
        elif levels.pop(price, None) is not None and price == best:
            self.best[ask] = (min if ask else max)(levels, default=0.0)

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
        if (bid, ask) == (self.top[0], self.top[2]) or self.last_us >= at_us - WITNESS_US:
            self.suspected_us = 0
            return False
        if not self.suspected_us or self.last_us >= self.suspected_us:
            self.suspected_us = at_us
            return False
        return True


@dataclass(frozen=True, slots=True)
class Doubt:
    instrument_id: int
    cause: str
    since_us: int


@dataclass(slots=True)
class Taken:
    """`rows`: kinds as they are stored. `trusted`: (instrument_id, event time in us) of doubted books that began anew."""

    rows: dict[str, Columns]
    doubts: list[Doubt] = field(default_factory=list)
    trusted: list[tuple[int, int]] = field(default_factory=list)
    begun: dict[int, tuple[int, int]] = field(default_factory=dict)  # instrument_id -> (frame, event time in us) of its last whole state
    unknown: int = 0  # changes of books of which no whole state had come: they say nothing


class Books:
    """`doubted`: instruments whose doubt is told and not over, though no connection here holds their book."""

    def __init__(self) -> None:
        self._sets: dict[str, dict[int, Book]] = {}
        self.doubted: set[int] = set()

    def take(self, connection_id: str, rows: Mapping[str, Columns]) -> Taken:
        """Replay a batch of one connection. Rows of books carry `frame`, their place in the batch, and `instrument_id`."""
        parts = {name: columns for name, columns in rows.items() if name in _CODES and len(columns["frame"])}
        taken = Taken({name: columns for name, columns in rows.items() if name not in _CODES or name in _KEPT})
        if parts:
            _Replay(self._sets.setdefault(connection_id, {}), self.doubted, taken, parts).run()
        return taken

    def witness(self, claims: Sequence[tuple[int, int, float, float]]) -> tuple[list[Doubt], set[int]]:
        """Hold claims of an independent source, (instrument_id, event time in us, bid, ask), against every book of it: (new doubts,
        instruments doubted before and still)."""
        doubts, still = [], set()
        for instrument_id, at_us, bid, ask in claims:
            for books in self._sets.values():
                book = books.get(instrument_id)
                if book is None or not book.known:
                    continue
                if book.doubted:
                    still.add(instrument_id)
                elif book.outdated(bid, ask, at_us):
                    book.doubted = True
                    doubts.append(Doubt(instrument_id, "frozen: a later book was read over REST", book.last_us))
        return doubts, still

    def doubt_all(self, connection_id: str, cause: str, since_us: int, *, but: Collection[int] = ()) -> list[Doubt]:
        """Whatever the connection said after this, `but` of these instruments, may build on something that did not come."""
        doubts = []
        for instrument_id, book in self._sets.get(connection_id, {}).items():
            if book.known and not book.doubted and instrument_id not in but:
                book.doubted = True
                doubts.append(Doubt(instrument_id, cause, since_us))
        return doubts

    def trusted_elsewhere(self, connection_id: str, instrument_id: int) -> bool:
        """Whether another connection holds the book undoubted."""
        others = (books.get(instrument_id) for name, books in self._sets.items() if name != connection_id)
        return any(book is not None and book.known and not book.doubted for book in others)

    def keep_only(self, connection_ids: Sequence[str]) -> None:
        """Connections that have ended will not say anything more. What was in doubt on them stays so until another one tells it whole."""
        for gone in set(self._sets) - set(connection_ids):
            self.doubted |= {instrument_id for instrument_id, book in self._sets.pop(gone).items() if book.doubted}

    def stored(self) -> dict[str, Any]:
        """What `restore` needs, of plain values."""
        return {name: [[number, *_plain(book)] for number, book in books.items()] for name, books in self._sets.items()}

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> "Books":
        made = cls()
        made._sets = {name: {number: _book(*rest) for number, *rest in books} for name, books in stored.items()}
        return made


def _plain(book: Book) -> list[Any]:
    words = [book.known, book.doubted, book.since_us, book.heard, book.last_us, book.suspected_us, list(book.top)]
    return [*words, *(list(map(list, side.items())) for side in book.sides)]


def _book(known: bool, doubted: bool, since_us: int, heard: int, last_us: int, suspected_us: int, top: Any, bids: Any, asks: Any) -> Book:
    book = Book()
    book.known, book.doubted, book.since_us, book.heard, book.last_us, book.suspected_us = (
        known,
        doubted,
        since_us,
        heard,
        last_us,
        suspected_us,
    )
    book.top, book.sides = tuple(top), (dict(bids), dict(asks))
    book.best = [max(book.sides[0], default=0.0), min(book.sides[1], default=0.0)]
    return book


class _Replay:
    """One batch. The loop of `run` is the price of a change."""

    def __init__(self, books: dict[int, Book], doubted: set[int], taken: Taken, parts: Mapping[str, Columns]) -> None:
        self._books, self._doubted, self._taken, self._parts = books, doubted, taken, parts
        self._touched: dict[int, tuple[Book, int, int, int]] = {}
        self._quotes: list[tuple[int, int, int, int, float, float, float, float]] = []
        # of each change: what stands at the level after it; None where the book is not known
        self._levels: list[float | None] = []

    def run(self) -> None:
        columns = {_CODES[name]: _lists(name, part) for name, part in self._parts.items()}
        books, touched, at = self._books, self._touched, -1
        for code, i in zip(*_in_order(self._parts), strict=True):
            frame, instrument, event_us, received_us, update_id, side, price, amount = columns[code][i]
            if touched and (frame != at or code == _CLAIM):
                self._tell()
            at = frame
            book = books.get(instrument)
            if book is None:
                book = books[instrument] = Book()
            if code == _CLAIM:
                self._check(instrument, book, event_us, price, amount)
                continue
            if code == _CHANGE:
                self._change(instrument, book, event_us, side < 0, price, amount)
            elif code == _STATE:
                if book.doubted or instrument in self._doubted:
                    self._taken.trusted.append((instrument, event_us))
                    self._doubted.discard(instrument)
                book.begin()
                self._taken.begun[instrument] = (frame, event_us)
            else:
                book.set(side < 0, price, amount)
            book.last_us = event_us
            touched[instrument] = (book, event_us, received_us, update_id)
        self._tell()
        self._store()

    def _change(self, instrument: int, book: Book, event_us: int, ask: bool, price: float, change: float) -> None:
        if not book.known:
            self._levels.append(None)
            self._taken.unknown += 1
            return
        quantity = round(book.sides[ask].get(price, 0.0) + change, DIGITS)
        self._levels.append(max(quantity, 0.0))
        book.set(ask, price, quantity)
        if quantity < 0 and not book.doubted:
            book.since_us = event_us
            self._doubt(instrument, book, "a level fell below nothing")

    def _check(self, instrument: int, book: Book, event_us: int, bid: float, ask: float) -> None:
        if book.known and not book.doubted and book.contradicted((bid, ask) != (book.top[0], book.top[2]), event_us):
            self._doubt(instrument, book, "its top is not what the venue says")

    def _doubt(self, instrument: int, book: Book, cause: str) -> None:
        book.doubted = True
        self._taken.doubts.append(Doubt(instrument, cause, book.since_us))

    def _tell(self) -> None:
        """Tops that a frame has moved."""
        for instrument, (book, event_us, received_us, update_id) in self._touched.items():
            top = book.now()
            if not book.known or book.doubted or top == book.top:
                continue
            book.top = top
            if top[0] and top[2] and top[0] >= top[2]:
                if book.contradicted(True, event_us):
                    self._doubt(instrument, book, "its bids reach its asks")
                continue
            self._quotes.append((instrument, event_us, received_us, update_id, *top))
        self._touched.clear()

    def _store(self) -> None:
        rows = self._taken.rows
        if changes := self._parts.get(BOOK_CHANGES):
            known = np.array([level is not None for level in self._levels], bool)
            kept = {name: np.asarray(changes[name])[known] for name in _PLACE_OF_CHANGE}
            if known.any():
                rows[BOOK_DELTAS.name] = {**kept, "quantity": np.array([level for level in self._levels if level is not None])}
        if self._quotes:
            rows[QUOTES.name] = {name: np.array(values) for name, values in zip(_QUOTE, zip(*self._quotes, strict=True), strict=True)}


def _in_order(parts: Mapping[str, Columns]) -> tuple[list[int], list[int]]:
    """(kind, place in its columns) of every row as the stream told them: by frame, and in one frame states, levels, changes, claims."""
    codes = np.concatenate([np.full(len(columns["frame"]), _CODES[name]) for name, columns in parts.items()])
    places = np.concatenate([np.arange(len(columns["frame"])) for columns in parts.values()])
    frames = np.concatenate([np.asarray(columns["frame"]) for columns in parts.values()])
    order = np.argsort(frames * len(_CODES) + codes, kind="stable")
    return codes[order].tolist(), places[order].tolist()


def _lists(name: str, columns: Columns) -> list[tuple[Any, ...]]:
    """Rows of (frame, instrument, event, received, update id, side, price, quantity or change); of a claim: bid and ask, 0 for none."""
    count = len(columns["frame"])
    nothing = [0] * count

    def column(*names: str) -> list[Any]:
        found = next((columns[name] for name in names if name in columns), None)
        return nothing if found is None else np.nan_to_num(np.asarray(found)).tolist()

    prices = (column("bid_price"), column("ask_price")) if name == BOOK_CLAIMS else (column("price"), column("quantity", "change"))
    head = (column("frame"), column("instrument_id"), column("event_at"), column("received_at"), column("update_id"), column("side"))
    return list(zip(*head, *prices, strict=True))
