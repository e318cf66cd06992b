"""Columns to rows by binary COPY: the only bulk writer.

`copy` goes straight into the table under its unique key; a transaction in which that meets a duplicate is rolled back and done
again with `copy_once`, at about half the speed. The caller owns the transaction.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from psycopg2.extensions import cursor as Cursor

from core.records import Column, Columns, Kind

#: PostgreSQL counts microseconds from 2000-01-01.
PG_EPOCH_US = 946_684_800_000_000
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NUMPY = {"timestamptz": ">i8", "int8": ">i8", "int4": ">i4", "int2": ">i2", "float8": ">f8", "bool": "u1"}


def encode(kind: Kind, batches: Iterable[Columns]) -> bytes:
    """One COPY stream of several batches. An absent value is None for a whole column, or masked in a numpy masked array; a column of
    texts is a sequence of str, with None for an absent one."""
    return b"".join((_HEADER, *(block for batch in batches for block in _blocks(kind, batch)), _TRAILER))


def _blocks(kind: Kind, columns: Columns) -> Iterator[bytes]:
    """Rows with different absences, or texts of different lengths, have different widths on the wire: each such pattern is a block."""
    count = len(columns["event_at"])
    values = [columns.get(column.name) for column in kind.columns]
    widths = {i: _widths(column, value) for i, (column, value) in enumerate(zip(kind.columns, values, strict=True)) if value is not None}
    varying = {i: width for i, width in widths.items() if len(width) > 1}
    constant = {i: int(width[0]) for i, width in widths.items() if len(width) == 1}
    if not varying or not count:
        yield _block(kind, values, constant, count)
        return
    patterns, which = np.unique(np.stack(list(varying.values())), axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        rows = np.flatnonzero(which.reshape(-1) == number)
        here = constant | dict(zip(varying, patterns[:, number].tolist(), strict=True))
        yield _block(kind, [value if value is None else _picked(value, rows) for value in values], here, len(rows))


def _widths(column: Column, value: Any) -> Any:
    """Bytes of each value on the wire, -1 for an absent one; one number where all are alike."""
    if column.type == "text":
        sizes = np.fromiter((-1 if text is None else len(text.encode()) for text in value), np.int64, len(value))
        return sizes[:1] if len(sizes) and (sizes == sizes[0]).all() else sizes
    size = np.dtype(_NUMPY[column.type]).itemsize
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        return np.where(np.ma.getmaskarray(value), -1, size)
    return np.array([size])


def _picked(value: Any, rows: Any) -> Any:
    return [value[row] for row in rows.tolist()] if isinstance(value, list) else np.asarray(value)[rows]


def _block(kind: Kind, values: Sequence[Any], widths: Mapping[int, int], count: int) -> bytes:
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for i, column in enumerate(kind.columns):
        layout.append((f"{column.name} size", ">i4"))
        if widths.get(i, -1) > 0:
            layout.append((column.name, f"S{widths[i]}" if column.type == "text" else _NUMPY[column.type]))
    block = np.empty(count, np.dtype(layout))
    block["fields"] = len(kind.columns)
    for i, (column, value) in enumerate(zip(kind.columns, values, strict=True)):
        width = block[f"{column.name} size"] = widths.get(i, -1)
        if width <= 0:
            continue
        if column.type == "text":
            block[column.name] = [text.encode() for text in value]
        else:
            block[column.name] = np.asarray(value) - PG_EPOCH_US if column.type == "timestamptz" else value
    return block.tobytes()


def copy(cursor: Cursor, kind: Kind, stream: bytes) -> None:
    """Write an encoded batch straight into its table. Raises UniqueViolation when any row is there already."""
    _send(cursor, kind, kind.name, stream)


def copy_once(cursor: Cursor, kind: Kind, stream: bytes) -> int:
    """Write an encoded batch through a staging table; returns how many rows were new or newer."""
    names = ", ".join(column.name for column in kind.columns)
    key = ", ".join(kind.key)
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS staging_{kind.name} (LIKE {kind.name}) ON COMMIT DELETE ROWS")
    cursor.execute(f"TRUNCATE staging_{kind.name}")
    _send(cursor, kind, f"staging_{kind.name}", stream)
    conflict = "DO NOTHING"
    if kind.revises:
        fresh = [column.name for column in kind.columns if column.name not in kind.key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in fresh)
        conflict = f"DO UPDATE SET {changes} WHERE {kind.name}.received_at < excluded.received_at"
    # Sorted, so that two writers meeting the same keys take them in the same order. Of two copies in one batch the first
    # stands, or the last where a later copy revises.
    cursor.execute(
        f"INSERT INTO {kind.name} ({names}) SELECT DISTINCT ON ({key}) {names} FROM staging_{kind.name} "
        f"ORDER BY {key}, received_at {'DESC' if kind.revises else 'ASC'} ON CONFLICT ({key}) {conflict}"
    )
    return int(cursor.rowcount)


def _send(cursor: Cursor, kind: Kind, table: str, stream: bytes) -> None:
    names = ", ".join(column.name for column in kind.columns)
    cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN WITH (FORMAT binary)", io.BytesIO(stream), size=len(stream))
