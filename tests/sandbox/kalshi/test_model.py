"""The market model by itself: grids, texts, books that never cross, and a tape that is read page by page."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kalshi.books import NO, YES, Book
from sandbox.kalshi.grids import DOLLAR, STRUCTURES, contracts, prices
from sandbox.kalshi.records import TRADE
from sandbox.kalshi.tape import BLOCK, Tape
from sandbox.kalshi.times import rfc3339
from sandbox.ledger import Segments

COUNTS = {"linear_cent": 99, "deci_cent": 999, "tapered_deci_cent": 99 + 80 + 100, "center_deci_edge_centi_cent": 99 + 981 + 99}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_grids(structure: str) -> None:
    grid = prices(structure)
    assert len(grid) == COUNTS[structure] and grid[0] > 0 and grid[-1] < DOLLAR
    assert {DOLLAR - price for price in grid} == set(grid), "a price of NO is one of the same grid"


@given(st.integers(-(10**12), 10**12))
def test_counts_have_two_decimals(count: int) -> None:
    text = contracts(count)
    assert round(float(text) * 100) == count and text[-3] == "."


@pytest.mark.parametrize(("us", "text"), [(0, "1970-01-01T00:00:00Z"), (1_786_407_333_463_920, "2026-08-11T00:15:33.46392Z")])
def test_times(us: int, text: str) -> None:
    assert rfc3339(us) == text


@given(st.integers(0, 2**32), st.sampled_from([99, 279, 999]))
def test_books_never_cross_or_fall_below_nothing(seed: int, places: int) -> None:
    rng = random.Random(seed)
    book = Book(places, rng.randrange(places), rng)
    for _ in range(300):
        before = {side: dict(levels) for side, levels in book.sides.items()}
        changes, fills = book.step()
        for change in changes:
            left = before[change.side].get(change.place, 0) + change.change
            assert left == change.quantity >= 0
            before[change.side][change.place] = left
        now = {side: {place: size for place, size in levels.items() if size} for side, levels in before.items()}
        assert now == book.sides
        bid, ask = book.best(YES), book.best(NO)
        assert bid is None or ask is None or bid < ask
        assert all(0 <= place < places for levels in book.sides.values() for place in levels)
        assert all(fill.size > 0 for fill in fills)


def test_the_tape_is_read_backwards_over_blocks_and_segments(tmp_path: Path) -> None:
    total = 2 * BLOCK + 700
    segments = Segments(tmp_path, "trades", TRADE, segment_bytes=TRADE.itemsize * (BLOCK + 300), keep=9)
    tape = Tape(segments)
    rows = np.zeros(total, TRADE)
    rows["number"], rows["created_us"] = np.arange(1, total + 1), 1000 * np.arange(1, total + 1)
    for start in range(0, total, 999):
        tape.append(rows[start : start + 999])
    for before, newest in ((None, 2**60), (BLOCK, 2**60), (None, 1000 * 17_000)):
        found = np.concatenate([block[::-1] for block in tape.newest_first(before, newest)])["number"].tolist()
        last = min(total if before is None else before - 1, newest // 1000)
        assert found == list(range(last, 0, -1))
    segments.close()
    segments = Segments(tmp_path, "trades", TRADE, segment_bytes=TRADE.itemsize * (BLOCK + 300), keep=9)
    assert sum(len(block) for block in Tape(segments).newest_first(None, 2**60)) == total
    segments.close()
