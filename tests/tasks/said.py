"""What a stream says of books, written down in short."""

from typing import Any

import numpy as np

from tasks.books import Books
from tasks.order_book import Doubt
from tasks.replay import Taken, take

STATE, LEVEL, DELTA, CHANGE, CLAIM, EPOCH = "book_states", "book_snapshots", "book_deltas", "book_changes", "book_claims", "book_epochs"
SECOND = 1_000_000
#: what a row has beside its clocks, frame and instrument
FIELDS = {
    STATE: ("update_id",),
    LEVEL: ("update_id", "side", "price", "quantity"),
    DELTA: ("update_id", "side", "price", "quantity"),
    CHANGE: ("side", "price", "change"),
    CLAIM: ("bid_price", "ask_price"),
    EPOCH: (),
}
Said = tuple[int, int, str, tuple[float, ...]]  # (frame, event time in us, kind, fields)


def batch(*said: Said, instrument: int = 7) -> dict[str, dict[str, Any]]:
    rows: dict[str, list[tuple[float, ...]]] = {}
    for frame, event_us, kind, fields in said:
        rows.setdefault(kind, []).append((frame, event_us, event_us + 1, instrument, *fields))
    made = {}
    for kind, found in rows.items():
        names = ("frame", "event_at", "received_at", "instrument_id", *FIELDS[kind])
        made[kind] = {name: np.array(column) for name, column in zip(names, zip(*found, strict=True), strict=True)}
        made[kind]["symbol"] = ["X"] * len(found)
    return made


def state(frame: int, event_us: int, bids: dict[float, float], asks: dict[float, float]) -> list[Said]:
    levels = [(1, *level) for level in bids.items()] + [(-1, *level) for level in asks.items()]
    return [(frame, event_us, STATE, (frame,)), *((frame, event_us, LEVEL, (frame, *level)) for level in levels)]


def tops(taken: Taken) -> list[tuple[float, ...]]:
    quotes = taken.rows.get("quotes")
    if quotes is None:
        return []
    names = ("event_at", "update_id", "bid_price", "bid_quantity", "ask_price", "ask_quantity")
    return list(zip(*(quotes[name].tolist() for name in names), strict=True))


def known(bids: dict[float, float], asks: dict[float, float]) -> Books:
    books = Books()
    take(books, "c", batch(*state(0, 1, bids, asks)))
    return books


LATER = 10_000_000


def doubts(taken: Taken) -> list[Doubt]:
    return [one for one in taken.told if isinstance(one, Doubt)]
