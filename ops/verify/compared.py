"""The one shape both sides are brought into, and what is compared in it; kinds.py lists the comparisons.

Values are held as their bits, so that equal means equal to the last one. A key is the ledger's number of the instrument
in the upper 16 bits and what tells a row among the instrument's others in the lower 48.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
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
    zero_is_absent: bool = False  # where the venue writes 0 for "there is none"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows belong together by the venue's id and their time, or by their time and the values in `identity` where the venue gives
    no id of 48 bits."""

    kind: str  # name of the table
    values: tuple[Value, ...]
    ledger_id: str = ""
    table_id: str = ""
    identity: tuple[str, ...] = ()  # names of the table's columns
    ledger_kind: str = ""  # the ledger's segments, where they are called otherwise
    only: tuple[str, bool] | None = None  # of the ledger's records those whose column is below 0, or is not
    frame_is_moment: bool = False  # a frame holds several rows, all of one instrument and time
    told_again: bool = False  # the same row may come in several frames: a state, to each who asks for it

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype([("key", "<u8"), ("event_us", "<i8"), ("sent_us", "<i8"), ("fault", "u1"), ("values", "<i8", (len(self.values),))])

    @property
    def segments(self) -> str:
        return self.ledger_kind or self.kind

    def empty(self) -> Rows:
        return np.empty(0, self.dtype)

    def within(self, fields: Collection[str]) -> "Comparison | None":
        """As far as a ledger with these columns allows; None when it lacks what tells a row."""
        values = tuple(value for value in self.values if value.ledger in fields)
        told = {value.table for value in values}
        needed = {self.ledger_id or "symbol", self.only[0] if self.only else "symbol"}
        if not needed.issubset(fields) or not told.issuperset(self.identity):
            return None
        return replace(self, values=values)

    def chosen(self, records: Rows) -> Rows:
        if self.only is None:
            return records
        column, negative = self.only
        found: Rows = records[(records[column] < 0) == negative]
        return found


def keys(symbols: Any, ids: Any) -> Any:
    """uint64 array."""
    if len(ids) and (int(ids.max()) >> _ID_BITS or int(ids.min()) < 0):
        raise ValueError(f"an id of {int(ids.max())} does not fit into {_ID_BITS} bits")
    return symbols.astype(np.uint64) << np.uint64(_ID_BITS) | ids.astype(np.uint64)


def symbol_of(key: int) -> int:
    return int(key) >> _ID_BITS


def symbols_of(keys: Any) -> Any:
    """int64 array."""
    return (keys >> np.uint64(_ID_BITS)).astype(np.int64)


def id_of(key: int) -> int:
    return int(key) & ((1 << _ID_BITS) - 1)


def rows_of_ledger(comparison: Comparison, records: Rows) -> Rows:
    rows = np.zeros(len(records), comparison.dtype)
    for name in ("event_us", "sent_us", "fault"):
        rows[name] = records[name]
    for place, value in enumerate(comparison.values):
        rows["values"][:, place] = _of_ledger(value, records[value.ledger])
    rows["key"] = keys(records["symbol"], records[comparison.ledger_id] if comparison.ledger_id else _mixed(comparison, rows))
    return rows


def _of_ledger(value: Value, column: Any) -> Any:
    if value.flag_to_side:
        return 1 - 2 * column.astype(np.int64)
    return bits(np.where(column == 0, np.nan, column) if value.zero_is_absent else column)


def rows_of_table(comparison: Comparison, symbols: Any, ids: Any, event_us: Any, columns: Sequence[Any]) -> Rows:
    """`symbols`: the ledger's number of each row's instrument; `ids`: None where the values tell a row; `columns`: one array a value,
    absent ones as NaN or -1."""
    rows = np.zeros(len(event_us), comparison.dtype)
    rows["event_us"] = event_us
    for place, column in enumerate(columns):
        rows["values"][:, place] = bits(column)
    rows["key"] = keys(symbols, _mixed(comparison, rows) if ids is None else ids)
    return rows


def _mixed(comparison: Comparison, rows: Rows) -> Any:
    """48 bits of the time and the identity of each row. Two rows of one time that share them by chance are one in 2**48."""
    places = [place for place, value in enumerate(comparison.values) if value.table in comparison.identity]
    mixed = rows["event_us"].astype(np.uint64)
    for place in places:
        # The finaliser of MurmurHash3 (Appleby 2011), between one column and the next.
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= rows["values"][:, place].astype(np.uint64) ^ (mixed >> np.uint64(33))
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    return mixed >> np.uint64(64 - _ID_BITS)


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
