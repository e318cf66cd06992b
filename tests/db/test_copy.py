"""db.copy: what is encoded is what is read back, in every kind and with every pattern of absent values."""

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import errors
from psycopg2.extensions import connection as RawConnection

from core.records import CANDLES, KINDS, QUOTES, TICKERS, TRADES, Kind
from db import copy, engine
from db.moments import moment

AT = 1_795_300_000_123_456

#: type -> some values at the edges of it
EDGES: dict[str, list[Any]] = {
    "timestamptz": [0, AT, AT + 1, 946_684_800_000_000],
    "int8": [-(2**63), 2**63 - 1, 0, 7],
    "int4": [-(2**31), 2**31 - 1, 0, 7],
    "int2": [-1, 1, 32767, -32768],
    "float8": [0.1, 1e-323, 1.7976931348623157e308, -0.0],
    "bool": [True, False, True, False],
    "text": ["", "币安", "a\n\t\\", "x" * 300],
}
DTYPES = {
    "timestamptz": np.int64,
    "int8": np.int64,
    "int4": np.int32,
    "int2": np.int16,
    "float8": np.float64,
    "bool": np.bool_,
    "text": object,
}


@pytest.fixture(scope="module")
def shared(template: str, empty_database: Callable[[str], str]) -> Iterator[RawConnection]:
    """One database for this module: each test works in a transaction that is rolled back."""
    with closing(engine.connect(empty_database(template), name="test")) as opened:
        yield opened


@pytest.fixture
def cursor(shared: RawConnection) -> Iterator[Any]:
    with shared.cursor() as opened:
        yield opened
    shared.rollback()


def columns_of(kind: Kind, **changed: Any) -> dict[str, Any]:
    """Four rows of distinct keys, with the edges of every type."""
    made: dict[str, Any] = {c.name: np.array(EDGES[c.type], DTYPES[c.type]) for c in kind.columns}
    made["event_at"] = np.array([AT, AT + 1, AT + 2, AT + 3])
    return {**made, **changed}


def rows_of(kind: Kind, columns: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What PostgreSQL should say, written without the encoder's help."""
    out = []
    for i in range(len(columns["event_at"])):
        row: list[Any] = []
        for column in kind.columns:
            value = columns.get(column.name)
            cell = None if value is None or np.ma.is_masked(value[i]) else value[i]
            cell = cell.item() if isinstance(cell, np.generic) else cell
            row.append(moment(cell) if column.type == "timestamptz" and cell is not None else cell)
        out.append(tuple(row))
    return out


def stored(cursor: Any, kind: Kind) -> list[tuple[Any, ...]]:
    names = ", ".join(column.name for column in kind.columns)
    cursor.execute(f"SELECT {names} FROM {kind.name} ORDER BY {', '.join(kind.key)}")
    return cursor.fetchall()  # type: ignore[no-any-return]


def in_key_order(kind: Kind, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    places = [[c.name for c in kind.columns].index(name) for name in kind.key]
    return sorted(rows, key=lambda row: [row[place] for place in places])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_reads_back(cursor: Any, kind: Kind) -> None:
    columns = columns_of(kind)
    copy.copy(cursor, kind, copy.encode(kind, [columns]))
    assert stored(cursor, kind) == in_key_order(kind, rows_of(kind, columns))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_lists_do_as_well_as_arrays(cursor: Any, kind: Kind) -> None:
    columns = columns_of(kind)
    copy.copy(cursor, kind, copy.encode(kind, [{name: values.tolist() for name, values in columns.items()}]))
    assert stored(cursor, kind) == in_key_order(kind, rows_of(kind, columns))


def test_a_whole_column_may_be_absent(cursor: Any) -> None:
    columns = columns_of(TRADES, quantity_without_rpi=None)
    del columns["first_trade_id"]
    copy.copy(cursor, TRADES, copy.encode(TRADES, [columns]))
    assert stored(cursor, TRADES) == in_key_order(TRADES, rows_of(TRADES, columns))


OPTIONAL = [column.name for column in TICKERS.columns if column.nullable]


@given(
    masks=st.lists(st.tuples(*[st.booleans()] * len(OPTIONAL)), min_size=1, max_size=12),
    whole=st.sets(st.integers(0, len(OPTIONAL) - 1)),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_pattern_of_absences_reads_back(cursor: Any, masks: list[tuple[bool, ...]], whole: set[int]) -> None:
    count = len(masks)
    columns: dict[str, Any] = {
        "event_at": AT + np.arange(count),
        "received_at": AT + np.arange(count),
        "instrument_id": np.arange(count, dtype=np.int32),
    }
    for i, name in enumerate(OPTIONAL):
        values = AT + np.arange(count) if name == "next_funding_at" else np.arange(count) / 7
        columns[name] = None if i in whole else np.ma.MaskedArray(values, [mask[i] for mask in masks])
    cursor.execute("TRUNCATE tickers")
    copy.copy(cursor, TICKERS, copy.encode(TICKERS, [columns]))
    assert stored(cursor, TICKERS) == in_key_order(TICKERS, rows_of(TICKERS, columns))


def test_masks_that_hide_nothing_or_everything(cursor: Any) -> None:
    columns = columns_of(
        TRADES,
        first_trade_id=np.ma.MaskedArray(EDGES["int8"], [False] * 4),
        last_trade_id=np.ma.MaskedArray(EDGES["int8"], [True] * 4),
    )
    copy.copy(cursor, TRADES, copy.encode(TRADES, [columns]))
    first = [column.name for column in TRADES.columns].index("first_trade_id")
    assert [row[first : first + 2] for row in sorted(stored(cursor, TRADES))] == [(-(2**63), None), (2**63 - 1, None), (0, None), (7, None)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_double_keeps_every_bit(cursor: Any, prices: list[float]) -> None:
    count = len(prices)
    columns = {
        "event_at": AT + np.arange(count),
        "received_at": AT + np.arange(count),
        "instrument_id": np.zeros(count, np.int32),
        "open_interest": np.array(prices),
    }
    kind = KINDS["open_interest"]
    cursor.execute("TRUNCATE open_interest")
    copy.copy(cursor, kind, copy.encode(kind, [columns]))
    cursor.execute("SELECT float8send(open_interest) FROM open_interest ORDER BY event_at")
    assert [bytes(row[0]) for row in cursor.fetchall()] == [struct.pack(">d", price) for price in prices]


@given(st.decimals(min_value="0.00000001", max_value="999999", places=8, allow_nan=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_venues_decimal_of_15_digits_comes_back(cursor: Any, price: Any) -> None:
    text = f"{price.normalize():f}"
    cursor.execute("SELECT %s::float8", (float(text),))
    assert f"{type(price)(repr(cursor.fetchone()[0])).normalize():f}" == text


def test_several_batches_are_one_stream(cursor: Any) -> None:
    one, two = columns_of(QUOTES), columns_of(QUOTES, event_at=AT + np.arange(10, 14))
    copy.copy(cursor, QUOTES, copy.encode(QUOTES, [one, two]))
    assert stored(cursor, QUOTES) == in_key_order(QUOTES, rows_of(QUOTES, one) + rows_of(QUOTES, two))


def test_no_rows_are_no_harm(cursor: Any) -> None:
    copy.copy(cursor, QUOTES, copy.encode(QUOTES, []))
    copy.copy(cursor, QUOTES, copy.encode(QUOTES, [{name: values[:0] for name, values in columns_of(QUOTES).items()}]))
    assert stored(cursor, QUOTES) == []


def test_a_duplicate_refuses_the_whole_copy(cursor: Any) -> None:
    stream = copy.encode(TRADES, [columns_of(TRADES)])
    copy.copy(cursor, TRADES, stream)
    with pytest.raises(errors.UniqueViolation):
        copy.copy(cursor, TRADES, stream)


def test_an_absent_value_in_a_key_is_refused(cursor: Any) -> None:
    with pytest.raises(errors.NotNullViolation):
        copy.copy(cursor, TRADES, copy.encode(TRADES, [columns_of(TRADES, trade_id=None)]))


def test_copy_once_takes_what_is_new_and_keeps_what_was_there(cursor: Any) -> None:
    first = columns_of(TRADES)
    copy.copy(cursor, TRADES, copy.encode(TRADES, [first]))
    again = {name: np.concatenate([values, values[:1]]) for name, values in first.items()}
    again["price"] = np.full(5, 42.0)  # another witness with another value does not replace the first
    again["event_at"] = np.append(first["event_at"], AT + 99)
    assert copy.copy_once(cursor, TRADES, copy.encode(TRADES, [again])) == 1
    assert copy.copy_once(cursor, TRADES, copy.encode(TRADES, [again])) == 0
    assert len(stored(cursor, TRADES)) == 5
    cursor.execute("SELECT count(*) FROM trades WHERE price = 42")
    assert cursor.fetchone() == (1,)


def test_copy_once_meets_twins_in_one_batch(cursor: Any) -> None:
    twins = {name: np.concatenate([values, values]) for name, values in columns_of(TRADES).items()}
    twins["received_at"] = AT + np.arange(8)
    assert copy.copy_once(cursor, TRADES, copy.encode(TRADES, [twins])) == 4
    cursor.execute("SELECT max(received_at) FROM trades")
    assert cursor.fetchone() == (moment(AT + 3),), "of two copies the first stands"


def _candle(close: float, received_us: int, *, closed: bool = True) -> dict[str, Any]:
    values: dict[str, Any] = {name: np.array([1.0]) for name in ("open", "high", "low", "volume")}
    values |= {"event_at": np.array([AT]), "received_at": np.array([received_us]), "instrument_id": np.array([7], np.int32)}
    return values | {"interval_seconds": np.array([60], np.int32), "close": np.array([close]), "closed": np.array([closed])}


def _close(cursor: Any) -> tuple[Any, ...]:
    cursor.execute("SELECT close, closed, received_at FROM candles")
    (row,) = cursor.fetchall()
    return row  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("second", "stands"),
    [((2.0, AT + 5, True), 2.0), ((3.0, AT - 5, True), 1.0), ((4.0, AT, True), 1.0)],
    ids=["later revises", "older changes nothing", "the same instant changes nothing"],
)
def test_a_revising_kind_keeps_the_latest(cursor: Any, second: tuple[float, int, bool], stands: float) -> None:
    copy.copy_once(cursor, CANDLES, copy.encode(CANDLES, [_candle(1.0, AT, closed=False)]))
    close, received_us, closed = second
    changed = copy.copy_once(cursor, CANDLES, copy.encode(CANDLES, [_candle(close, received_us, closed=closed)]))
    assert _close(cursor)[0] == stands
    assert changed == (1 if stands == close else 0)


def test_a_revising_kind_takes_the_last_of_twins(cursor: Any) -> None:
    stream = copy.encode(CANDLES, [_candle(1.0, AT), _candle(2.0, AT + 2), _candle(3.0, AT + 1)])
    assert copy.copy_once(cursor, CANDLES, stream) == 1
    assert _close(cursor) == (2.0, True, datetime.fromtimestamp((AT + 2) // 10**6, UTC).replace(microsecond=(AT + 2) % 10**6))
