"""Rows of a part as frames of one shape, wherever they come from: columns, types and order are the dataset's."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from db import arrow
from db.arrow import Span
from db.datasets import Dataset
from db.parquet import places
from db.parquet.places import Manifest, Unreadable
from db.read.plan import Part
from db.read.source import Opened

T = TypeVar("T")
TYPES: Mapping[str, Any] = {
    "timestamptz": pl.Datetime("us", "UTC"),
    "int8": pl.Int64(),
    "int4": pl.Int32(),
    "int2": pl.Int16(),
    "float8": pl.Float64(),
    "bool": pl.Boolean(),
    "text": pl.String(),
}
#: A day that is exported anew in the moment of reading is found at the next try.
_TRIES = 5
#: Rows that Parquet decodes at a time.
_DECODED_ROWS = 1 << 16


def schema_of(dataset: Dataset, names: Collection[str] | None = None) -> pl.Schema:
    return pl.Schema({column.name: TYPES[column.type] for column in dataset.columns if names is None or column.name in names})


class Rows:
    """Rows of one dataset in one opened source."""

    def __init__(self, opened: Opened, dataset: Dataset, names: Collection[str], as_of_us: int | None) -> None:
        self._opened, self._dataset, self._as_of_us = opened, dataset, as_of_us
        self._names = [name for name in dataset.names if name in names]
        self.schema = schema_of(dataset, names)

    def frame(self, part: Part) -> pl.DataFrame:
        """All rows of the part, in the order of the key."""
        if part.rows_in is not None:
            return _tried(part.rows_in, lambda folder, manifest: self._scan(folder, manifest, part).select(self._names).collect())
        if self._opened.snapshot is None:
            return pl.DataFrame(schema=self.schema)
        keyed = [name for name in self._dataset.names if name in self._names or name in self._dataset.key]
        batches = self._opened.snapshot.stream(self._dataset, self._span(part), keyed, ordered=False)
        table = pa.Table.from_batches(batches, arrow.schema(self._dataset, keyed))
        return _sorted(_framed(table), self._dataset.key).select(self._names).cast(self.schema)

    def batches(self, part: Part) -> Iterator[pl.DataFrame]:
        """The same in pieces of any size, one at a time in memory."""
        if part.rows_in is not None:
            file, only = _tried(part.rows_in, lambda folder, manifest: self._file(folder, manifest, part))
            with file:
                names = list(dict.fromkeys([*self._names, *self._filtered()]))
                for batch in file.iter_batches(_DECODED_ROWS, row_groups=only, columns=names):
                    found = self._only(_framed(pa.Table.from_batches([batch])).lazy(), part).select(self._names).collect()
                    if found.height:
                        yield found.cast(self.schema)
        elif self._opened.snapshot is not None:
            for batch in self._opened.snapshot.stream(self._dataset, self._span(part), self._names):
                yield _framed(pa.Table.from_batches([batch])).cast(self.schema)

    def late(self, part: Part, behind_us: int) -> list[tuple[int, datetime]]:
        """(instrument, hour) of rows that are older than `as_of` by so much and came after it."""
        if self._as_of_us is None or self._dataset.received is None:
            return []
        if part.rows_in is None:
            return self._opened.snapshot.late(self._dataset, self._span(part), behind_us) if self._opened.snapshot else []
        received, time = pl.col(self._dataset.received), pl.col(self._dataset.time)
        came_later = (received > _at(self._as_of_us)) & (time < _at(self._as_of_us - behind_us))

        def hours(folder: Path, manifest: Manifest) -> list[tuple[int, datetime]]:
            found = self._scan(folder, manifest, part, heard=False).filter(came_later)
            return found.select("instrument_id", time.dt.truncate("1h")).unique().collect().rows()

        return _tried(part.rows_in, hours)

    def _span(self, part: Part) -> Span:
        return Span(part.since_us, part.until_us, part.instruments, self._as_of_us)

    def _scan(self, folder: Path, manifest: Manifest, part: Part, *, heard: bool = True) -> pl.LazyFrame:
        path = folder / manifest.data.name
        if not path.exists():
            raise FileNotFoundError(path)
        # A file from before a column was there lacks it, and has `symbol` besides.
        found = pl.scan_parquet(
            path, schema=schema_of(self._dataset), missing_columns="insert", extra_columns="ignore", hive_partitioning=False, glob=False
        )
        return self._only(found, part, heard=heard)

    def _only(self, frame: pl.LazyFrame, part: Part, *, heard: bool = True) -> pl.LazyFrame:
        if not part.whole_day:
            frame = frame.filter(pl.col(self._dataset.time).is_between(_at(part.since_us), _at(part.until_us), closed="left"))
        if not part.whole_venue:
            frame = frame.filter(pl.col("instrument_id").is_in(list(part.instruments)))
        if heard and self._as_of_us is not None and self._dataset.received:
            frame = frame.filter(pl.col(self._dataset.received) <= _at(self._as_of_us))
        return frame

    def _filtered(self) -> list[str]:
        return ["instrument_id", self._dataset.time, *([self._dataset.received] if self._dataset.received else [])]

    def _file(self, folder: Path, manifest: Manifest, part: Part) -> tuple["pq.ParquetFile", list[int]]:
        """An open file, and its row groups that may hold rows of the part: they are sorted by instrument."""
        file = pq.ParquetFile(folder / manifest.data.name, pre_buffer=False)  # it would hold the whole file
        place = file.schema_arrow.get_field_index("instrument_id")
        wanted, only = sorted(part.instruments), []
        for number in range(file.metadata.num_row_groups):
            range_of = file.metadata.row_group(number).column(place).statistics
            if part.whole_venue or any(range_of.min <= one <= range_of.max for one in wanted):
                only.append(number)
        return file, only


def _tried(where: Path, read: Callable[[Path, Manifest], T]) -> T:
    for _ in range(_TRIES):
        there = places.found(where)
        if there is None:
            break
        try:
            return read(*there)
        except FileNotFoundError:
            continue
        except (pl.exceptions.ComputeError, pa.ArrowInvalid) as exc:
            raise Unreadable(
                f"{there[0] / there[1].data.name} is damaged ({exc}): delete its folder, the next export makes it anew"
            ) from exc
    raise Unreadable(f"{where} has gone while it was read, or lacks its file: `./farm export` makes it anew")


def _sorted(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Where each row belongs is found by one column of the key after the other, the last one first: rows come nearly in the order of time, and
    this takes a fourth of what sorting whole rows by all at once does."""
    places = frame.select(key).with_row_index("place")
    for name in reversed(key):
        places = places.sort(name, maintain_order=True)
    return frame.rechunk().select(pl.all().gather(places["place"]))


def _framed(table: "pa.Table") -> pl.DataFrame:
    found = pl.from_arrow(table)
    assert isinstance(found, pl.DataFrame)
    return found


def _at(us: int) -> pl.Expr:
    return pl.lit(us).cast(pl.Datetime("us", "UTC"))
