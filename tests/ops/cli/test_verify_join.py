"""The comparison of ledger and table on made-up rows: each category by itself, and what joining in pieces must not change."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from core.records import KINDS
from ops.verify.compared import Comparison, Rows, bits, id_of, keys, rows_of_ledger, rows_of_table, shown, symbol_of
from ops.verify.explain import Gap, explain_absent, explain_unmatched
from ops.verify.join import Join
from ops.verify.kinds import (
    BOOK_DELTAS,
    BOOK_SNAPSHOTS,
    COMPARISONS,
    FREE_DELTAS,
    FREE_SNAPSHOTS,
    HASHED_TRADES,
    QUOTES,
    TICKERS,
    UNNUMBERED_QUOTES,
)
from ops.verify.kinds import TRADES as TRADES_OF_ALL
from sandbox import engine
from sandbox.deribit import records as deribit_records
from sandbox.polymarket import records as polymarket_records

TORN, SKIPPED, CORRUPT = 1, 2, 5
#: As far as a ledger without options goes.
TRADES = dataclasses.replace(TRADES_OF_ALL, values=TRADES_OF_ALL.values[:6])
LEDGER_QUOTE = np.dtype(
    [
        ("symbol", "<u4"),
        ("update_id", "<i8"),
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("bid", "<f8"),
        ("bid_quantity", "<f8"),
        ("ask", "<f8"),
        ("ask_quantity", "<f8"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)


def quotes(*rows: tuple[int, int, int], bid: float = 1.5, fault: int = 0) -> Rows:
    """Rows of (symbol, id, event_us)."""
    records = np.zeros(len(rows), LEDGER_QUOTE)
    for record, (symbol, number, event_us) in zip(records, rows, strict=True):
        record["symbol"], record["update_id"], record["event_us"], record["bid"], record["fault"] = symbol, number, event_us, bid, fault
    return rows_of_ledger(QUOTES, records)


def joined(ledger: Rows, table: Rows, pieces: int = 1) -> Join:
    join = Join(QUOTES)
    for part in np.array_split(ledger, pieces):
        join.add_ledger(part)
    for part in np.array_split(table, pieces):
        join.add_table(part)
        join.match()
    return join


def test_equal_rows_are_stored_in_any_order_and_in_any_pieces() -> None:
    ledger = quotes(*((symbol, number, 1000 + number) for number in range(50) for symbol in (0, 7)))
    table = ledger[np.random.default_rng(1).permutation(len(ledger))]
    for pieces in (1, 3, 100):
        join = joined(ledger, table, pieces)
        assert (join.outcome.emitted, join.outcome.stored, join.outcome.different) == (100, 100, 0)
        assert [len(rows) for rows in join.rest()] == [0, 0]


def test_the_same_id_of_two_instruments_is_two_rows() -> None:
    join = joined(quotes((1, 5, 10), (2, 5, 10)), quotes((2, 5, 10)))
    absent, _ = join.rest()
    assert [symbol_of(row["key"]) for row in absent] == [1]


@pytest.mark.parametrize(
    ("stored", "different"),
    [
        (1.5, 0),
        (np.nextafter(1.5, 2), 1),  # the last bit
        (-1.5, 1),
        (float("nan"), 1),
    ],
)
def test_values_are_compared_to_the_last_bit(stored: float, different: int) -> None:
    join = joined(quotes((1, 5, 10)), quotes((1, 5, 10), bid=stored))
    assert join.outcome.different == different
    assert join.outcome.stored == 1 - different
    assert len(join.outcome.examples) == different


def test_examples_are_bounded() -> None:
    rows = [(1, number, 10) for number in range(1000)]
    join = joined(quotes(*rows), quotes(*rows, bid=2.0), pieces=7)
    assert join.outcome.different == 1000
    assert len(join.outcome.examples) == 20


def test_a_state_that_was_told_to_several_sockets_is_one_row() -> None:
    records = np.zeros(4, polymarket_records.SNAPSHOT)
    records["update_id"], records["price"], records["side"], records["event_us"] = [2**60, 2**61, 2**60, 2**61], 0.5, 1, 1000
    ledger = rows_of_ledger(FREE_SNAPSHOTS, records)
    join = Join(FREE_SNAPSHOTS)
    join.add_ledger(ledger)
    join.add_table(ledger[:1])
    join.match()
    absent, unmatched = join.rest()
    assert (join.outcome.emitted, join.outcome.stored, len(absent), len(unmatched)) == (2, 1, 1, 0)


def test_nothing_on_either_side() -> None:
    nothing = quotes()
    assert joined(nothing, nothing).outcome.emitted == 0
    assert len(joined(nothing, quotes((1, 1, 1))).rest()[1]) == 1
    assert len(joined(quotes((1, 1, 1)), nothing).rest()[0]) == 1


# --- rows that are not there
ROWS = ((1, 5, 100), (1, 6, 200), (2, 9, 200), (1, 7, 300))


@pytest.mark.parametrize(
    ("gaps", "missing_ids"),
    [
        pytest.param([], [5, 6, 9, 7], id="no gap explains nothing"),
        pytest.param([Gap(200, 300)], [5], id="both ends of a deaf time belong to it"),
        pytest.param([Gap(201, 299)], [5, 6, 9, 7], id="a gap between the rows"),
        pytest.param([Gap(200, None)], [5], id="still deaf"),
        pytest.param([Gap(None, 100)], [6, 9, 7], id="deaf before the first row"),
        pytest.param([Gap(100, 200, 1, doubt=True)], [9, 7], id="a book in doubt has no tops"),
        pytest.param([Gap(100, 200, 1)], [5, 6, 9, 7], id="what was said of it meanwhile is to be there"),
        pytest.param([Gap(100, 300, 1, 5, 7)], [5, 6, 9, 7], id="a hole in the ids alone is no excuse"),
        pytest.param([Gap(100, 300, 1, 6, 7), Gap(290, 295)], [5, 9], id="a hole that overlaps a deaf time is"),
        pytest.param([Gap(100, 200, 1, 6, 7), Gap(290, 295)], [5, 6, 9, 7], id="a hole beside a deaf time is not"),
    ],
)
def test_gaps_explain_rows_that_are_absent(gaps: list[Gap], missing_ids: list[int]) -> None:
    found = explain_absent(quotes(*ROWS), gaps, [])
    assert [id_of(row["key"]) for row in found.missing] == missing_ids
    assert found.counted_loss == len(ROWS) - len(missing_ids)


@pytest.mark.parametrize(
    ("fault", "in_quarantine", "quarantined"),
    [
        pytest.param(TORN, [1, 1, 2, 1], 4, id="a frame each"),
        pytest.param(CORRUPT, [1, 1, 2, 1, 1, 1], 4, id="more frames than rows: two sockets"),
        pytest.param(TORN, [1, 1], 2, id="the other rows are missing"),
        pytest.param(TORN, [2, 2, 2], 1, id="of another instrument"),
        pytest.param(TORN, [-1, -1], 2, id="a frame that does not tell its instrument"),
        pytest.param(0, [1, 1, 2, 1], 0, id="a sound frame has no business there"),
        pytest.param(SKIPPED, [1, 1, 2, 1], 0, id="nor one that was not sent"),
    ],
)
def test_quarantine_explains_frames_that_nobody_could_read(fault: int, in_quarantine: list[int], quarantined: int) -> None:
    found = explain_absent(quotes(*ROWS, fault=fault), [], in_quarantine)
    assert (found.quarantined, found.counted_loss, len(found.missing)) == (quarantined, 0, len(ROWS) - quarantined)


def test_a_torn_frame_that_was_lost_too_is_counted_once() -> None:
    found = explain_absent(quotes(*ROWS, fault=TORN), [Gap(None, None)], [1])
    assert (found.quarantined, found.counted_loss, len(found.missing)) == (1, 3, 0)


# --- rows that should not be there
def test_a_row_that_was_never_emitted_is_surplus() -> None:
    extras = explain_unmatched(quotes((1, 99, 100)), quotes(), quotes())
    assert (len(extras.surplus), len(extras.duplicate), extras.moved) == (1, 0, [])


def test_a_second_copy_under_another_time_is_a_duplicate() -> None:
    emitted = quotes((1, 5, 100))
    join = joined(emitted, quotes((1, 5, 100), (1, 5, 101)))
    absent, unmatched = join.rest()
    extras = explain_unmatched(unmatched, absent, emitted)
    assert (join.outcome.stored, len(extras.duplicate), len(extras.surplus)) == (1, 1, 0)


def test_a_row_under_another_time_is_different_and_not_missing() -> None:
    emitted = quotes((1, 5, 100))
    join = joined(emitted, quotes((1, 5, 101), (1, 5, 102)))
    absent, unmatched = join.rest()
    extras = explain_unmatched(unmatched, absent, emitted)
    assert [(place, int(row["event_us"])) for place, row in extras.moved] == [(0, 101)]
    assert len(extras.duplicate) == 1


def test_a_row_that_nobody_was_given_may_have_been_fetched_once() -> None:
    undelivered = quotes((1, 5, 100), (1, 6, 100))
    extras = explain_unmatched(quotes((1, 5, 100), (1, 6, 101)), quotes(), undelivered)
    assert [id_of(row["key"]) for row in extras.duplicate] == [6]
    assert not len(extras.surplus)


# --- both sides into one shape
def ledger_trade(**changes: Any) -> Rows:
    fields = {"symbol": 3, "id": 77, "event_us": 1_700_000_000_000_000, "sent_us": 5, "price": 0.1, "quantity": 2.0, "quantity_no_rpi": 0.0}
    fields |= {"first_id": 10, "last_id": 12, "buyer_maker": 1, "delivered": 1, "fault": 0} | changes
    types = {name: "<f8" if name in ("price", "quantity", "quantity_no_rpi") else "<i8" for name in fields}
    record = np.zeros(1, np.dtype(list(types.items())))
    for name, value in fields.items():
        record[name] = value
    return rows_of_ledger(TRADES, record)


def table_trade(price: float = 0.1, side: int = -1, without_rpi: float = 0.0) -> Rows:
    columns = [np.array([value]) for value in (price, 2.0, side, without_rpi, 10, 12)]
    return rows_of_table(TRADES, np.array([3]), np.array([77]), np.array([1_700_000_000_000_000]), columns)


def test_a_trade_looks_the_same_from_both_sides() -> None:
    join = Join(TRADES)
    join.add_ledger(ledger_trade())
    join.add_table(table_trade())
    join.match()
    assert join.outcome.stored == 1


@pytest.mark.parametrize("row", [table_trade(side=1), table_trade(without_rpi=float("nan")), table_trade(price=0.1 + 2**-55)])
def test_a_trade_that_differs_in_one_value(row: Rows) -> None:
    join = Join(TRADES)
    join.add_ledger(ledger_trade())
    join.add_table(row)
    join.match()
    assert join.outcome.different == 1


def test_keys_take_a_whole_venue_and_refuse_what_does_not_fit() -> None:
    key = keys(np.array([65_535]), np.array([2**48 - 1]))[0]
    assert (symbol_of(key), id_of(key)) == (65_535, 2**48 - 1)
    for number in (2**48, -1):
        with pytest.raises(ValueError, match="48 bits"):
            keys(np.array([1]), np.array([number]))


def test_shown_values_read_as_the_venue_wrote_them() -> None:
    row = table_trade()[0]
    assert shown(TRADES, row["values"]) == {
        "price": 0.1,
        "quantity": 2.0,
        "side": -1,
        "quantity_without_rpi": 0.0,
        "first_trade_id": 10,
        "last_trade_id": 12,
    }


@pytest.mark.parametrize("comparison", COMPARISONS, ids=[f"{c.kind} {c.ledger_id}" for c in COMPARISONS])
def test_every_value_of_the_table_is_compared(comparison: Comparison) -> None:
    compared = {"event_at", "instrument_id", comparison.table_id, *(value.table for value in comparison.values)}
    # Our own clock; what is mixed from the values themselves; what no ledger holds.
    left_out = {"received_at", "settlement_price", "interest_rate", "next_funding_at", "venue_trade_id"}
    left_out |= {"update_id"} if comparison is UNNUMBERED_QUOTES else set()
    # What venues of their kind do not tell.
    left_out |= {column.name for column in KINDS["trades"].columns} if comparison is HASHED_TRADES else set()
    left_out |= {"previous_id"} if comparison is FREE_DELTAS else set()
    assert {column.name for column in KINDS[comparison.kind].columns} - compared <= left_out


@pytest.mark.parametrize(
    "kinds",
    [{"trades": engine.TRADE, "quotes": engine.QUOTE}, deribit_records.KINDS, polymarket_records.KINDS],
    ids=["binance", "deribit", "polymarket"],
)
def test_every_kind_of_a_ledger_is_compared(kinds: dict[str, "np.dtype[Any]"]) -> None:
    possible = {c.segments for c in COMPARISONS if c.segments in kinds and c.within(kinds[c.segments].names or ())}
    assert possible == set(kinds)


# --- rows that the venue does not number
def unnumbered(*rows: tuple[int, int, float], **changes: Any) -> Rows:
    """Rows of (symbol, event_us, bid)."""
    records = np.zeros(len(rows), [field if field[0] != "update_id" else ("number", "<i8") for field in LEDGER_QUOTE.descr])
    for number, (record, (symbol, event_us, bid)) in enumerate(zip(records, rows, strict=True)):
        record["symbol"], record["number"], record["event_us"], record["bid"] = symbol, number, event_us, bid
    return rows_of_ledger(UNNUMBERED_QUOTES, records)


def test_quotes_without_a_number_belong_together_by_time_and_values() -> None:
    ledger = unnumbered((1, 100, 1.5), (1, 100, 1.6), (1, 101, 1.5), (2, 100, 1.5))
    join = Join(UNNUMBERED_QUOTES)
    join.add_ledger(ledger)
    join.add_table(ledger[::-1])
    join.match()
    assert (join.outcome.stored, [len(rows) for rows in join.rest()]) == (4, [0, 0])


def test_a_quote_with_another_value_is_missing_and_surplus() -> None:
    emitted = unnumbered((1, 100, 1.5))
    join = Join(UNNUMBERED_QUOTES)
    join.add_ledger(emitted)
    join.add_table(unnumbered((1, 100, 1.25)))
    join.match()
    absent, unmatched = join.rest()
    extras = explain_unmatched(unmatched, absent, emitted[:0])
    assert (len(absent), len(extras.surplus), len(extras.moved)) == (1, 1, 0)


def levels(*rows: tuple[int, int, int, float, float]) -> Rows:
    """Records of (update_id, previous_id, side, price, quantity)."""
    records = np.zeros(len(rows), deribit_records.DELTA)
    for record, row in zip(records, rows, strict=True):
        record["symbol"], record["event_us"], record["fault"] = 3, 1000 + row[0], TORN
        for name, value in zip(("update_id", "previous_id", "side", "price", "quantity"), row, strict=True):
            record[name] = value
    return records


BOOK = levels((10, -1, 1, 99.0, 5.0), (10, -1, -1, 101.0, 5.0), (12, 10, 1, 99.0, 0.0), (12, 10, 1, 98.5, 2.0))


def test_a_book_is_compared_level_by_level_states_apart_from_changes() -> None:
    for comparison in (BOOK_SNAPSHOTS, BOOK_DELTAS):
        ledger = rows_of_ledger(comparison, comparison.chosen(BOOK))
        assert len(np.unique(ledger["key"])) == len(ledger) == 2
        columns = [comparison.chosen(BOOK)[value.ledger] for value in comparison.values]
        join = Join(comparison)
        join.add_ledger(ledger)
        join.add_table(rows_of_table(comparison, np.array([3, 3]), None, ledger["event_us"], columns)[::-1])
        join.match()
        assert (join.outcome.stored, [len(rows) for rows in join.rest()]) == (2, [0, 0])


def test_a_level_with_another_quantity_is_different_and_not_missing() -> None:
    changed = BOOK.copy()
    changed["quantity"][-1] = 2.5
    join = Join(BOOK_DELTAS)
    join.add_ledger(rows_of_ledger(BOOK_DELTAS, BOOK_DELTAS.chosen(BOOK)))
    join.add_table(rows_of_ledger(BOOK_DELTAS, BOOK_DELTAS.chosen(changed)))
    join.match()
    assert (join.outcome.stored, join.outcome.different, [len(rows) for rows in join.rest()]) == (1, 1, [0, 0])


@pytest.mark.parametrize(("by_moment", "quarantined"), [(True, 2), (False, 1)])
def test_one_torn_frame_of_a_book_excuses_all_of_its_levels(by_moment: bool, quarantined: int) -> None:
    absent = rows_of_ledger(BOOK_DELTAS, BOOK_DELTAS.chosen(BOOK))
    assert explain_absent(absent, [], [3], by_moment=by_moment).quarantined == quarantined


def test_a_volatility_of_zero_is_none() -> None:
    record = np.zeros(1, deribit_records.TICKER)
    told = shown(TICKERS, rows_of_ledger(TICKERS, record)[0]["values"])
    assert np.isnan(told["bid_iv"]) and told["delta"] == 0.0


def test_bits_tell_zeros_apart() -> None:
    assert bits(np.array([0.0]))[0] != bits(np.array([-0.0]))[0]
