"""Streams a table out of the database by binary COPY, straight into arrays: never a row at a time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
from psycopg2.extensions import connection as RawConnection

from db.copy import PG_EPOCH_US
from ops.verify.compared import UNKNOWN, Comparison, Rows, rows_of_table

_HEADER_BYTES = 19
_TYPES = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "timestamptz": ">i8"}
_ABSENT = {"float8": "'NaN'::float8", "int8": "-1", "int2": "-1::int2"}
#: Bytes gathered before they are turned into rows: some hundred thousand rows.
BLOCK_BYTES = 32 << 20


class TableReader:
    """`instruments`: instrument_id -> number in the ledger (UNKNOWN where it has none), of one venue; other venues' rows are left out."""

    def __init__(self, connection: RawConnection, comparison: Comparison, instruments: Mapping[int, int]) -> None:
        self._connection = connection
        self._comparison = comparison
        self._head = ["instrument_id", "event_at", *([comparison.table_id] if comparison.table_id else [])]
        types = ["int4", "timestamptz", "int8"][: len(self._head)] + [value.type for value in comparison.values]
        layout: list[tuple[str, str]] = [("fields", ">i2")]
        for place, type in enumerate(types):
            layout += [(f"size {place}", ">i4"), (f"{place}", _TYPES[type])]
        self._dtype = np.dtype(layout)
        # Of another venue a column may be empty that is never so here.
        self._ours = f"instrument_id = ANY('{{{','.join(map(str, instruments))}}}')"
        self._widths = [np.dtype(_TYPES[type]).itemsize for type in types]
        self._numbers = np.full(max(instruments, default=0) + 2, -1, np.int64)
        for instrument, number in instruments.items():
            self._numbers[instrument] = number

    def read(self, from_us: int, until_us: int, take: Callable[[Rows], None]) -> None:
        """Hand over the rows whose event time lies within the ends, block by block, in about the order they were written."""
        sink = _Sink(self._dtype.itemsize, lambda raw: take(self._rows(raw)))
        with self._connection, self._connection.cursor() as cursor:
            # One scan in the order of the table: parallel workers or a shared scan would mix it up.
            cursor.execute(
                "SET LOCAL statement_timeout = '1h'; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL synchronize_seqscans = off"
            )
            cursor.copy_expert(f"COPY ({self._select(from_us, until_us)}) TO STDOUT WITH (FORMAT binary)", sink)
        sink.finish()

    def _select(self, from_us: int, until_us: int) -> str:
        values = [f"coalesce({value.table}, {_ABSENT[value.type]})" if value.nullable else value.table for value in self._comparison.values]
        names = ", ".join([*self._head, *values])
        chosen = f" AND {self._comparison.where}" if self._comparison.where else ""
        return f"SELECT {names} FROM {self._comparison.kind} WHERE event_at BETWEEN '{_text(from_us)}' AND '{_text(until_us)}' AND {self._ours}{chosen}"

    def _rows(self, raw: bytes) -> Rows:
        block = np.frombuffer(raw, self._dtype)
        if len(block) and any((block[f"size {place}"] != width).any() for place, width in enumerate(self._widths)):
            raise ValueError(f"{self._comparison.kind}: a column has not the width of its type")
        numbers = self._numbers[np.minimum(block["0"], len(self._numbers) - 1)]
        block, numbers = block[numbers >= 0], numbers[numbers >= 0]
        columns = [block[f"{place}"] for place in range(len(self._head), len(self._widths))]
        ids = block["2"] if self._comparison.table_id else None
        return rows_of_table(self._comparison, numbers, ids, block["1"].astype(np.int64) + PG_EPOCH_US, columns)


class _Sink:
    """What COPY writes to; the driver calls it once a row, so it does next to nothing."""

    def __init__(self, width: int, take: Callable[[bytes], None]) -> None:
        self._width, self._take = width, take
        self._buffer = bytearray()
        self._limit = BLOCK_BYTES
        self._head = _HEADER_BYTES

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= self._limit:
            self._cut()

    def finish(self) -> None:
        self._cut()

    def _cut(self) -> None:
        """Hand over all whole rows; the header goes, a trailer stays behind."""
        if len(self._buffer) < self._head:
            return
        whole = (len(self._buffer) - self._head) // self._width * self._width
        raw = bytes(memoryview(self._buffer)[self._head : self._head + whole])
        del self._buffer[: self._head + whole]
        self._head = 0
        self._take(raw)


def numbered(ledger_symbols: list[str], instruments: Mapping[str, int]) -> dict[int, int]:
    """instrument_id -> number in the ledger."""
    numbers = {symbol: number for number, symbol in enumerate(ledger_symbols)}
    return {instrument: numbers.get(symbol, UNKNOWN) for symbol, instrument in instruments.items()}


def _text(us: int) -> str:
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000).isoformat()
