"""Books into rows: whole states, and changes with what the venue claims of the top after them. Must not know sockets."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from core.records import BOOK_CLAIMS, BOOK_DELTAS, BOOK_SNAPSHOTS, BOOK_STATES, Columns
from venues.decoding import floats, integers, microseconds
from venues.polymarket import wire
from venues.polymarket.identity import state_numbers

BID, ASK = 1, -1
_SIDES = {"BUY": BID, "SELL": ASK}
#: Stands for a book without any level, so that its number is on record: "nothing at price 0" changes no book.
_NOTHING = wire.Level(0.0, 0.0)

AnyBook = wire.Book | wire.RestBook


def state_rows(books: Sequence[AnyBook], at: Any, received: Any) -> dict[str, Columns]:
    """One row of BOOK_STATES a book, and one of book_snapshots a level."""
    head = {
        "event_at": microseconds([book.timestamp for book in books]),
        "received_at": received,
        "frame": at,
        "update_id": state_numbers([book.hash for book in books], lambda place: _identity(books[place])),
    }
    symbols = [book.asset_id for book in books]
    sides = [side for book in books for side in _sides(book)]
    counts = integers([len(side) for _, side in sides])
    levels = list(chain.from_iterable(side for _, side in sides))
    of_book = np.repeat(np.repeat(np.arange(len(books)), 2), counts)
    columns = {
        "symbol": [symbols[book] for book in of_book.tolist()],
        **{name: column[of_book] for name, column in head.items()},
        "side": np.repeat(np.array([number for number, _ in sides], np.int16), counts),
        "price": floats([level.price for level in levels]),
        "quantity": floats([level.size for level in levels]),
    }
    return {BOOK_STATES: {"symbol": symbols, **head}, BOOK_SNAPSHOTS.name: columns}


def _sides(book: AnyBook) -> tuple[tuple[int, list[wire.Level]], tuple[int, list[wire.Level]]]:
    bids = book.bids if book.bids or book.asks else [_NOTHING]
    return (BID, bids), (ASK, book.asks)


def _identity(book: AnyBook) -> str:
    sides = ";".join(",".join(f"{level.price!r}x{level.size!r}" for level in side) for side in (book.bids, book.asks))
    return f"{book.asset_id}:{book.timestamp}:{sides}"


def change_rows(frames: Sequence[wire.PriceChange], at: Any, received: Any) -> dict[str, Columns]:
    """One row of book_deltas a change, and the last claim of a frame on each token: it holds after all of the frame."""
    counts = integers([len(frame.price_changes) for frame in frames])
    of_frame = np.repeat(np.arange(len(frames)), counts)
    changes = [change for frame in frames for change in frame.price_changes]
    times = microseconds([frame.timestamp for frame in frames])[of_frame]
    place, symbols = np.asarray(at)[of_frame], [change.asset_id for change in changes]
    head = {"event_at": times, "received_at": received[of_frame], "frame": place}
    deltas = {
        "symbol": symbols,
        **head,
        "update_id": state_numbers([change.hash for change in changes], lambda place: _change_identity(times[place], changes[place])),
        "previous_id": None,
        "side": np.array([_SIDES[change.side] for change in changes], np.int16),
        "price": floats([change.price for change in changes]),
        "quantity": floats([change.size for change in changes]),
    }
    return {BOOK_DELTAS.name: deltas, **_claims(changes, head, symbols)}


def _change_identity(us: int, change: wire.Change) -> str:
    return f"{change.asset_id}:{us // 1000}:{change.side}:{change.price!r}:{change.size!r}"


def _claims(changes: Sequence[wire.Change], head: dict[str, Any], symbols: Sequence[str]) -> dict[str, Columns]:
    last = {(place, symbol): i for i, (place, symbol) in enumerate(zip(head["frame"].tolist(), symbols, strict=True))}
    kept = [i for i in sorted(last.values()) if changes[i].best_bid is not None and changes[i].best_ask is not None]
    if not kept:
        return {}
    columns = {
        "symbol": [symbols[i] for i in kept],
        **{name: column[kept] for name, column in head.items()},
        "bid_price": floats([changes[i].best_bid or 0.0 for i in kept]),
        # 1, and sometimes 0, where nothing is offered
        "ask_price": floats([(changes[i].best_ask or 0.0) % 1 for i in kept]),
    }
    return {BOOK_CLAIMS: columns}
