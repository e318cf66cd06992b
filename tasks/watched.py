"""What a drain tells of the books that somebody watches: each that has moved, once its rows are committed, and whether it is to be trusted.

While nobody watches, a drain asks once in two seconds whether that is still so, and does nothing else.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.journal import StreamName
from core.matched import LEVELS, Matched, Told, encode
from core.records import BOOK_DELTAS, BOOK_SNAPSHOTS, QUOTES, Columns
from core.redisdb import RedisError
from db.writing import Work
from tasks.books import Books
from tasks.order_book import Book
from tasks.reader import Reader

log = logging.getLogger(__name__)

#: How often a drain looks who is watched; and how often it tells what is heard, and looks whether trust has gone without a row.
LOOK_SECONDS, MARK_SECONDS = 2.0, 1.0
#: A stream that is behind by more is heard no better than its books say.
LIVE_US = 2_000_000
_MOVES = (BOOK_DELTAS.name, BOOK_SNAPSHOTS.name, QUOTES.name)

Place = tuple[str, str, str]


class State(NamedTuple):
    """What of a book counts: who is told the same twice has learned nothing."""

    bids: tuple[float, ...]
    asks: tuple[float, ...]
    trusted: bool


class Watch:
    """Of one drain. `instruments`: those that are watched, most of which may be another drain's."""

    def __init__(self, matched: Matched) -> None:
        self._matched = matched
        self.instruments: frozenset[int] = frozenset()
        self._owners: dict[int, Place] = {}  # where each moved last: an instrument may move to another shard
        self._told: dict[int, State] = {}
        self._received: dict[int, int] = {}  # our clock at its last move
        self._marks: dict[StreamName, int | None] = {}  # our clock at the newest frame when the stream was marked last
        self._looked_at = self._marked_at = 0.0

    def moved(self, works: Iterable[tuple[Reader, Work]]) -> dict[int, bytes]:
        """Of what was just digested, the books that are another now, to be told when it is committed."""
        found: dict[int, bytes] = {}
        for reader, work in works:
            if reader.books is not None:
                touched = self._touched(work.rows)
                self._received |= touched
                self._owners |= dict.fromkeys(touched, _place(reader))
                self._take(reader.books, self._owned(reader) if work.notes else touched, found)
        return found

    def tell(self, books: dict[int, bytes]) -> None:
        """After the commit. What Redis does not take is told later: the rows are what matters."""
        if books:
            self._send(books, {})

    def begin_anew(self) -> None:
        """What was taken was not told, or not all of it: tell every book at the next look."""
        self._told.clear()
        self._marked_at = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        return now - self._looked_at > LOOK_SECONDS or (bool(self.instruments) and now - self._marked_at > MARK_SECONDS)

    def look(self, readers: Iterable[Reader]) -> None:
        """When all that was digested is committed. Raises RedisError where Redis does not answer."""
        now = time.monotonic()
        booked = [reader for reader in readers if reader.books is not None]
        if now - self._looked_at > LOOK_SECONDS:
            self._looked_at = now
            self._see(self._matched.watched(), booked)
        if self.instruments and now - self._marked_at > MARK_SECONDS:
            self._marked_at = now
            self._mark(booked)

    def _see(self, watched: frozenset[int], readers: Sequence[Reader]) -> None:
        for instrument in self.instruments - watched:
            self._owners.pop(instrument, None)
            self._told.pop(instrument, None)
        self.instruments = watched
        for reader in readers:
            assert reader.books is not None
            mine = {number: book for number in sorted(watched - self._owners.keys()) if (book := reader.books.newest(number)) is not None}
            self._owners |= dict.fromkeys(mine, _place(reader))
            self._received |= dict.fromkeys(mine, reader.sockets.last_received_us or 0)
            for number, told in self._matched.books(list(mine)).items():
                state = State(told.bids, told.asks, told.trusted)
                if state == _state(mine[number]):  # by the drain before, and it has not moved since
                    self._told[number], self._received[number] = state, told.received_us

    def _mark(self, readers: Sequence[Reader]) -> None:
        """Whose frames go on, and books that were not told yet or are trusted otherwise."""
        now_us = time.time_ns() // 1000
        heard: dict[str, list[int]] = {}
        books: dict[int, bytes] = {}
        for reader in readers:
            assert reader.books is not None
            mine = self._owned(reader)
            self._take(reader.books, [number for number in mine if self._is_otherwise(number, reader.books)], books)
            newest = reader.sockets.last_received_us
            if newest is not None and newest != self._marks.get(reader.stream) and now_us - newest < LIVE_US:
                heard.setdefault(reader.stream.venue, []).extend(number for number in mine if self._told[number].trusted)
            self._marks[reader.stream] = newest
        if books or any(heard.values()):
            self._send(books, heard)

    def _send(self, books: dict[int, bytes], heard: dict[str, list[int]]) -> None:
        try:
            self._matched.tell(books, heard)
        except RedisError as exc:
            log.debug("watched books are told later cause=%s", exc)
            for instrument in books:
                self._told.pop(instrument, None)

    def _owned(self, reader: Reader) -> list[int]:
        place = _place(reader)
        return [instrument for instrument, owner in self._owners.items() if owner == place]

    def _touched(self, rows: Sequence[tuple[str, Columns]]) -> dict[int, int]:
        """Watched instruments that rows speak of -> our clock at the last of them."""
        found: dict[int, int] = {}
        for name, columns in rows:
            if name in _MOVES:
                for instrument, received_us in zip(columns["instrument_id"].tolist(), columns["received_at"].tolist(), strict=True):
                    if instrument in self.instruments:
                        found[instrument] = max(received_us, found.get(instrument, 0))
        return found

    def _is_otherwise(self, instrument: int, books: Books) -> bool:
        told, book = self._told.get(instrument), books.newest(instrument)
        return told is None or told.trusted != (book is not None and not book.since_us)

    def _take(self, books: Books, instruments: Iterable[int], found: dict[int, bytes]) -> None:
        """Encode those that are not as they were told last."""
        for instrument in instruments:
            before, book = self._told.get(instrument), books.newest(instrument)
            now = State(*(before or ((), ()))[:2], trusted=False) if book is None else _state(book)
            if now != before:
                self._told[instrument] = now
                event_us = 0 if book is None else book.last_us
                found[instrument] = encode(Told(instrument, now.bids, now.asks, event_us, self._received[instrument], now.trusted))


def _place(reader: Reader) -> Place:
    return reader.stream[:3]


def _state(book: Book) -> State:
    """While its own venue contradicts a book, and before that counts as a doubt, it is not to be trusted with an order."""
    bids, asks = book.sides
    return State(
        tuple(word for price in sorted(bids, reverse=True)[:LEVELS] for word in (price, bids[price])),
        tuple(word for price in sorted(asks)[:LEVELS] for word in (price, asks[price])),
        trusted=not book.since_us,
    )
