"""bars_from_files, quotes_from_files, bars_from_database: a day of research data into a frame."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg2.extensions import cursor as Cursor

from bench.children import module, started
from bench.figures import Bar, Figure, spread
from bench.servers import Lab
from db import arrow
from db.datasets import DATASETS, Dataset
from db.parquet import places, writing
from db.parquet.places import Manifest

BARS_FILES = Bar("bars_from_files", "s", 3.0)
QUOTES_FILES = Bar("quotes_from_files", "s", 6.0)
BARS_DATABASE = Bar("bars_from_database", "s", 15.0)
SYMBOLS, SECONDS, QUOTES = 200, 86_400, 43_000_000
RUNS = 3
DAY = date(2026, 11, 3)
DAY_US = 1_793_664_000_000_000
VENUE = "bench"
#: Instruments of other stages keep their numbers.
FIRST_ID = 1_000_001
_DEADLINE_SECONDS = 300.0
_WIDTH_US = 86_400_000_000


def from_files(lab: Lab, *, symbols: int = SYMBOLS, seconds: int = SECONDS, quotes: int = QUOTES, runs: int = RUNS) -> Iterator[Figure]:
    folder = lab.folder / "parquet"
    for name, bar, rows in (("bars_1s", BARS_FILES, symbols * seconds), ("quotes", QUOTES_FILES, quotes)):
        lab.say(f"writing {rows:,} rows of {name}")
        size = written(folder, DATASETS[name], symbols, rows // symbols)
        times = _read(lab, "", folder, name, rows // symbols * symbols, runs)
        yield bar.figure(
            median(times),
            f"median of {runs} runs of db.read in a process of its own: {rows:,} rows of {symbols} symbols with all columns into a polars frame, "
            f"from one file of {size / 2**20:.0f} MiB in the page cache: {spread(times)} s",
        )


def from_database(lab: Lab, *, symbols: int = SYMBOLS, seconds: int = SECONDS, runs: int = RUNS) -> list[Figure]:
    lab.say(f"storing {symbols * seconds:,} bars")
    with closing(lab.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("TRUNCATE rollups.bars_1s")
        last = numbered(cursor, symbols)
        cursor.execute(
            "INSERT INTO rollups.bars_1s SELECT %s::timestamp AT TIME ZONE 'UTC' + s * INTERVAL '1 second', i, 100, 101, 99, 100.5, 4, 0.2, 0.1, 1, 4, 4, "
            "2, 3, 1, 300 FROM generate_series(0, %s - 1) s, generate_series(%s, %s) i",
            (DAY, seconds, FIRST_ID, last),
        )
    with closing(lab.connect()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE rollups.bars_1s")
    times = _read(lab, lab.servers.database_url, lab.folder / "none", "bars_1s", symbols * seconds, runs)
    how = (
        f"median of {runs} runs of db.read in a process of its own: {symbols * seconds:,} bars of a second of {symbols} symbols, 14 columns, by COPY over "
        f"ADBC into a polars frame, sorted: {spread(times)} s"
    )
    return [BARS_DATABASE.figure(median(times), how)]


def numbered(cursor: Cursor, symbols: int) -> int:
    """Make the instruments, from FIRST_ID on; returns the last of their ids."""
    last = FIRST_ID + symbols - 1
    cursor.execute(
        "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) "
        "SELECT i, %s, 'S' || i, 'active', now(), now() FROM generate_series(%s, %s) i ON CONFLICT DO NOTHING",
        (VENUE, FIRST_ID, last),
    )
    return last


def _read(lab: Lab, url: str, folder: Path, name: str, rows: int, runs: int) -> list[float]:
    with started(
        f"read {name}", module("bench.reading_child", folder, name, rows, runs), lab.folder, lab.environment(READ_URL=url)
    ) as child:
        times: list[float] = child.line(_DEADLINE_SECONDS)["seconds"]
    return times


def written(folder: Path, dataset: Dataset, symbols: int, each: int) -> int:
    """A day's folder of rows as a venue tells them: prices of few digits that wander. Size of its file in bytes."""
    where = places.place(folder, dataset.name, VENUE, DAY)
    new = places.draft(where)
    names = {number: f"S{number}" for number in range(1, symbols + 1)}
    rows = writing.rows(new / ".rows", dataset, _batches(dataset, symbols, each), names)
    data = places.store(new / ".rows", "rows")
    writing.coverage(new / ".coverage", arrow.COVERAGE.empty_table(), names)
    coverage = places.store(new / ".coverage", "_coverage")
    places.write(new, Manifest(dataset.name, VENUE, DAY.isoformat(), rows, 0, 0, data, coverage, names))
    places.publish(where)
    return data.bytes


def _batches(dataset: Dataset, symbols: int, each: int) -> Iterator["pa.RecordBatch"]:
    random = np.random.default_rng(1)
    schema = arrow.schema(dataset)
    for number in range(1, symbols + 1):
        mid = np.round(100.0 * number + np.cumsum(random.integers(-1, 2, each)) * 0.01, 2)
        made = _MADE[dataset.name](random, mid)
        made["instrument_id"] = np.full(each, number, np.int32)
        made[dataset.time] = DAY_US + np.arange(each) * (_WIDTH_US // each)
        yield pa.RecordBatch.from_arrays([pa.array(made[field.name], field.type) for field in schema], schema=schema)


def _quotes(random: Any, mid: Any) -> dict[str, Any]:
    count = len(mid)
    sizes = np.round(random.exponential(3.0, (2, count)), 3)
    event = DAY_US + np.arange(count) * (_WIDTH_US // count)
    return {
        "received_at": event + random.integers(1_000, 9_000, count),
        "update_id": np.cumsum(random.integers(1, 40, count)),
        "bid_price": mid,
        "ask_price": np.round(mid + 0.01 * random.integers(1, 4, count), 2),
        "bid_quantity": sizes[0],
        "ask_quantity": sizes[1],
    }


def _bars(random: Any, mid: Any) -> dict[str, Any]:
    count = len(mid)
    volume = np.round(random.exponential(2.0, count), 3)
    prices: Mapping[str, Any] = {name: np.round(mid + 0.01 * random.integers(0, 9, count), 2) for name in ("open", "high", "low", "close")}
    return {
        **prices,
        "spread_mean": random.random(count) / 20,
        "spread_max": np.round(random.integers(1, 9, count) * 0.01, 2),
        "imbalance": random.random(count) * 2 - 1,
        "updates": random.integers(1, 40, count),
        "trades": random.integers(0, 9, count),
        "volume": volume,
        "buy_volume": np.round(volume * random.random(count), 3),
        "vwap": np.where(volume > 0.3, mid, np.nan),
    }


_MADE: Mapping[str, Callable[[Any, Any], dict[str, Any]]] = {"bars_1s": _bars, "quotes": _quotes}
