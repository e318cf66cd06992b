"""db.writing and db.offsets: rows, evidence and offsets move together or not at all."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import Instrument
from db import engine, offsets, writing
from db.evidence import GapOpened, Place, SocketOpened, Unread
from db.offsets import Advance, Counts, Fenced, Offset
from db.writing import Listing, Work

AT = 1_795_300_000_000_000
PLACE = Place("somewhere", "trade", "0")
STREAM, OTHER = "somewhere:trade:0:a", "somewhere:trade:1:a"

Query = Callable[..., list[tuple[Any, ...]]]


def trades(ids: Sequence[int], instrument: int = 1) -> tuple[str, dict[str, Any]]:
    count = len(ids)
    return "trades", {
        "event_at": AT + np.array(ids) * 1000,
        "received_at": AT + np.arange(count),
        "instrument_id": np.full(count, instrument, np.int32),
        "trade_id": np.array(ids),
        "price": np.full(count, 0.1),
        "quantity": np.full(count, 2.0),
        "side": np.ones(count, np.int16),
    }


def work(ids: Sequence[int], *, before: str = "0-0", after: str = "5-0", stream: str = STREAM, **more: Any) -> Work:
    counts = Counts(entries=1, frames=len(ids), rows=len(ids))
    step = Advance(stream, before, Offset(after, {"connections": {}}, AT + 1, AT + 2), counts)
    return Work(step, [trades(ids)] if ids else [], **more)


def commit(connection: RawConnection, works: Sequence[Work]) -> int:
    return writing.commit(connection, writing.prepare(works))


@pytest.fixture
def known(connection: RawConnection) -> RawConnection:
    """A writer that has loaded the offsets of both streams."""
    with connection, connection.cursor() as cursor:
        for stream in (STREAM, OTHER):
            assert offsets.load(cursor, stream, PLACE) == Offset("0-0", {})
    return connection


def totals(query: Query, stream: str = STREAM) -> dict[str, Any]:
    names = ("last_id", "entries", "frames", "rows", "repeated", "ignored", "quarantined", "lost")
    return dict(zip(names, query(f"SELECT {', '.join(names)} FROM stream_offsets WHERE stream = %s", (stream,))[0], strict=True))


def test_rows_and_offset_are_committed_together(known: RawConnection, query: Query) -> None:
    assert commit(known, [work([1, 2, 3])]) == 3
    assert query("SELECT trade_id, price FROM trades ORDER BY 1") == [(1, 0.1), (2, 0.1), (3, 0.1)]
    assert totals(query) == {
        "last_id": "5-0",
        "entries": 1,
        "frames": 3,
        "rows": 3,
        "repeated": 0,
        "ignored": 0,
        "quarantined": 0,
        "lost": 0,
    }


def test_totals_add_up_over_transactions(known: RawConnection, query: Query) -> None:
    commit(known, [work([1, 2])])
    commit(known, [work([3], before="5-0", after="9-0")])
    assert totals(query) | {"ignored": 0} == {**totals(query), "last_id": "9-0", "entries": 2, "frames": 3, "rows": 3}


def test_a_step_without_rows_moves_the_offset(known: RawConnection, query: Query) -> None:
    assert commit(known, [work([])]) == 0
    assert totals(query)["last_id"] == "5-0"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda: work([9], stream=OTHER, before="7-7"), id="the second stream is fenced"),
        pytest.param(lambda: Work(work([9], stream=OTHER).step, [("trades", {**trades([9])[1], "price": None})]), id="a row is refused"),
        pytest.param(
            lambda: work([9], stream=OTHER, listings=[Listing("x", [Instrument("X", "Y", attributes={"a": object()})], True, AT)]),
            id="a bug",
        ),
    ],
)
def test_an_error_in_the_middle_leaves_nothing(known: RawConnection, query: Query, bad: Callable[[], Work]) -> None:
    notes = [SocketOpened(PLACE, "c1", AT), GapOpened(PLACE, "lost", AT, AT), Unread(PLACE, "c1", 1, 0, AT, "why", b"raw")]
    listings = [Listing("somewhere", [Instrument("A", "TRADING")], complete=True, at_us=AT)]
    with pytest.raises((Fenced, psycopg2.Error, TypeError)):
        commit(known, [work([1, 2], notes=notes, listings=listings), bad()])
    for table in ("trades", "sessions", "data_gaps", "quarantine", "instruments", "instrument_history"):
        assert query(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert totals(query)["last_id"] == totals(query, OTHER)["last_id"] == "0-0"
    assert commit(known, [work([1, 2])]) == 2, "the connection is usable after it"


def test_a_second_writer_from_the_same_offset_is_fenced(known: RawConnection, query: Query, fresh_database_url: str) -> None:
    commit(known, [work([1, 2])])
    with closing(engine.connect(fresh_database_url, name="late")) as late, pytest.raises(Fenced, match="no longer at 0-0"):
        commit(late, [work([1, 2, 3])])
    assert query("SELECT count(*) FROM trades") == [(2,)]
    assert totals(query)["rows"] == 2


def test_two_writers_at_once_write_one_batch_once(known: RawConnection, query: Query, fresh_database_url: str) -> None:
    outcomes: list[object] = []
    start = threading.Barrier(4)

    def write() -> None:
        with closing(engine.connect(fresh_database_url, name="racing")) as own:
            start.wait()
            try:
                outcomes.append(commit(own, [work(range(1, 200))]))
            except Fenced:
                outcomes.append("fenced")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [199, "fenced", "fenced", "fenced"]
    assert query("SELECT count(*) FROM trades") == [(199,)]
    assert totals(query)["rows"] == 199 and totals(query)["repeated"] == 0


def test_duplicates_are_counted_for_the_stream_that_brought_them(known: RawConnection, query: Query) -> None:
    commit(known, [work([1, 2, 3])])
    mixed = [work([3, 4], before="5-0", after="6-0"), work([2, 4, 5, 6], stream=OTHER)]
    assert commit(known, mixed) == 3
    assert query("SELECT count(*) FROM trades") == [(6,)]
    assert {name: totals(query)[name] for name in ("rows", "repeated", "frames")} == {"rows": 4, "repeated": 1, "frames": 5}
    assert {name: totals(query, OTHER)[name] for name in ("rows", "repeated", "frames")} == {"rows": 2, "repeated": 2, "frames": 4}


def test_a_revised_row_is_a_row(known: RawConnection, query: Query) -> None:
    def candle(close: float, received_us: int) -> tuple[str, dict[str, Any]]:
        values = {name: np.array([1.0]) for name in ("open", "high", "low", "volume")}
        head = {
            "event_at": np.array([AT]),
            "received_at": np.array([received_us]),
            "instrument_id": np.array([1]),
            "interval_seconds": np.array([60]),
        }
        return "candles", {**values, **head, "close": np.array([close]), "closed": np.array([True])}

    for number, close in enumerate((1.0, 2.0), start=1):
        step = Advance(STREAM, f"{number - 1}-0", Offset(f"{number}-0", {}), Counts(rows=1))
        commit(known, [Work(step, [candle(close, AT + number)])])
    assert query("SELECT close FROM candles") == [(2.0,)]


def test_an_offset_survives_as_it_was(known: RawConnection) -> None:
    after = Offset("12-3", {"connections": {"c": [7, "i", True, True]}, "deaf": False}, AT + 1, AT + 2)
    commit(known, [Work(Advance(STREAM, "0-0", after))])
    with known.cursor() as cursor:
        assert offsets.load(cursor, STREAM, PLACE) == after


def test_absent_times_keep_the_known_ones(known: RawConnection) -> None:
    commit(known, [work([1])])
    commit(known, [Work(Advance(STREAM, "5-0", Offset("6-0", {})))])
    with known.cursor() as cursor:
        loaded = offsets.load(cursor, STREAM, PLACE)
    assert (loaded.last_event_us, loaded.last_received_us) == (AT + 1, AT + 2)


def test_rewinding_begins_anew_and_keeps_the_rest(known: RawConnection, query: Query) -> None:
    commit(known, [work([1, 2])])
    with known, known.cursor() as cursor:
        loaded = offsets.load(cursor, STREAM, PLACE)
        assert offsets.rewind(cursor, STREAM, loaded) == Offset("0-0", loaded.connections, AT + 1, AT + 2)
    assert totals(query) | {"last_id": "0-0", "rows": 2} == totals(query)
    assert commit(known, [work([1, 2, 3])]) == 1, "what was there is known by its key"


def test_a_groups_lock_has_one_holder_and_dies_with_it(connection: RawConnection, fresh_database_url: str) -> None:
    holder = engine.connect(fresh_database_url, name="holder")
    with connection.cursor() as cursor, holder.cursor() as other:
        assert offsets.lock_group(other, 1)
        holder.commit()
        assert not offsets.lock_group(cursor, 1)
        assert offsets.lock_group(cursor, 2), "another group is another lock"
        connection.commit()
        holder.close()
        cursor.execute("SELECT pg_sleep(0.1)")
        assert offsets.lock_group(cursor, 1)


@pytest.mark.parametrize("numbers", [(5, 1, 900), (70_000, 1, 900)], ids=["16 bit", "wider"])
def test_a_large_batch_of_several_works_is_stored_whole_whatever_its_order(
    known: RawConnection, query: Query, numbers: tuple[int, ...]
) -> None:
    works, expected = [], set()
    for stream, first in ((STREAM, 0), (OTHER, 10_000)):
        ids = np.arange(first, first + writing.SORTED_ROWS)
        rows = trades(list(ids))[1] | {"instrument_id": np.array(numbers, np.int32)[ids % len(numbers)]}
        # Some rows lack the value, in one of the two works only.
        rows["quantity_without_rpi"] = np.ma.MaskedArray(ids / 2, ids % 7 == 0) if first else ids / 2
        expected |= {(numbers[i % len(numbers)], i, None if first and i % 7 == 0 else i / 2) for i in ids.tolist()}
        works.append(Work(Advance(stream, "0-0", Offset("5-0", {}), Counts(rows=len(ids))), [("trades", rows)]))
    assert commit(known, works) == 2 * writing.SORTED_ROWS
    assert set(query("SELECT instrument_id, trade_id, quantity_without_rpi FROM trades")) == expected


def test_a_large_batch_whose_works_lack_different_columns_is_stored_too(known: RawConnection, query: Query) -> None:
    full = trades(list(range(writing.SORTED_ROWS)))
    full[1]["first_trade_id"] = np.arange(writing.SORTED_ROWS)
    lacking = trades(list(range(20_000, 20_000 + writing.SORTED_ROWS)))
    step = Advance(STREAM, "0-0", Offset("5-0", {}), Counts(rows=2 * writing.SORTED_ROWS))
    commit(known, [Work(step, [full, lacking])])
    assert query("SELECT count(*), count(first_trade_id) FROM trades") == [(2 * writing.SORTED_ROWS, writing.SORTED_ROWS)]
