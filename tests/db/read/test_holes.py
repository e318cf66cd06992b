"""db.read and what is missing: an error, a warning or a mask, and never nothing."""

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from db import read
from db.read import Source
from tests.db.parquet.recorded import START, Query

DAY = START, START + timedelta(days=1)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


@pytest.fixture
def hole(ask: Query, url: str) -> Iterator[None]:
    """Trades of B lack 100 s in the hour from 5, and nobody judged the hour from 7. Files do not know of it."""
    where = "channel = 't' AND instrument_id = 2 AND hour ="
    ask("UPDATE recorded_days SET judgements = judgements + 1")
    ask(f"UPDATE coverage SET state = 'broken', verified = 3500, broken = 100 WHERE {where} %s", (at(5),))
    ask(f"DELETE FROM coverage WHERE {where} %s", (at(7),))
    ask("UPDATE coverage SET channel = 'x' WHERE channel = 'q'")  # so that `t` alone can make these hours whole
    ask("DELETE FROM coverage WHERE channel = 'x' AND instrument_id = 2 AND hour IN (%s, %s)", (at(5), at(7)))
    yield
    ask("UPDATE recorded_days SET judgements = judgements - 1")
    ask("DELETE FROM coverage")
    ask(
        "INSERT INTO coverage SELECT 'v', c, i, %s + n * INTERVAL '1 hour', 'verified', 3600, 0, 0, 0, 0, NULL, now() "
        "FROM generate_series(0, 47) n, generate_series(1, 3) i, unnest(ARRAY['q', 't']) c",
        (START,),
    )


@pytest.mark.usefixtures("hole")
def test_a_hole_is_an_error_that_says_where(database: Source, files: Path) -> None:
    for source in (database, Source(database.url, files)):
        with pytest.raises(
            read.Holes, match=r"2 of 24 hours have a hole; the first: trades of v B at 2026-11-03 05:00, broken, 100 s"
        ) as caught:
            read.trades("v", "B", *DAY, source=source)
        assert caught.value.coverage.filter(~pl.col("whole"))["state"].to_list() == ["broken", "unknown"]


@pytest.mark.usefixtures("hole")
def test_or_a_warning(database: Source) -> None:
    with pytest.warns(read.HolesWarning, match="2 of 72 hours"):
        assert read.trades("v", None, *DAY, holes="warn", source=database).rows.height == 60


@pytest.mark.usefixtures("hole")
def test_or_a_mask(database: Source, files: Path) -> None:
    for source in (database, Source(database.url, files)):
        rows = read.trades("v", ["A", "B"], *DAY, holes="mask", source=source).rows
        masked = rows.filter(~pl.col("whole"))
        assert set(masked["symbol"]) == {"B"} and masked.height > 0
        assert set(masked["event_at"].dt.hour()) <= {5, 7}
        pieces = pl.concat(read.trades("v", ["A", "B"], *DAY, holes="mask", source=source, batches=3).rows)
        assert pieces["whole"].to_list() == rows["whole"].to_list()


@pytest.mark.usefixtures("hole")
def test_hours_beside_it_are_whole(database: Source) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read.trades("v", "B", at(8), at(20), holes="warn", source=database)
    assert found.coverage.height == 24 and found.coverage["whole"].all()


def test_nobody_vouches_for_what_was_not_asked_for(database: Source) -> None:
    with pytest.raises(read.Holes, match=r"unknown"):
        read.quotes("w", "A", *DAY, source=database)
    with pytest.raises(read.Holes, match="nothing says how whole this is"):
        read.quotes("w", None, *DAY, source=database)


def test_the_hour_that_goes_on_is_whole_as_far_as_it_is_judged(ask: Query, database: Source) -> None:
    ask("INSERT INTO judged_streams VALUES ('v:t:0:a', %s, %s), ('v:q:0:a', %s, %s)", (START, at(30), START, at(30)))
    ask("UPDATE judged_streams SET judged_until = %s", (at(30) + timedelta(minutes=20, seconds=5),))
    ask("INSERT INTO judged_streams VALUES ('v:t:9:a', %s, %s)", (START, at(1)))  # of a shard that is gone
    late = "UPDATE coverage SET verified = %s WHERE hour = %s"
    ask(late, (1200, at(30)))
    try:
        assert read.trades("v", "A", at(29), at(30) + timedelta(minutes=20), source=database).coverage["whole"].all()
        with pytest.raises(read.Holes, match="06:00"):
            read.trades("v", "A", at(29), at(30) + timedelta(minutes=21), source=database)
        ask(late, (1100, at(30)))
        with pytest.raises(read.Holes):
            read.trades("v", "A", at(29), at(30) + timedelta(minutes=20), source=database)
    finally:
        ask("DELETE FROM judged_streams")
        ask(late, (3600, at(30)))


def test_coverage_comes_with_the_rows_in_the_same_form(database: Source) -> None:
    found: Any = read.quotes("v", "A", *DAY, as_="pandas", source=database).coverage
    assert list(found["state"].unique()) == ["verified"] and len(found) == 48
