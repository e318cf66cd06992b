"""Order books replayed from what a stream says: signed changes made absolute, tops of book, and doubts. Pure.

Each connection has books of its own: twins say the same at slightly different times, and an older word must not undo a newer one.
A book is known from a whole state on; it is doubted when what the venue claims contradicts it, and trusted again from the next state on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.records import BOOK_CHANGES, BOOK_DELTAS, BOOK_SNAPSHOTS, QUOTES, Columns
from tasks.book_rows import CHANGE, CLAIM, CODES, EPOCH, HOLE, SNAPSHOT, STATE, in_order, lists
from tasks.order_book import WITNESS_US, Book, Doubt, Trust, book_of, plain

FROZEN = "frozen: a later book was read over REST"
OUTRUN = "frozen: a new connection was told a later book"
OUTLIVED = "the connection that knew it better has ended"
MISSED = "numbers of its subscription are missing"
#: Sums of decimals leave dust; no venue quotes finer.
DIGITS = 6

_PLACE_OF_CHANGE = ("event_at", "received_at", "instrument_id", "side", "price")
_QUOTE = ("instrument_id", "event_at", "received_at", "update_id", "bid_price", "bid_quantity", "ask_price", "ask_quantity")
_KEPT = {BOOK_SNAPSHOTS.name, BOOK_DELTAS.name}


@dataclass(slots=True)
class Taken:
    """`rows`: kinds as they are stored. `told`: in the order in which it happened."""

    rows: dict[str, Columns]
    told: list[Doubt | Trust] = field(default_factory=list)
    epochs: set[int] = field(default_factory=set)  # instruments whose book the venue counts anew from somewhere in the batch on
    unknown: int = 0  # changes that come to nobody knows what, or that another connection tells in better faith


class Books:
    """`doubted`: instruments whose book no connection knows since one of them was doubted; the next whole state on any ends that.
    `lost`: those whose last connection has ended, and no other has told a whole state yet. `wanted`: connection -> its symbols."""

    def __init__(self) -> None:
        self._sets: dict[str, dict[int, Book]] = {}
        self.doubted: set[int] = set()
        self.lost: set[int] = set()
        self.wanted: dict[str, set[str]] = {}

    def want(self, connection_id: str, said: Mapping[str, Any]) -> None:
        before = self.wanted.get(connection_id, set())
        self.wanted[connection_id] = before.union(said.get("subscriptions", ()), said.get("added", ())).difference(said.get("removed", ()))

    def take(self, connection_id: str, rows: Mapping[str, Columns]) -> Taken:
        """Replay a batch of one connection. Rows of books carry `frame`, their place in the batch, and `instrument_id`."""
        parts = {name: columns for name, columns in rows.items() if name in CODES and len(columns["frame"])}
        taken = Taken({name: columns for name, columns in rows.items() if name not in CODES or name in _KEPT})
        if parts:
            _Replay(self, connection_id, taken, parts).run()
        return taken

    def of(self, connection_id: str) -> dict[int, Book]:
        return self._sets.setdefault(connection_id, {})

    def doubt(self, connection_id: str, instrument_id: int, cause: str, since_us: int) -> Doubt:
        self.of(connection_id)[instrument_id].doubted = True
        alone = not self.held(instrument_id)
        if alone:
            self.doubted.add(instrument_id)
        return Doubt(instrument_id, cause, since_us, alone)

    def outrun(self, instrument_id: int, book: Book) -> list[Doubt | Trust]:
        """What the first whole state of a new connection shows of the others: none of them has told of it."""
        others = [other for other in self._all(instrument_id) if other is not book and other.known and not other.doubted]
        since_us = max((other.last_us for other in others), default=book.last_us)
        if since_us >= book.last_us - WITNESS_US or any(other.sides == book.sides for other in others):
            return []
        for other in others:
            other.doubted = True
        return [Doubt(instrument_id, OUTRUN, since_us, alone=True), Trust(instrument_id, book.last_us)]

    def held(self, instrument_id: int) -> bool:
        """Whether some connection holds the book in good faith."""
        return any(book.known and not book.doubted for book in self._all(instrument_id))

    def _all(self, instrument_id: int) -> list[Book]:
        return [books[instrument_id] for books in self._sets.values() if instrument_id in books]

    def witness(self, claims: Sequence[tuple[int, int, float, float]]) -> tuple[list[Doubt], set[int]]:
        """Hold claims of an independent source, (instrument_id, event time in us, bid, ask), against every book of it: (new doubts,
        instruments doubted before and still). A book is frozen since the last word of any connection."""
        doubts, still = [], set()
        for instrument_id, at_us, bid, ask in claims:
            known = [book for book in self._all(instrument_id) if book.known]
            if any(book.doubted for book in known):
                still.add(instrument_id)
            frozen = [book for book in known if not book.doubted and book.outdated(bid, ask, at_us)]
            for book in frozen:
                book.doubted = True
            if frozen:
                alone = all(book.doubted for book in known)
                if alone:
                    self.doubted.add(instrument_id)
                doubts.append(Doubt(instrument_id, FROZEN, max(book.last_us for book in known), alone))
        return doubts, still

    def unheard(self, instruments: Collection[int]) -> set[int]:
        """Those of the doubted and the lost ones of which no connection has told since: new ones took the place of the old."""
        return {
            number for number in (self.doubted | self.lost).intersection(instruments) if not any(book.known for book in self._all(number))
        }

    def doubt_all(self, connection_id: str, cause: str, since_us: int) -> list[Doubt]:
        """Whatever the connection says after this may build on something that did not come."""
        good = [number for number, book in self._sets.get(connection_id, {}).items() if book.known and not book.doubted]
        return [self.doubt(connection_id, number, cause, since_us) for number in good]

    def keep_only(self, connection_ids: Sequence[str]) -> list[Doubt]:
        """Connections that have ended will not say anything more. Where one held a book in good faith and those that are left do not,
        nobody knows it since its last word."""
        gone = [self._sets.pop(name) for name in set(self._sets) - set(connection_ids)]
        self.wanted = {name: symbols for name, symbols in self.wanted.items() if name in connection_ids}
        ended = [(number, book) for books in gone for number, book in books.items() if book.known]
        unknown = {number for number, _ in ended if not any(book.known for book in self._all(number))}
        self.lost |= unknown
        outlived = {number: book.last_us for number, book in ended if not book.doubted and number not in unknown and not self.held(number)}
        self.doubted.update(outlived)
        return [Doubt(number, OUTLIVED, last_us, alone=True) for number, last_us in outlived.items()]

    def stored(self) -> dict[str, Any]:
        """What `restore` needs, of plain values."""
        sets = {name: [[number, *plain(book)] for number, book in books.items()] for name, books in self._sets.items()}
        return {"sets": sets, "lost": sorted(self.lost), "wanted": {name: sorted(symbols) for name, symbols in self.wanted.items()}}

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> "Books":
        made = cls()
        made._sets = {name: {number: book_of(words) for number, *words in books} for name, books in stored["sets"].items()}
        made.lost, made.wanted = set(stored["lost"]), {name: set(symbols) for name, symbols in stored["wanted"].items()}
        return made


class _Replay:
    """One batch. The loop of `run` is the price of a change."""

    def __init__(self, all_books: Books, connection_id: str, taken: Taken, parts: Mapping[str, Columns]) -> None:
        self._all, self._connection_id, self._taken, self._parts = all_books, connection_id, taken, parts
        self._books = all_books.of(connection_id)
        self._touched: dict[int, tuple[Book, int, int, int]] = {}
        self._quotes: list[tuple[int, int, int, int, float, float, float, float]] = []
        self._fresh: set[int] = set()  # books of which the first whole state is being told
        # of each change: its number, and what stands at the level after it; NaN where the book is not known
        self._numbers: list[int] = []
        self._levels: list[float] = []

    def run(self) -> None:
        columns = {CODES[name]: lists(name, part) for name, part in self._parts.items()}
        books, touched, at = self._books, self._touched, -1
        for code, i in zip(*in_order(self._parts), strict=True):
            frame, instrument, event_us, received_us, update_id, side, price, amount = columns[code][i]
            if touched and (frame != at or code == CLAIM):
                self._tell()
            at = frame
            if code == HOLE:
                self._taken.told += self._all.doubt_all(self._connection_id, MISSED, event_us)
                continue
            book = books.get(instrument)
            if book is None:
                book = books[instrument] = Book()
            if code == CLAIM:
                self._check(instrument, book, event_us, price, amount)
                continue
            if code == EPOCH:
                self._taken.epochs.add(instrument)
                continue
            if code == CHANGE:
                update_id = book.number(event_us)
                self._numbers.append(update_id)
                self._change(instrument, book, event_us, side < 0, price, amount)
            elif code == STATE:
                if instrument in self._all.doubted:
                    self._all.doubted.remove(instrument)
                    self._taken.told.append(Trust(instrument, event_us))
                self._all.lost.discard(instrument)
                self._fresh |= set() if book.known else {instrument}
                book.begin()
            else:
                book.set(side < 0, price, amount)
                if code == SNAPSHOT:  # its state has been told
                    continue
                if not book.known and not book.doubted:
                    self._begin_blind(instrument, book, event_us, self._parts[BOOK_DELTAS.name]["symbol"][i])
            book.last_us = event_us
            touched[instrument] = (book, event_us, received_us, update_id)
        self._tell()
        self._store()

    def _change(self, instrument: int, book: Book, event_us: int, ask: bool, price: float, change: float) -> None:
        if not book.known:
            self._levels.append(np.nan)
            self._taken.unknown += 1
            return
        quantity = round(book.sides[ask].get(price, 0.0) + change, DIGITS)
        book.set(ask, price, quantity)
        if quantity < 0 and not book.doubted:
            book.since_us = event_us
            self._doubt(instrument, book, "a level fell below nothing")
        outdone = book.doubted and self._all.held(instrument)
        self._taken.unknown += outdone
        self._levels.append(np.nan if outdone else max(quantity, 0.0))

    def _check(self, instrument: int, book: Book, event_us: int, bid: float, ask: float) -> None:
        if book.known and not book.doubted and book.contradicted((bid, ask) != (book.top[0], book.top[2]), event_us):
            self._doubt(instrument, book, "its top is not what the venue says")

    def _begin_blind(self, instrument: int, book: Book, event_us: int, symbol: str) -> None:
        """A change of a book that nobody knows counts where its whole state was due: frames tell of neighbours too."""
        due = instrument in self._all.doubted or instrument in self._all.lost
        if due or symbol in self._all.wanted.get(self._connection_id, ()):
            book.since_us = event_us
            self._doubt(instrument, book, "changes came before its whole state")

    def _doubt(self, instrument: int, book: Book, cause: str) -> None:
        self._taken.told.append(self._all.doubt(self._connection_id, instrument, cause, book.since_us))

    def _tell(self) -> None:
        """Tops that a frame has moved."""
        for instrument, (book, event_us, received_us, update_id) in self._touched.items():
            if instrument in self._fresh:
                self._taken.told += self._all.outrun(instrument, book)
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
        self._fresh.clear()

    def _store(self) -> None:
        rows = self._taken.rows
        if changes := self._parts.get(BOOK_CHANGES):
            numbered = {**{name: changes[name] for name in _PLACE_OF_CHANGE}, "update_id": self._numbers, "quantity": self._levels}
            known = ~np.isnan(self._levels)
            if known.any():
                rows[BOOK_DELTAS.name] = {name: np.asarray(column)[known] for name, column in numbered.items()}
        if self._quotes:
            rows[QUOTES.name] = {name: np.array(values) for name, values in zip(_QUOTE, zip(*self._quotes, strict=True), strict=True)}
