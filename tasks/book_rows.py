"""What a batch says of books, in the order in which the stream told it. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.records import BOOK_CHANGES, BOOK_CLAIMS, BOOK_DELTAS, BOOK_EPOCHS, BOOK_SNAPSHOTS, BOOK_STATES, Columns

#: Beside the kinds: `frame`s before which numbers of the connection are missing, and `event_at` since when.
HOLES = "holes"

#: Of what one frame says a hole comes first, and claims last.
HOLE, EPOCH, STATE, SNAPSHOT, DELTA, CHANGE, CLAIM = range(7)
CODES = {
    HOLES: HOLE,
    BOOK_EPOCHS: EPOCH,
    BOOK_STATES: STATE,
    BOOK_SNAPSHOTS.name: SNAPSHOT,
    BOOK_DELTAS.name: DELTA,
    BOOK_CHANGES: CHANGE,
    BOOK_CLAIMS: CLAIM,
}


def in_order(parts: Mapping[str, Columns]) -> tuple[list[int], list[int]]:
    """(kind, place in its columns) of every row as the stream told them: by frame, and in one frame as CODES has them."""
    codes = np.concatenate([np.full(len(columns["frame"]), CODES[name]) for name, columns in parts.items()])
    places = np.concatenate([np.arange(len(columns["frame"])) for columns in parts.values()])
    frames = np.concatenate([np.asarray(columns["frame"]) for columns in parts.values()])
    order = np.argsort(frames * len(CODES) + codes, kind="stable")
    return codes[order].tolist(), places[order].tolist()


def lists(name: str, columns: Columns) -> list[tuple[Any, ...]]:
    """Rows of (frame, instrument, event, received, update id, side, price, quantity or change); of a claim: bid and ask, 0 for none."""
    count = len(columns["frame"])
    nothing = [0] * count

    def column(*names: str) -> list[Any]:
        found = next((columns[name] for name in names if name in columns), None)
        return nothing if found is None else np.nan_to_num(np.asarray(found)).tolist()

    prices = (column("bid_price"), column("ask_price")) if name == BOOK_CLAIMS else (column("price"), column("quantity", "change"))
    head = (column("frame"), column("instrument_id"), column("event_at"), column("received_at"), column("update_id"), column("side"))
    return list(zip(*head, *prices, strict=True))
