"""Rows as Arrow: one schema a dataset, and a snapshot of the database that streams them by COPY, in the order of the key."""

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager import dbapi
from sqlalchemy.engine import make_url

from db.datasets import Dataset
from db.moments import moment

#: What may go wrong, and of it what says that the database is away.
FAILED, AWAY = adbc_driver_manager.Error, adbc_driver_manager.OperationalError
TYPES: Mapping[str, Any] = {
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "int8": pa.int64(),
    "int4": pa.int32(),
    "int2": pa.int16(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
}
#: An hour of an instrument, as in the table of that name.
COVERAGE = pa.schema(
    [
        pa.field("channel", pa.string(), nullable=False),
        pa.field("instrument_id", pa.int32(), nullable=False),
        pa.field("hour", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in ("verified", "witnessed", "unverifiable", "broken", "paused")),
        pa.field("newest_at", pa.timestamp("us", tz="UTC")),
    ]
)
#: What the server may use to sort the rows of one statement before it goes to its disk.
SORT_MEMORY = "64MB"
#: A statement reads a range of instruments of a day; one that lasts longer is stuck.
STATEMENT_SECONDS = 900
#: Bytes that the driver gathers before it hands a batch over.
BATCH_BYTES = 4 << 20


def schema(dataset: Dataset, names: Sequence[str] | None = None) -> "pa.Schema":
    chosen = [column for column in dataset.columns if names is None or column.name in names]
    return pa.schema([pa.field(column.name, TYPES[column.type], column.nullable) for column in chosen])


@dataclass(frozen=True, slots=True)
class Span:
    """Rows with since <= time < until of these instruments, in us; of what had come by `as_of` where one is given."""

    since_us: int
    until_us: int
    instruments: Collection[int]
    as_of_us: int | None = None


class Snapshot:
    """One state of the database, for as long as it is open."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """A few rows; values stand as $1, $2 in the statement."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def table(self, statement: str, *values: Any) -> "pa.Table":
        """The same with names and types."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetch_arrow_table()

    def stream(
        self, dataset: Dataset, span: Span, names: Sequence[str] | None = None, *, ordered: bool = True
    ) -> Iterator["pa.RecordBatch"]:
        """Batches of some megabytes, in the schema of the dataset; without `ordered` in any order, which is three times as fast."""
        wanted = schema(dataset, names)
        if not span.instruments:
            return
        with self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            cursor.execute(select(dataset, span, wanted.names, ordered=ordered))
            for batch in cursor.fetch_record_batch():
                yield pa.RecordBatch.from_arrays([batch.column(i).cast(field.type) for i, field in enumerate(wanted)], schema=wanted)

    def counts(self, dataset: Dataset, span: Span) -> dict[int, int]:
        """instrument -> rows."""
        return dict(
            self.rows(f"SELECT instrument_id, count(*) FROM {dataset.name} WHERE {where(dataset.time, span)} GROUP BY 1 ORDER BY 1")
        )

    def late(self, dataset: Dataset, span: Span, behind_us: int) -> list[tuple[int, datetime]]:
        """(instrument, hour) of rows that came after `as_of`, though they are older than it by so much."""
        if span.as_of_us is None or not span.instruments:
            return []
        old = replace(span, until_us=min(span.until_us, span.as_of_us - behind_us))
        return self.rows(
            f"SELECT DISTINCT instrument_id, date_trunc('hour', {dataset.time}, 'UTC') FROM {dataset.name} "
            f"WHERE {where(dataset.time, old)} AND {dataset.received} > {_text(span.as_of_us)}"
        )

    def coverage(self, span: Span) -> "pa.Table":
        """Hours of all channels, in the schema COVERAGE, by instrument, hour and channel."""
        if not span.instruments:
            return COVERAGE.empty_table()
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(COVERAGE.names)} FROM coverage WHERE {where('hour', span)} ORDER BY instrument_id, hour, channel"
            )
            return cursor.fetch_arrow_table().cast(COVERAGE)


def select(dataset: Dataset, span: Span, names: Sequence[str], *, ordered: bool = True) -> str:
    heard = "" if span.as_of_us is None or dataset.received is None else f" AND {dataset.received} <= {_text(span.as_of_us)}"
    order = f" ORDER BY {', '.join(dataset.key)}" if ordered else ""
    return f"SELECT {', '.join(names)} FROM {dataset.name} WHERE {where(dataset.time, span)}{heard}{order}"


def where(column: str, span: Span) -> str:
    """COPY takes no parameters: names of ours, our numbers of instruments, and times made from numbers."""
    ids = "{" + ",".join(str(int(number)) for number in span.instruments) + "}"
    return f"instrument_id = ANY('{ids}'::int4[]) AND {column} >= {_text(span.since_us)} AND {column} < {_text(span.until_us)}"


def _text(us: int) -> str:
    at = moment(us)
    assert isinstance(at, datetime)
    return f"TIMESTAMPTZ '{at.isoformat()}'"


@functools.cache
def _database(url: str) -> Any:
    """It asks for the server's types once, which takes longer than most answers, and holds no connection."""
    return adbc_driver_postgresql.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))


class _Lasting:
    """In the place of what a connection closes with itself."""

    def close(self) -> None:
        """The next connection uses it too."""


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Raises FAILED, where the database cannot be reached AWAY."""
    with dbapi.Connection(_Lasting(), adbc_driver_manager.AdbcConnection(_database(url))) as connection, connection.cursor() as cursor:  # type: ignore[arg-type]
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute(f"SET LOCAL work_mem = '{SORT_MEMORY}'")
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
        cursor.execute("SET LOCAL timezone = 'UTC'")
        # Sorting a range by instrument is cheaper than compiling how to do it.
        cursor.execute("SET LOCAL jit = off")
        yield Snapshot(connection)
