"""What numbered frames and replayed books prove of a batch, as notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.records import BOOK_CHANGES, Columns
from core.venue import Numbered
from db.evidence import BookDoubted, BookHeld, BookTrusted, Note, NumberGap, Place
from db.witnesses import BOOK, Witnessed
from tasks.book_rows import HOLES
from tasks.books import Books
from tasks.continuity import Chain, Sockets
from tasks.order_book import Doubt, Trust
from tasks.reader import Reader
from tasks.replay import FORGOTTEN, take


def number_gaps(
    sockets: Sockets, connection_id: str, numbered: Numbered, rows: Mapping[str, Columns], received_us: Any
) -> tuple[list[tuple[int, NumberGap]], list[int]]:
    """Numbers that a connection of the shard left out, with the times around them, each before the frame of this place; and the frames
    that it was sent once more."""
    gaps = []
    holes, again = sockets.connections[connection_id].count(numbered)
    for scope, first, last, frame in holes:
        before, after = _around(rows, frame)
        since_us = int(received_us[frame - 1]) if frame else sockets.last_received_us
        since_event_us = before or sockets.last_event_us
        gaps.append((frame, NumberGap(sockets.place, scope, first, last, since_event_us, after, since_us, int(received_us[frame]))))
    return gaps, again


def once(rows: Mapping[str, Columns], again: Sequence[int]) -> tuple[Mapping[str, Columns], int]:
    """Without the changes of these frames, which would count twice; of any other row a second copy is a no-op."""
    if not again or BOOK_CHANGES not in rows:
        return rows, 0
    changes = rows[BOOK_CHANGES]
    kept = ~np.isin(changes["frame"], again)
    chosen = {
        name: [one for one, keep in zip(column, kept, strict=True) if keep] if isinstance(column, list) else column[kept]
        for name, column in changes.items()
    }
    return {**rows, BOOK_CHANGES: chosen}, int((~kept).sum())


def _around(rows: Mapping[str, Columns], frame: int) -> tuple[int | None, int | None]:
    """(newest event time before the frame, oldest from it on), in us."""
    placed = [columns for columns in rows.values() if "frame" in columns]
    frames = np.concatenate([columns["frame"] for columns in placed]) if placed else np.zeros(0, np.int64)
    events = np.concatenate([columns["event_at"] for columns in placed]) if placed else np.zeros(0, np.int64)
    before, after = events[frames < frame], events[frames >= frame]
    return int(before.max()) if len(before) else None, int(after.min()) if len(after) else None


@dataclass(frozen=True, slots=True)
class Replayed:
    """`wishes`: symbols whose whole state should be asked for anew, "" for all of the stream."""

    rows: Mapping[str, Columns]
    notes: Sequence[Note]
    wishes: set[str]
    unknown: int


def replay(books: Books, place: Place, connection_id: str, rows: Mapping[str, Columns], holes: Sequence[tuple[int, NumberGap]]) -> Replayed:
    """The batch through the connection's books. A hole in its numbers puts in doubt all that does not begin anew behind it."""
    frames = [frame for frame, _ in holes]
    since = [gap.event_from_us or gap.received_to_us for _, gap in holes]
    taken = take(books, connection_id, {**rows, HOLES: {"frame": np.array(frames, np.int64), "event_at": since}})
    # Where all of a stream was forgotten, all of it has been asked for.
    doubted = {one.instrument_id for one in taken.told if isinstance(one, Doubt) and one.cause != FORGOTTEN}
    wishes = {""} if holes else _symbols(rows, taken.epochs | doubted)
    return Replayed(taken.rows, _notes(place, taken.told), wishes, taken.unknown)


def ended(books: Books, place: Place, live: Sequence[str]) -> list[Note]:
    """What is not known any more now that only these connections live."""
    return _notes(place, books.keep_only(live))


def _notes(place: Place, told: Sequence[Doubt | Trust]) -> list[Note]:
    """A twin that holds the book in good faith keeps it whole: what is asked for anew then is no gap."""
    notes: list[Note] = []
    for one in told:
        if isinstance(one, Trust):
            notes.append(BookTrusted(place, one.instrument_id, one.event_us))
        elif one.alone:
            notes.append(BookDoubted(place, one.instrument_id, one.since_us, one.cause))
    return notes


def follow(chain: Chain, place: Place, rows: Mapping[str, Columns]) -> tuple[list[Note], set[str]]:
    """The batch along its chain: (notes, symbols whose whole state should be asked for anew)."""
    notes, wanted = chain.follow(place, rows)
    return notes, _symbols(rows, wanted)


def mended(readers: Sequence[Reader]) -> list[Note]:
    """What was in doubt on one replica of a place and another has brought whole."""
    chains = [(reader.sockets.place, reader.chain) for reader in readers if reader.chain is not None]
    return [
        BookHeld(place, instrument)
        for place, chain in chains
        for instrument in chain.mend(other for _, other in chains if other is not chain)
    ]


def _symbols(rows: Mapping[str, Columns], wanted: set[int]) -> set[str]:
    if not wanted:
        return set()
    return {
        symbol
        for columns in rows.values()
        for number, symbol in zip(np.asarray(columns["instrument_id"]).tolist(), columns["symbol"], strict=True)
        if number in wanted
    }


def witnessed(
    books: Books, place: Place, claims: Sequence[tuple[str, int, float, float]], numbers: Any, at_us: int
) -> tuple[list[Note], set[str], bool]:
    """Claims that a witness heard then (our clock), whose instruments have these numbers: (notes, symbols to ask for anew, whether asking
    anew did not help)."""
    heard = books.witness([(int(number), *claim[1:]) for number, claim in zip(numbers, claims, strict=True)])
    wanted = heard.still | {doubt.instrument_id for doubt in heard.doubts} | books.unheard([int(number) for number in numbers])
    looks = [Witnessed(place.venue, place.channel, number, BOOK, at_us, agrees) for number, agrees in heard.verdicts]
    symbols = {claim[0] for number, claim in zip(numbers, claims, strict=True) if int(number) in wanted}
    return [*_notes(place, heard.doubts), *looks], symbols, bool(heard.still)
