"""Books into rows: a snapshot is a state and its levels, a delta is a signed change. Must not know sockets.

Both sides of a market are bids: for YES, and for NO. A bid for NO at 1 - p is an ask for YES at p, and is a row at p.
"""

from itertools import chain
from typing import Any

import numpy as np

from core.records import BOOK_CHANGES, BOOK_SNAPSHOTS, BOOK_STATES, Columns
from venues.decoding import constant, floats, integers
from venues.kalshi import wire
from venues.kalshi.parts import Part

BID, ASK = 1, -1
#: Prices have six decimals at most: 1 - p is brought back to the venue's own decimal.
_DECIMALS = 6


def yes_prices(prices: Any) -> Any:
    """Prices of NO as prices of YES, each the double nearest to its decimal."""
    return np.round(1.0 - prices, _DECIMALS)


def states(part: Part) -> dict[str, Columns]:
    """A book has no time of its own: it is as old as its sending, or else as its arrival. It comes before every change of its time."""
    books: list[wire.Book] = [row.msg for row in part.rows]
    times = part.times([row.sending_ts_ms for row in part.rows])
    head = part.head(books, times)
    levels = book_levels(books, yes_price=part.yes_price)
    found = {BOOK_STATES: {**head, "update_id": constant(0, len(books))}}
    numbered = {**head, "update_id": integers([row.seq for row in part.rows])}
    return found | ({BOOK_SNAPSHOTS.name: spread(numbered, levels)} if len(levels["at"]) else {})


def spread(head: Columns, levels: Columns) -> Columns:
    """One row a level, each with what `head` says of its book."""
    at = levels["at"]
    of_books = {name: [column[i] for i in at.tolist()] if name == "symbol" else column[at] for name, column in head.items()}
    return {**of_books, **{name: column for name, column in levels.items() if name != "at"}}


def book_levels(books: list[wire.Book], *, yes_price: bool) -> dict[str, Any]:
    """`at` (place of the book), side, price and quantity of every level."""
    sides = [(i, side, levels) for i, book in enumerate(books) for side, levels in ((BID, book.yes_dollars_fp), (ASK, book.no_dollars_fp))]
    counts = [len(levels) for _, _, levels in sides]
    flat = list(chain.from_iterable(levels for _, _, levels in sides))
    side = np.repeat(np.fromiter((side for _, side, _ in sides), np.int16, len(sides)), counts)
    price = floats([level.price for level in flat])
    return {
        "at": np.repeat(np.fromiter((i for i, _, _ in sides), np.int64, len(sides)), counts),
        "side": side,
        "price": price if yes_price else np.where(side == ASK, yes_prices(price), price),
        "quantity": floats([level.count for level in flat]),
    }


def changes(part: Part) -> dict[str, Columns]:
    deltas: list[wire.Delta] = [row.msg for row in part.rows]
    side = np.where(np.fromiter((row.side == "yes" for row in deltas), np.bool_, len(deltas)), np.int16(BID), np.int16(ASK))
    price = floats([row.price_dollars for row in deltas])
    columns = {
        **part.head(deltas, part.times([row.ts_ms for row in deltas])),
        "side": side,
        "price": price if part.yes_price else np.where(side == ASK, yes_prices(price), price),
        "change": floats([row.delta_fp for row in deltas]),
    }
    return {BOOK_CHANGES: columns}
