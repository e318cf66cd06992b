"""Rows and coverage into Parquet files: row groups of one size, so that memory is bounded and the same rows make the same file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from db import arrow
from db.datasets import Dataset

#: Some 30 MB in memory; a reader skips groups by instrument and time.
GROUP_ROWS = 1 << 19
#: Level 3 costs a tenth more time than 1; above it little is won.
_ZSTD = 3
SYMBOL = pa.dictionary(pa.int32(), pa.string())


def rows(path: Path, dataset: Dataset, batches: Iterable["pa.RecordBatch"], symbols: Mapping[int, str]) -> int:
    """Write all batches, which are in the order of the key; returns how many rows. Beside the dataset's columns there is `symbol`."""
    plain = arrow.schema(dataset)
    whole = plain.append(pa.field("symbol", SYMBOL, nullable=False))
    sorting = [pq.SortingColumn(plain.get_field_index(name)) for name in dataset.key]
    written, waiting, gathered = 0, 0, list["pa.RecordBatch"]()
    names = _Names(symbols)
    with pq.ParquetWriter(path, whole, compression="zstd", compression_level=_ZSTD, sorting_columns=sorting) as writer:

        def write(count: int) -> None:
            nonlocal gathered, waiting
            table = pa.Table.from_batches(gathered, plain)
            group = table.slice(0, count).combine_chunks()
            writer.write_table(group.append_column(whole.field("symbol"), names.of(group["instrument_id"])), row_group_size=GROUP_ROWS)
            gathered, waiting = table.slice(count).to_batches(), table.num_rows - count

        for batch in batches:
            gathered.append(batch)
            waiting += batch.num_rows
            written += batch.num_rows
            while waiting >= GROUP_ROWS:
                write(GROUP_ROWS)
        if waiting:
            write(waiting)
    return written


def coverage(path: Path, hours: "pa.Table", symbols: Mapping[int, str]) -> None:
    """Write hours in the schema of db.arrow, with `symbol`."""
    named = hours.append_column(pa.field("symbol", SYMBOL, nullable=False), _Names(symbols).of(hours["instrument_id"]))
    pq.write_table(named, path, compression="zstd", compression_level=_ZSTD)


class _Names:
    """Numbers of instruments as symbols."""

    def __init__(self, symbols: Mapping[int, str]) -> None:
        ordered = sorted(symbols)
        self._numbers = pa.array(ordered, pa.int32())
        self._symbols = pa.array([symbols[number] for number in ordered], pa.string())

    def of(self, numbers: "pa.ChunkedArray") -> "pa.DictionaryArray":
        places = pa.compute.index_in(numbers.combine_chunks(), value_set=self._numbers)
        return pa.DictionaryArray.from_arrays(places.cast(pa.int32()), self._symbols)
