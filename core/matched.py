"""Books that are watched, on their way from the writers to whoever trades on paper (keys: core/redisdb.py).

The newest state of each stands in a hash, and a short stream tells which have moved: who is slow, or begins anew, reads each book once as it
is now. Nothing can be missed but a moment, and nothing counts twice.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.redisdb import Client

#: Levels of a side that are told, the best first.
LEVELS = 50
#: Who watches says so anew within this time; else nobody watches any more, and nobody pays.
WATCH_SECONDS = 20
#: Words that are kept for a reader who is behind, some seconds of a busy farm; one that is further behind reads every book.
MAX_WORDS = 2_048
#: Books of a farm that has been off for so long are no use.
BOOKS_SECONDS = 3_600


class Told(msgspec.Struct, frozen=True, array_like=True):
    """A book as it stands: `bids` and `asks` are price, quantity, price, quantity, ... from the best on, at most LEVELS of each; venue's clock
    and ours at its last word. Not `trusted`: nobody knows it at present, and these levels are the last that were known."""

    instrument_id: int
    bids: tuple[float, ...]
    asks: tuple[float, ...]
    event_us: int
    received_us: int
    trusted: bool


class Word(msgspec.Struct, frozen=True, array_like=True):
    """`moved`: instruments whose books are another now. `heard`: venue -> those whose books are told of without a pause, moved or not."""

    moved: tuple[int, ...] = ()
    heard: dict[str, tuple[int, ...]] = {}


class Heard(NamedTuple):
    """What a reader found: up to which word, the instruments that moved, those that were heard by venue, and whether words between were
    lost, so that any book may have moved."""

    position: str
    moved: set[int]
    heard: dict[str, set[int]]
    lost: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_book = msgspec.msgpack.Decoder(Told).decode
_decode_word = msgspec.msgpack.Decoder(Word).decode
_decode_watched = msgspec.msgpack.Decoder(frozenset[int]).decode


class Matched:
    def __init__(self, client: Client, prefix: str) -> None:
        # Any: redis-py types every answer as what it would be with and without decoding.
        self._redis: Any = client
        self._watched, self._books, self._moved = (f"{prefix}:matched:{name}" for name in ("watched", "books", "moved"))

    # --- who trades
    def watch(self, instruments: Collection[int]) -> None:
        """Say which books are wanted, for WATCH_SECONDS; whatever is known of others goes."""
        gone = [field for field in self._redis.hkeys(self._books) if int(field) not in instruments]
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(self._watched, _encode(sorted(instruments)), ex=WATCH_SECONDS)
        if gone:
            pipe.hdel(self._books, *gone)
        pipe.execute()

    def position(self) -> str:
        """Id of the last word."""
        found = self._redis.xrevrange(self._moved, count=1)
        return found[0][0].decode() if found else "0-0"

    def hear(self, position: str, *, block_ms: int) -> Heard | None:
        """Words after that position, as one; None when there is none within the time."""
        found = self._redis.xread({self._moved: position}, count=MAX_WORDS, block=block_ms)
        if not found:
            return None
        entries = found[0][1]
        moved, heard = set[int](), dict[str, set[int]]()
        for _, fields in entries:
            word = _decode_word(fields[b"w"])
            moved.update(word.moved)
            for venue, instruments in word.heard.items():
                heard.setdefault(venue, set()).update(instruments)
        return Heard(entries[-1][0].decode(), moved, heard, lost=len(entries) >= MAX_WORDS)

    def books(self, instruments: Sequence[int] | None = None) -> dict[int, Told]:
        """As they are now; of all where nothing is said. One that nobody has told yet is not there."""
        wanted = instruments is None or bool(instruments)
        found = [] if not wanted else self._redis.hvals(self._books) if instruments is None else self._redis.hmget(self._books, instruments)
        return {book.instrument_id: book for book in map(_decode_book, filter(None, found))}

    # --- who writes
    def watched(self) -> frozenset[int]:
        found = self._redis.get(self._watched)
        return frozenset() if found is None else _decode_watched(found)

    def tell(self, books: Mapping[int, bytes], heard: Mapping[str, Sequence[int]] | None = None) -> None:
        """`books`: instrument -> what `encode` made of its book. The books first: who hears that one moved finds it."""
        word = Word(tuple(books), {venue: tuple(numbers) for venue, numbers in (heard or {}).items()})
        pipe = self._redis.pipeline(transaction=False)
        if books:
            pipe.hset(self._books, mapping=books)
        pipe.xadd(self._moved, {b"w": _encode(word)}, maxlen=MAX_WORDS, approximate=True)
        pipe.expire(self._books, BOOKS_SECONDS)
        pipe.expire(self._moved, BOOKS_SECONDS)
        pipe.execute()


def encode(book: Told) -> bytes:
    return _encode(book)
