"""The order books of a stream and what becomes of the trust in them. Pure; tasks/replay.py moves them.

Each connection has books of its own: twins say the same at slightly different times, and an older word must not undo a newer one.
A book is known from a whole state on; it is doubted when what the venue claims contradicts it, and trusted again from the next state on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.order_book import WITNESS_US, Book, Doubt, Trust, book_of, plain

#: Claims that are remembered; they come about once a minute, and replicas are read within seconds of each other.
MAX_WITNESSES = 64

FROZEN = "frozen: a later book was read over REST"
OUTRUN = "frozen: a new connection was told a later book"
OUTLIVED = "the connection that knew it better has ended"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a witness brought: new doubts, instruments doubted before and still, and of each book that is known whether both say the same;
    None where a change was just under way."""

    doubts: list[Doubt]
    still: set[int]
    verdicts: list[tuple[int, bool | None]]


class Books:
    """`doubted`: instruments whose book no connection knows since one of them was doubted; the next whole state on any ends that.
    `lost`: those whose last connection has ended, and no other has told a whole state yet. `wanted`: connection -> its symbols.
    `beside`: connections whose log is read in one order with what is told now, absent for all. What a connection has not told yet says
    nothing where its log is read by itself: it may wait there."""

    def __init__(self) -> None:
        self._sets: dict[str, dict[int, Book]] = {}
        self.doubted: set[int] = set()
        self.lost: set[int] = set()
        self.wanted: dict[str, set[str]] = {}
        self.beside: Collection[str] | None = None
        self.forgotten: set[str] = set()  # connections of whose books we knew, until it was lost
        self._witnesses: dict[str, str] = {}  # the last claims -> the stream that brought each first

    def want(self, connection_id: str, said: Mapping[str, Any]) -> None:
        before = self.wanted.get(connection_id, set())
        self.wanted[connection_id] = before.union(said.get("subscriptions", ()), said.get("added", ())).difference(said.get("removed", ()))

    def ask(self, connection_id: str, numbers: Collection[int], at_us: int) -> None:
        """The connection has asked for the whole states of these, by our clock."""
        books = self._sets.get(connection_id, {})
        for number in numbers:
            if number in books:
                books[number].ask(at_us)

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
        others = [other for other in self._beside(instrument_id) if other is not book and other.known and not other.doubted]
        since_us = max((other.last_us for other in others), default=book.last_us)
        if since_us >= book.last_us - WITNESS_US or any(other.sides == book.sides for other in others):
            return []
        for other in others:
            other.doubted = True
        if any(other is not book and other.known and not other.doubted for other in self._all(instrument_id)):
            return []
        return [Doubt(instrument_id, OUTRUN, since_us, alone=True), Trust(instrument_id, book.last_us)]

    def held(self, instrument_id: int) -> bool:
        """Whether some connection holds the book in good faith."""
        return any(book.known and not book.doubted for book in self._all(instrument_id))

    def newest(self, instrument_id: int) -> Book | None:
        """As the connection tells it whose word is the newest, of those that hold it in good faith; None where none does."""
        good = [book for book in self._all(instrument_id) if book.known and not book.doubted]
        return max(good, key=lambda book: book.last_us, default=None)

    def told_by_another(self, instrument_id: int, book: Book) -> bool:
        """Whether another connection holds the book in good faith, with nothing against it."""
        return any(other is not book and other.known and not other.doubted and not other.since_us for other in self._all(instrument_id))

    def _all(self, instrument_id: int) -> list[Book]:
        return [books[instrument_id] for books in self._sets.values() if instrument_id in books]

    def _beside(self, instrument_id: int) -> list[Book]:
        near = self._sets.keys() if self.beside is None else self.beside
        return [books[instrument_id] for name, books in self._sets.items() if name in near and instrument_id in books]

    def witness(self, claims: Sequence[tuple[int, int, float, float]]) -> "Heard":
        """Hold claims of an independent source, (instrument_id, event time in us, bid, ask), against every book of it that is told beside
        them. A book is frozen since the last word of any connection."""
        heard = Heard([], set(), [])
        doubts = heard.doubts
        for instrument_id, at_us, bid, ask in claims:
            known = [book for book in self._beside(instrument_id) if book.known]
            if any(book.doubted for book in known):
                heard.still.add(instrument_id)
            frozen = [book for book in known if not book.doubted and book.outdated(bid, ask, at_us)]
            for book in frozen:
                book.doubted = True
            alone = not self.held(instrument_id)
            if frozen:
                if alone:
                    self.doubted.add(instrument_id)
                doubts.append(Doubt(instrument_id, FROZEN, max(book.last_us for book in known), alone))
            if known:
                same = any(not book.doubted and (book.top[0], book.top[2]) == (bid, ask) for book in known)
                heard.verdicts.append((instrument_id, True if same else False if frozen and alone else None))
        return heard

    def heard_before(self, claim_id: str, stream: str) -> bool:
        """Whether another replica's stream has brought these claims: each judges its own books by them, and the looks count once."""
        first = self._witnesses.setdefault(claim_id, stream)
        if len(self._witnesses) > MAX_WITNESSES:
            del self._witnesses[next(iter(self._witnesses))]
        return first != stream

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
        self.forgotten &= set(connection_ids)
        ended = [(number, book) for books in gone for number, book in books.items() if book.known]
        unknown = {number for number, _ in ended if not any(book.known for book in self._all(number))}
        self.lost |= unknown
        outlived = {
            number: book.misled_us or book.last_us
            for number, book in ended
            if not book.doubted and number not in unknown and not self.held(number)
        }
        self.doubted.update(outlived)
        return [Doubt(number, OUTLIVED, last_us, alone=True) for number, last_us in outlived.items()]

    def take_in(self, others: "Books") -> None:
        """What another replica's connections know, who are twins from here on."""
        self._sets |= others._sets
        self.wanted |= others.wanted
        self.doubted |= others.doubted
        self.forgotten |= others.forgotten
        self.lost = {number for number in self.lost | others.lost if not any(book.known for book in self._all(number))}

    def stored(self, connection_ids: Collection[str] | None = None) -> dict[str, Any]:
        """What `restore` needs, of plain values; of these connections only."""
        mine = self._sets.keys() | self.wanted.keys() if connection_ids is None else connection_ids
        sets = {name: [[number, *plain(book)] for number, book in books.items()] for name, books in self._sets.items() if name in mine}
        wanted = {name: sorted(symbols) for name, symbols in self.wanted.items() if name in mine}
        forgotten = sorted(self.forgotten.intersection(mine) if connection_ids is not None else self.forgotten)
        return {"sets": sets, "lost": sorted(self.lost), "wanted": wanted, "forgotten": forgotten}

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> "Books":
        made = cls()
        made._sets = {name: {number: book_of(words) for number, *words in books} for name, books in stored["sets"].items()}
        made.lost, made.wanted = set(stored["lost"]), {name: set(symbols) for name, symbols in stored["wanted"].items()}
        made.forgotten = set(stored.get("forgotten", ()))
        return made
