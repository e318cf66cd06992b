"""Books into rows, one a price level: a snapshot is a state, a change names the one before it. Must not know sockets."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from core.records import BOOK_DELTAS, BOOK_SNAPSHOTS, Columns
from venues.decoding import integers, microseconds
from venues.deribit import wire

_BID, _ASK = 1, -1
#: Stands for a book, or a change, without any level, so that its number is on record: "nothing at price 0" changes no book.
_NOTHING = wire.Level("delete", 0.0, 0.0)


def is_snapshot(book: wire.Book) -> bool:
    """Frames of 2019 have no `type`; the first of a listing in 2021 called itself a change after 0."""
    return book.type == "snapshot" or not book.prev_change_id


def book_rows(books: Sequence[wire.Book], received: Any) -> dict[str, Columns]:
    """{kind: columns} of the kinds that occur."""
    whole = np.fromiter(map(is_snapshot, books), np.bool_, len(books))
    rows: dict[str, Columns] = {}
    for kind, chosen in ((BOOK_SNAPSHOTS.name, np.flatnonzero(whole)), (BOOK_DELTAS.name, np.flatnonzero(~whole))):
        if len(chosen):
            columns = _levels([books[i] for i in chosen.tolist()], received[chosen])
            if kind == BOOK_SNAPSHOTS.name:
                del columns["previous_id"]
            rows[kind] = columns
    return rows


def _levels(books: Sequence[wire.Book], received: Any) -> dict[str, Any]:
    sides = [(book, side) for book in books for side in _sides(book)]
    counts = np.fromiter((len(side) for _, (_, side) in sides), np.intp, len(sides))
    levels = list(chain.from_iterable(side for _, (_, side) in sides))
    frame = np.repeat(np.repeat(np.arange(len(books)), 2), counts)
    columns = {
        "event_at": microseconds([book.timestamp for book in books])[frame],
        "received_at": received[frame],
        "update_id": integers([book.change_id for book in books])[frame],
        "previous_id": integers([book.prev_change_id or 0 for book in books])[frame],
        "side": np.repeat(np.fromiter((number for _, (number, _) in sides), np.int16, len(sides)), counts),
        "price": np.fromiter((level.price for level in levels), np.float64, len(levels)),
        "quantity": np.fromiter((0.0 if level.action == "delete" else level.amount for level in levels), np.float64, len(levels)),
    }
    kept = _last_of_each(frame, columns["side"], columns["price"])
    if kept is not None:
        frame, columns = frame[kept], {name: column[kept] for name, column in columns.items()}
    return {"symbol": [books[i].instrument_name for i in frame.tolist()], **columns}


def _sides(book: wire.Book) -> tuple[tuple[int, list[wire.Level]], tuple[int, list[wire.Level]]]:
    bids = book.bids if book.bids or book.asks else [_NOTHING]
    return (_BID, bids), (_ASK, book.asks)


def _last_of_each(frame: Any, side: Any, price: Any) -> Any | None:
    """Places that stand when a frame names a level twice, the later one counts; None when none does."""
    order = np.lexsort((price, side, frame))  # stable: of equals the later stands behind
    same = (np.diff(frame[order]) == 0) & (np.diff(side[order]) == 0) & (np.diff(price[order]) == 0)
    if not same.any():
        return None
    return np.sort(order[np.append(~same, True)])
