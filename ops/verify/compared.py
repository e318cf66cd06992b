"""What is compared of each kind, and the one shape both sides are brought into.

Values are held as their bits, so that equal means equal to the last one. A key is the ledger's number of the instrument
in the upper 16 bits and the venue's id of the event in the lower 48.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Rows = np.ndarray[Any, Any]

#: An instrument that the ledger does not know, in a key.
UNKNOWN = 0xFFFF
_ID_BITS = 48


@dataclass(frozen=True, slots=True)
class Value:
    """One compared column; `flag_to_side` turns the ledger's buyer_maker into the taker's side."""

    ledger: str
    table: str
    type: str  # PostgreSQL's name
    nullable: bool = False
    flag_to_side: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    kind: str  # name of the table and of the ledger's segments
    ledger_id: str
    table_id: str
    values: tuple[Value, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype([("key", "<u8"), ("event_us", "<i8"), ("sent_us", "<i8"), ("fault", "u1"), ("values", "<i8", (len(self.values),))])

    def empty(self) -> Rows:
        return np.empty(0, self.dtype)


COMPARISONS = (
    Comparison(
        "trades",
        "id",
        "trade_id",
        (
            Value("price", "price", "float8"),
            Value("quantity", "quantity", "float8"),
            Value("buyer_maker", "side", "int2", flag_to_side=True),
            Value("quantity_no_rpi", "quantity_without_rpi", "float8", nullable=True),
            Value("first_id", "first_trade_id", "int8", nullable=True),
            Value("last_id", "last_trade_id", "int8", nullable=True),
        ),
    ),
    Comparison(
        "quotes",
        "update_id",
        "update_id",
        (
            Value("bid", "bid_price", "float8"),
            Value("bid_quantity", "bid_quantity", "float8"),
            Value("ask", "ask_price", "float8"),
            Value("ask_quantity", "ask_quantity", "float8"),
        ),
    ),
)


def keys(symbols: Any, ids: Any) -> Any:
    """uint64 array."""
    if len(ids) and (int(ids.max()) >> _ID_BITS or int(ids.min()) < 0):
        raise ValueError(f"an id of {int(ids.max())} does not fit into {_ID_BITS} bits")
    return symbols.astype(np.uint64) << np.uint64(_ID_BITS) | ids.astype(np.uint64)


def symbol_of(key: int) -> int:
    return int(key) >> _ID_BITS


def id_of(key: int) -> int:
    return int(key) & ((1 << _ID_BITS) - 1)


def rows_of_ledger(comparison: Comparison, records: Rows) -> Rows:
    rows = np.zeros(len(records), comparison.dtype)
    rows["key"] = keys(records["symbol"], records[comparison.ledger_id])
    for name in ("event_us", "sent_us", "fault"):
        rows[name] = records[name]
    for place, value in enumerate(comparison.values):
        column = records[value.ledger]
        rows["values"][:, place] = 1 - 2 * column.astype(np.int64) if value.flag_to_side else bits(column)
    return rows


def rows_of_table(comparison: Comparison, symbols: Any, ids: Any, event_us: Any, columns: Sequence[Any]) -> Rows:
    """`symbols`: the ledger's number of each row's instrument; `columns`: one array a value, absent ones as NaN or -1."""
    rows = np.zeros(len(ids), comparison.dtype)
    rows["key"] = keys(symbols, ids)
    rows["event_us"] = event_us
    for place, column in enumerate(columns):
        rows["values"][:, place] = bits(column)
    return rows


def bits(column: Any) -> Any:
    """int64 array: integers as they are, floats by their bits."""
    if column.dtype.kind == "f":
        return np.ascontiguousarray(column, "<f8").view("<i8")
    return column.astype(np.int64)


def shown(comparison: Comparison, values: Any) -> dict[str, float | int]:
    """The values of one row, readable again."""
    floats = np.ascontiguousarray(values).view("<f8")
    return {
        value.table: float(floats[place]) if value.type == "float8" else int(values[place]) for place, value in enumerate(comparison.values)
    }
