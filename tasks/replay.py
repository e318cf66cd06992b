"""A batch of one connection through its books: signed changes made absolute, tops of book, and doubts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.records import BOOK_CHANGES, BOOK_DELTAS, BOOK_SNAPSHOTS, QUOTES, Columns
from tasks.book_rows import CHANGE, CLAIM, CODES, EPOCH, HOLE, SNAPSHOT, STATE, in_order, lists
from tasks.books import Books
from tasks.order_book import Book, Doubt, Trust

CONTRADICTED = "its top is not what the venue says"
MISSED = "numbers of its subscription are missing"
FORGOTTEN = "what was known of it is lost"
UNANSWERED = "it was asked for anew, and changes came without its whole state"
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


def take(books: Books, connection_id: str, rows: Mapping[str, Columns]) -> Taken:
    """Replay a batch of one connection. Rows of books carry `frame`, their place in the batch, and `instrument_id`."""
    parts = {name: columns for name, columns in rows.items() if name in CODES and len(columns["frame"])}
    taken = Taken({name: columns for name, columns in rows.items() if name not in CODES or name in _KEPT})
    if parts:
        _Replay(books, connection_id, taken, parts).run()
    return taken


class _Replay:
    """One batch. The loop of `run` is the price of a change."""

    def __init__(self, all_books: Books, connection_id: str, taken: Taken, parts: Mapping[str, Columns]) -> None:
        self._all, self._connection_id, self._taken, self._parts = all_books, connection_id, taken, parts
        self._books = all_books.of(connection_id)
        self._touched: dict[int, tuple[Book, int, int, int]] = {}
        self._quotes: list[tuple[int, int, int, int, float, float, float, float]] = []
        self._fresh: set[int] = set()  # books of which the first whole state is being told
        self._belied: set[int] = set()  # books that a frame has moved to where its own claim does not have them
        # books contradicted when a whole state came -> (since when, the top that was held)
        self._contradicted: dict[int, tuple[int, tuple[float, float, float, float]]] = {}
        # of each change: its number, and what stands at the level after it; NaN where the book is not known
        self._numbers: list[int] = []
        self._levels: list[float] = []

    def run(self) -> None:
        columns = {CODES[name]: lists(name, part) for name, part in self._parts.items()}
        books, touched, at = self._books, self._touched, -1
        for code, i in zip(*in_order(self._parts), strict=True):
            frame, instrument, event_us, received_us, update_id, side, price, amount = columns[code][i]
            if touched and frame != at:
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
            if book.asked_us and code != STATE and book.unanswered(received_us):
                book.since_us = book.before_us
                self._doubt(instrument, book, UNANSWERED)
            if code == CHANGE:
                update_id = book.number(event_us)
                self._numbers.append(update_id)
                self._change(instrument, book, event_us, side < 0, price, amount)
            elif code == STATE:
                self._begin(instrument, book, event_us)
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

    def _begin(self, instrument: int, book: Book, event_us: int) -> None:
        if instrument in self._all.doubted:
            self._all.doubted.remove(instrument)
            self._taken.told.append(Trust(instrument, event_us))
        self._all.lost.discard(instrument)
        if not book.known:
            self._fresh.add(instrument)
        elif book.since_us and not book.doubted:
            self._contradicted[instrument] = (book.since_us, book.top)
        book.begin()

    def _change(self, instrument: int, book: Book, event_us: int, ask: bool, price: float, change: float) -> None:
        if not book.known:
            if self._connection_id in self._all.forgotten and not book.doubted:
                book.since_us = event_us
                self._doubt(instrument, book, FORGOTTEN)
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
        """A claim is held against the book after the whole frame. One that came with changes of the book speaks of just this state."""
        if not book.known or book.doubted:
            return
        wrong = (bid, ask) != tuple(book.best)
        if instrument in self._touched:
            (self._belied.add if wrong else self._belied.discard)(instrument)
        if book.contradicted(wrong, event_us):
            self._doubt(instrument, book, CONTRADICTED)

    def _begin_blind(self, instrument: int, book: Book, event_us: int, symbol: str) -> None:
        """A change of a book that nobody knows counts where its whole state was due: frames tell of neighbours too."""
        due = instrument in self._all.doubted or instrument in self._all.lost or self._connection_id in self._all.forgotten
        if due or symbol in self._all.wanted.get(self._connection_id, ()):
            book.since_us = event_us
            self._doubt(instrument, book, "changes came before its whole state")

    def _doubt(self, instrument: int, book: Book, cause: str) -> None:
        since_us = min(book.since_us, book.misled_us or book.since_us)
        book.misled_us = 0
        self._taken.told.append(self._all.doubt(self._connection_id, instrument, cause, since_us))

    def _tell(self) -> None:
        """Tops that a frame has moved."""
        for instrument, (book, event_us, received_us, update_id) in self._touched.items():
            if instrument in self._fresh:
                self._taken.told += self._all.outrun(instrument, book)
            top, belied = book.now(), instrument in self._belied
            if not belied and (book.misled_us or instrument in self._contradicted):
                self._admit(instrument, book, event_us, top)
            if not book.known or book.doubted or top == book.top:
                continue
            book.top = top
            if belied and self._all.told_by_another(instrument, book):
                continue
            if top[0] and top[2] and top[0] >= top[2]:
                if book.contradicted(True, event_us):
                    self._doubt(instrument, book, "its bids reach its asks")
                continue
            if belied:
                book.misled_us = book.misled_us or event_us
            self._quotes.append((instrument, event_us, received_us, update_id, *top))
        self._touched.clear()
        self._fresh.clear()
        self._belied.clear()

    def _admit(self, instrument: int, book: Book, event_us: int, top: tuple[float, float, float, float]) -> None:
        """Tops that were told against the word of their own frame were wrong, however soon it agrees again; events of one moment aside.
        A whole state proves any contradiction that it ends, unless a twin has told it right."""
        misled_us, book.misled_us = book.misled_us, 0
        since_us = misled_us if misled_us < event_us else 0
        if instrument in self._contradicted:
            contradicted_us, held = self._contradicted.pop(instrument)
            if top != held and not self._all.told_by_another(instrument, book):
                since_us = min(contradicted_us, misled_us or contradicted_us)
        if since_us:
            self._taken.told += [Doubt(instrument, CONTRADICTED, since_us, alone=True), Trust(instrument, event_us)]

    def _store(self) -> None:
        rows = self._taken.rows
        if changes := self._parts.get(BOOK_CHANGES):
            numbered = {**{name: changes[name] for name in _PLACE_OF_CHANGE}, "update_id": self._numbers, "quantity": self._levels}
            known = ~np.isnan(self._levels)
            if known.any():
                rows[BOOK_DELTAS.name] = {name: np.asarray(column)[known] for name, column in numbered.items()}
        if self._quotes:
            rows[QUOTES.name] = {name: np.array(values) for name, values in zip(_QUOTE, zip(*self._quotes, strict=True), strict=True)}
