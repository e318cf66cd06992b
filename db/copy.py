"""Columns to rows by binary COPY: the only bulk writer.

`copy` goes straight into the table under its unique key; a transaction in which that meets a duplicate is rolled back and done
again with `copy_once`, at about half the speed. The caller owns the transaction.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from psycopg2.extensions import cursor as Cursor

from core.records import Columns, Kind

#: PostgreSQL counts microseconds from 2000-01-01.
PG_EPOCH_US = 946_684_800_000_000
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NUMPY = {"timestamptz": ">i8", "int8": ">i8", "int4": ">i4", "int2": ">i2", "float8": ">f8", "bool": "u1"}


def encode(kind: Kind, batches: Iterable[Columns]) -> bytes:
    """One COPY stream of several batches. An absent value is None for a whole column, or masked in a numpy masked array."""
    return b"".join((_HEADER, *(block for batch in batches for block in _blocks(kind, batch)), _TRAILER))


def _blocks(kind: Kind, columns: Columns) -> Iterator[bytes]:
    """Rows with different absences have different widths on the wire: each pattern of absences is packed as a block of its own."""
    count = len(columns["event_at"])
    values = [columns.get(column.name) for column in kind.columns]
    partly = [i for i, value in enumerate(values) if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value)]
    if not partly:
        yield _block(kind, values, count)
        return
    pattern = np.zeros(count, np.int64)
    for bit, i in enumerate(partly):
        pattern |= np.ma.getmaskarray(np.ma.asarray(values[i])).astype(np.int64) << bit
    for code in np.unique(pattern):
        rows = np.flatnonzero(pattern == code)
        absent = {i for bit, i in enumerate(partly) if code >> bit & 1}
        yield _block(kind, [None if value is None or i in absent else np.asarray(value)[rows] for i, value in enumerate(values)], len(rows))


def _block(kind: Kind, values: Sequence[Any], count: int) -> bytes:
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for column, value in zip(kind.columns, values, strict=True):
        layout.append((f"{column.name} size", ">i4"))
        if value is not None:
            layout.append((column.name, _NUMPY[column.type]))
    block = np.empty(count, np.dtype(layout))
    block["fields"] = len(kind.columns)
    for column, value in zip(kind.columns, values, strict=True):
        if value is None:
            block[f"{column.name} size"] = -1
            continue
        block[f"{column.name} size"] = np.dtype(_NUMPY[column.type]).itemsize
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
