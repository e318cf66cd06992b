"""Deribit books into rows: states, changes, and levels that are named twice."""

import numpy as np
import pytest

from tests.venues.deribit.frames import BOOK, lists, sent, without
from venues.deribit.frames import decode


def rows(batch, *books) -> dict:
    decoded = decode("book", batch([sent(f"book.{book['instrument_name']}.100ms", book) for book in books]))
    assert not decoded.rejected and not decoded.ignored
    return {kind: lists(columns) for kind, columns in decoded.rows.items()}


def test_a_change_is_a_row_for_each_level_and_names_the_one_before(batch) -> None:
    assert rows(batch, BOOK) == {
        "book_deltas": {
            "symbol": ["ETH-PERPETUAL"] * 3,
            "event_at": [1622627435737000] * 3,
            "received_at": [1_795_300_000_000_000] * 3,
            "update_id": [95] * 3,
            "previous_id": [90] * 3,
            "side": [1, 1, -1],
            "price": [36779.0, 36809.5, 37394.0],
            "quantity": [0.0, 254870.0, 42670.0],
        }
    }


SNAPSHOTS = [
    pytest.param(without(BOOK, "prev_change_id") | {"type": "snapshot"}, id="as documented"),
    pytest.param(without(BOOK, "prev_change_id", "type"), id="as in 2019"),
    pytest.param(BOOK | {"type": "snapshot"}, id="with a number before it, as in 2022"),
    pytest.param(BOOK | {"prev_change_id": 0}, id="a change after 0, as in 2021"),
    pytest.param(BOOK | {"prev_change_id": None}, id="null"),
]


@pytest.mark.parametrize("book", SNAPSHOTS)
def test_a_snapshot_is_a_state(book, batch) -> None:
    (kind, columns), *others = rows(batch, book).items()
    assert (kind, others) == ("book_snapshots", [])
    assert set(columns) == {"symbol", "event_at", "received_at", "update_id", "side", "price", "quantity"}
    assert columns["update_id"] == [95] * 3


def test_states_and_changes_of_one_batch_keep_their_times(batch) -> None:
    snapshot = without(BOOK, "prev_change_id") | {"type": "snapshot", "change_id": 90, "asks": []}
    found = rows(
        batch, snapshot, BOOK, snapshot | {"instrument_name": "B", "change_id": 91}, BOOK | {"change_id": 99, "prev_change_id": 95}
    )
    states, deltas = found["book_snapshots"], found["book_deltas"]
    assert (states["symbol"], states["update_id"]) == (["ETH-PERPETUAL"] * 2 + ["B"] * 2, [90, 90, 91, 91])
    assert (deltas["update_id"], deltas["previous_id"]) == ([95] * 3 + [99] * 3, [90] * 3 + [95] * 3)
    first = 1_795_300_000_000_000
    assert states["received_at"] == [first, first, first + 200, first + 200]
    assert deltas["received_at"] == [first + 100] * 3 + [first + 300] * 3


@pytest.mark.parametrize(("book", "kind"), [(BOOK, "book_deltas"), (BOOK | {"type": "snapshot"}, "book_snapshots")])
def test_a_book_without_levels_is_on_record_by_its_number(book, kind: str, batch) -> None:
    columns = rows(batch, book | {"bids": [], "asks": []}, book | {"change_id": 96, "bids": []})[kind]
    assert [columns[name] for name in ("update_id", "side", "price", "quantity")] == [[95, 96], [1, -1], [0.0, 37394.0], [0.0, 42670.0]]


def test_a_deleted_level_has_nothing_whatever_its_amount_says(batch) -> None:
    assert rows(batch, BOOK | {"bids": [["delete", 1.5, 7.0]], "asks": []})["book_deltas"]["quantity"] == [0.0]


def test_a_level_named_twice_counts_as_it_is_named_last(batch) -> None:
    twice = BOOK | {"bids": [["delete", 2.0, 0.0], ["new", 1.0, 5.0], ["new", 2.0, 6.0]], "asks": [["new", 2.0, 7.0]]}
    columns = rows(batch, twice, twice | {"change_id": 99})["book_deltas"]
    assert columns["update_id"] == [95, 95, 95, 99, 99, 99]
    assert columns["side"] == [1, 1, -1, 1, 1, -1]
    assert columns["price"] == [1.0, 2.0, 2.0] * 2
    assert columns["quantity"] == [5.0, 6.0, 7.0] * 2


def test_a_window_of_a_book_is_left_out(batch) -> None:
    window = without(BOOK, "type", "prev_change_id")
    for bids, asks in (([[1.0, 2.0]], []), ([], [])):
        frame = sent("book.ETH-PERPETUAL.none.20.100ms", window | {"bids": bids, "asks": asks})
        assert decode("book", batch([frame])).ignored == {"grouped book": 1}


def test_levels_make_the_book_that_was_sent(batch) -> None:
    """A book kept by the rows is the book that a client keeps by the frames."""
    rng = np.random.default_rng(7)
    held: dict[tuple[int, float], float] = {}
    books = [without(BOOK, "prev_change_id") | {"type": "snapshot", "change_id": 1, "bids": [], "asks": []}]
    for number in range(2, 400):
        changed = []
        for side, name in ((1, "bids"), (-1, "asks")):
            for price in rng.choice(20, rng.integers(0, 4), replace=False) / 2 + 0.5:
                level = (side, float(price))
                amount = float(rng.integers(0, 5))
                action = "delete" if not amount else "change" if level in held else "new"
                held.pop(level, None) if not amount else held.update({level: amount})
                changed.append((name, [action, float(price), amount]))
        books.append(
            BOOK | {"change_id": number, "prev_change_id": number - 1} | {n: [c for m, c in changed if m == n] for n in ("bids", "asks")}
        )
    columns = rows(batch, *books)["book_deltas"]
    kept = {(side, price): amount for side, price, amount in zip(columns["side"], columns["price"], columns["quantity"], strict=True)}
    assert {level: amount for level, amount in kept.items() if amount} == held
