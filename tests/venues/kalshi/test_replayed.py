"""Recorded windows through the writer's books: no doubt, and every level and top is the exact sum of what the venue said."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.records import BOOK_CHANGES, BOOK_DELTAS, BOOK_SNAPSHOTS, BOOK_STATES, QUOTES
from tasks.books import Books
from tasks.replay import take
from tests.venues.kalshi.test_recorded import OF_NO, WINDOWS, decoded, in_order, window_of


@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_replays_to_exact_levels_and_tops(captures: Path, batch: Any, name: str) -> None:
    books, exact = Books(), dict[tuple[int, float], Decimal]()
    doubts: list[Any] = []
    levels: list[tuple[int, float, float]] = []
    sums: list[tuple[int, float, float]] = []
    quotes: list[tuple[float, ...]] = []
    tops: list[tuple[float, ...]] = []
    for one in decoded(batch, window_of(captures, name), **OF_NO):
        rows = {kind: {**columns, "instrument_id": np.ones(len(columns["symbol"]), np.int32)} for kind, columns in one.rows.items()}
        taken = take(books, "c", rows)
        doubts += taken.told
        assert not taken.unknown
        found = taken.rows.get(BOOK_DELTAS.name)
        levels += [] if found is None else list(zip(*(found[key].tolist() for key in ("side", "price", "quantity")), strict=True))
        told = taken.rows.get(QUOTES.name)
        quotes += [] if told is None else list(zip(*(told[key].tolist() for key in _TOP), strict=True))
        number = -1
        for kind, side, price, amount, update_id in in_order(one):
            if update_id != number:
                tops.append(_top(exact))
                number = update_id
            if kind == BOOK_STATES:
                exact.clear()
            elif kind == BOOK_SNAPSHOTS.name:
                exact[side, price] = amount
            else:
                assert kind == BOOK_CHANGES
                exact[side, price] = exact.get((side, price), Decimal(0)) + amount
                sums.append((side, price, float(exact[side, price])))
                if not exact[side, price]:
                    del exact[side, price]
    tops.append(_top(exact))
    moved = [top for before, top in zip([_top({}), *tops], tops, strict=False) if top != before]
    assert not doubts and len(levels) == WINDOWS[name][1]
    assert levels == sums
    assert quotes == moved and len(quotes) > 1000


_TOP = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")


def _top(book: dict[tuple[int, float], Decimal]) -> tuple[float, ...]:
    bid = max((price for side, price in book if side > 0), default=0.0)
    ask = min((price for side, price in book if side < 0), default=0.0)
    return bid, float(book.get((1, bid), 0)), ask, float(book.get((-1, ask), 0))
