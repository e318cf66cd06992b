"""db.read: whatever part of the days lies in files, the answer is the same frame."""

import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from db import read, roles
from db.datasets import DATASETS
from db.read import Source
from tests.db.parquet.recorded import START, Query

NAMES = ("quotes", "trades", "bars_1s")
days = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(["2026-11-03", "2026-11-04"])))
moments = st.integers(0, 49 * 60).map(lambda minute: START + timedelta(minutes=minute))
spans = st.tuples(moments, moments).filter(lambda span: span[0] != span[1]).map(sorted)
symbols = st.sampled_from([None, "A", ["B"], ["C", "A"]])
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def split(files: Path, folder: Path, there: set[tuple[str, str]]) -> Path:
    """Of all files those of some days."""
    for name, day in there:
        place = Path(name) / "venue=v" / f"date={day}"
        if (files / place).exists():
            shutil.copytree(files / place, folder / place, copy_function=os.link)
    return folder


def of(name: str, span: list[datetime], symbols: Any, source: Source, **how: Any) -> read.Answer:
    ask = read.bars if name == "bars_1s" else {"quotes": read.quotes, "trades": read.trades}[name]
    return ask("v", symbols, *span, source=source, **{"holes": "mask", **how})


@quick
@given(name=st.sampled_from(NAMES), there=days, span=spans, symbols=symbols, size=st.integers(1, 200))
def test_any_split_into_files_and_database_gives_the_same_frame(
    files: Path, database: Source, name: str, there: set[tuple[str, str]], span: list[datetime], symbols: Any, size: int
) -> None:
    wanted = of(name, span, symbols, database)
    with tempfile.TemporaryDirectory() as folder:
        source = Source(database.url, split(files, Path(folder), there))
        found = of(name, span, symbols, source)
        assert_frame_equal(found.rows, wanted.rows)
        assert_frame_equal(found.coverage, wanted.coverage)
        pieces = list(of(name, span, symbols, source, batches=size).rows)
    assert all(piece.height == size for piece in pieces[:-1]) and all(piece.height for piece in pieces)
    assert_frame_equal(pl.concat([wanted.rows.clear(), *pieces]), wanted.rows)


def test_the_frame_is_what_a_plain_question_gives(ask: Query, database: Source, files: Path) -> None:
    for source in (database, Source(database.url, files), Source("", files)):
        found = read.quotes("v", ["A", "C"], "2026-11-03T05:00", "2026-11-04T07:00", source=source).rows
        wanted = ask(
            "SELECT venue, symbol, q.* FROM quotes q JOIN instruments i USING (instrument_id) WHERE symbol IN ('A', 'C') AND venue = 'v' "
            "AND event_at >= '2026-11-03 05:00+00' AND event_at < '2026-11-04 07:00+00' ORDER BY event_at::date, instrument_id, event_at, update_id"
        )
        assert found.columns == ["venue", "symbol", *DATASETS["quotes"].names]
        assert [tuple(row) for row in found.with_columns(pl.col("venue", "symbol").cast(pl.String)).rows()] == wanted


@pytest.mark.parametrize("as_", ["polars", "arrow", "pandas"])
def test_the_form_is_the_callers_choice(database: Source, files: Path, as_: Any) -> None:
    found = read.trades("v", "B", "2026-11-03", "2026-11-04", as_=as_, source=Source(database.url, files))
    plain = read.trades("v", "B", "2026-11-03", "2026-11-04", source=database).rows
    back = found.rows if as_ == "polars" else pl.from_arrow(found.rows) if as_ == "arrow" else pl.from_pandas(found.rows)
    assert_frame_equal(back.select("event_at", "price", "trade_id"), plain.select("event_at", "price", "trade_id"))  # type: ignore[union-attr]
    assert type(found.rows).__module__.partition(".")[0] == {"polars": "polars", "arrow": "pyarrow", "pandas": "pandas"}[as_]
    assert type(found.coverage) is type(found.rows)


def test_only_the_columns_that_are_asked_for_come(database: Source, files: Path) -> None:
    for source in (database, Source(database.url, files)):
        found = read.quotes("v", "A", "2026-11-03", "2026-11-04", columns=["bid_price", "symbol"], source=source).rows
        assert found.columns == ["symbol", "bid_price"] and found.height == 60


def test_a_day_that_changed_since_its_export_is_read_from_the_database(ask: Query, database: Source, files: Path) -> None:
    source = Source(database.url, files)
    asked = ("v", "A", "2026-11-03", "2026-11-04")
    before = read.trades(*asked, source=source).rows.height
    ask("INSERT INTO trades SELECT '2026-11-03 12:00:30+00', '2026-11-03 12:00:31+00', 1, 5000, 7, 1, 1")
    assert read.trades(*asked, source=source).rows.height == before, "nobody told of it"
    ask("UPDATE recorded_days SET changes = changes + 1 WHERE kind = 'trades' AND day = '2026-11-03'")
    assert read.trades(*asked, source=source).rows.height == before + 1
    ask("DELETE FROM trades WHERE trade_id = 5000")
    ask("UPDATE recorded_days SET changes = changes - 1 WHERE kind = 'trades' AND day = '2026-11-03'")


def test_without_a_database_closed_days_are_all_there_is(files: Path) -> None:
    alone = Source("", files)
    assert read.trades("v", None, "2026-11-03", "2026-11-05", source=alone).rows.height == 120
    with pytest.raises(read.Holes, match="unknown"):
        read.trades("v", "A", "2026-11-03", "2026-11-06", source=alone)


def test_yesterday_is_all_bars_of_the_last_whole_day(database: Source) -> None:
    found = read.yesterday(holes="mask", source=database).rows
    assert found.columns[:4] == ["venue", "symbol", "bucket", "instrument_id"] and found.height == 0
    assert datetime.now(UTC).date() != START.date()


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"venue": "v", "symbols": "X", "since": "2026-11-03", "until": "2026-11-04"}, "no instrument X of v"),
        ({"venue": "v", "symbols": "A", "since": "2026-11-04", "until": "2026-11-04"}, "does not lie before"),
        ({"venue": "v", "symbols": "A", "since": "soon", "until": "2026-11-04"}, "since 'soon' is no time"),
        ({"venue": "v", "symbols": "A", "since": datetime(2026, 11, 3), "until": "2026-11-04"}, "no time zone"),  # noqa: DTZ001  # what a user may give
        ({"venue": "v", "symbols": "A", "since": "2026-11-03", "until": "2026-11-04", "columns": ["px"]}, "no column px"),
        ({"venue": "v", "symbols": "A", "since": "2026-11-03", "until": "2026-11-04", "batches": 0}, "from 1 up"),
        ({"venue": "v", "symbols": "A", "since": "2026-11-03", "until": "2026-11-04", "holes": "fill"}, "raise, warn, mask"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(database: Source, question: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, LookupError), match=words):
        read.quotes(**question, source=database)


def test_the_reader_of_the_database_may_read_it_all(url: str, database: Source, files: Path) -> None:
    roles.let_in(url, roles.READER, "secret")
    reader = Source(roles.url_of(url, roles.READER, "secret"), files)
    asked = ("v", None, "2026-11-03", "2026-11-06")
    for read_rows in (read.quotes, read.trades, read.bars):
        assert_frame_equal(read_rows(*asked, holes="mask", source=reader).rows, read_rows(*asked, holes="mask", source=database).rows)
