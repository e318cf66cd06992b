"""db.read with `as_of`: what our clock had received by then, and nothing that came or was made later."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from db import read
from db.read import Source
from tests.db.parquet.recorded import START, Query

moments = st.integers(0, 5 * 24 * 60).map(lambda minute: START + timedelta(minutes=minute))
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
BARS = """
WITH q AS (
    SELECT time_bucket(%(width)s, event_at) AS bucket, instrument_id, event_at, update_id,
           CASE WHEN bid_price <> 0 AND ask_price <> 0 THEN (bid_price + ask_price) / 2 END AS mid,
           CASE WHEN bid_price <> 0 AND ask_price <> 0 THEN ask_price - bid_price END AS spread,
           (bid_quantity - ask_quantity) / nullif(bid_quantity + ask_quantity, 0) AS lean
    FROM quotes WHERE received_at <= %(as_of)s
), quoted AS (
    SELECT bucket, instrument_id, (array_agg(mid ORDER BY event_at, update_id) FILTER (WHERE mid IS NOT NULL))[1] AS open, max(mid) AS high,
           min(mid) AS low, (array_agg(mid ORDER BY event_at DESC, update_id DESC) FILTER (WHERE mid IS NOT NULL))[1] AS close,
           avg(spread) AS spread_mean, max(spread) AS spread_max, avg(lean) AS imbalance, count(*) AS updates
    FROM q GROUP BY 1, 2
), traded AS (
    SELECT time_bucket(%(width)s, event_at) AS bucket, instrument_id, count(*) AS trades, sum(quantity) AS volume,
           coalesce(sum(quantity) FILTER (WHERE side = 1), 0) AS buy_volume, sum(price * quantity) / sum(quantity) AS vwap
    FROM trades WHERE received_at <= %(as_of)s AND instrument_id < 4 GROUP BY 1, 2
)
SELECT bucket, instrument_id, open, high, low, close, spread_mean, spread_max, imbalance, coalesce(updates, 0), coalesce(trades, 0),
       coalesce(volume, 0), coalesce(buy_volume, 0), vwap
FROM quoted FULL JOIN traded USING (bucket, instrument_id)
WHERE bucket + %(width)s::interval <= %(as_of)s AND bucket >= %(since)s AND bucket < %(until)s ORDER BY bucket::date, instrument_id, bucket
"""


@quick
@given(name=st.sampled_from(["quotes", "trades"]), as_of=moments, in_files=st.booleans())
def test_no_row_that_came_later_is_told(files: Path, database: Source, name: str, as_of: datetime, in_files: bool) -> None:
    source = Source(database.url, files if in_files else None)
    span = START, START + timedelta(days=2)
    found = read.rows(name, "v", None, *span, as_of=as_of, holes="mask", source=source).rows
    everything = read.rows(name, "v", None, *span, holes="mask", source=database).rows
    assert_frame_equal(found.drop("whole"), everything.drop("whole").filter(pl.col("received_at") <= as_of))
    pieces = read.rows(name, "v", None, *span, as_of=as_of, holes="mask", source=source, batches=17).rows
    assert_frame_equal(pl.concat([found.clear(), *pieces]), found)


@quick
@given(
    as_of=moments,
    in_files=st.booleans(),
    interval=st.sampled_from(["1s", "1m", "1h"]),
    since=st.integers(0, 47),
    minutes=st.integers(1, 2880),
)
def test_bars_are_those_of_the_rows_that_had_come(
    ask: Query, files: Path, database: Source, as_of: datetime, in_files: bool, interval: str, since: int, minutes: int
) -> None:
    source = Source(database.url, files if in_files else None)
    first = START + timedelta(hours=since, minutes=7)
    last = first + timedelta(minutes=minutes)
    found = read.bars("v", None, first, last, interval=interval, as_of=as_of, holes="mask", source=source).rows
    width = {"1s": "1 second", "1m": "1 minute", "1h": "1 hour"}[interval]
    wanted = ask(BARS, {"width": width, "as_of": as_of, "since": first, "until": last})
    rows = found.drop("venue", "symbol", "whole").rows()
    assert [row[:2] for row in rows] == [row[:2] for row in wanted]
    for row, other in zip(rows, wanted, strict=True):
        assert row[2:] == pytest.approx(other[2:], nan_ok=True)


def test_an_hour_of_which_rows_came_later_has_a_hole(ask: Query, files: Path, database: Source) -> None:
    """The coverage of today knows that the hole was filled; as of then it was there."""
    came_later = ask("SELECT event_at FROM trades WHERE trade_id = 5 AND instrument_id = 1")[0][0]
    as_of = came_later + timedelta(hours=20)
    for source in (database, Source(database.url, files)):
        with pytest.raises(read.Holes, match="late"):
            read.trades("v", "A", came_later - timedelta(hours=1), came_later + timedelta(hours=1), as_of=as_of, source=source)
        found = read.trades("v", "A", START, START + timedelta(hours=5), as_of=START + timedelta(days=9), source=source)
        assert found.coverage["whole"].all()


def test_what_lies_behind_as_of_is_no_hole(database: Source) -> None:
    as_of = START + timedelta(hours=3)
    found = read.quotes("v", "A", START, START + timedelta(days=30), as_of=as_of, holes="mask", source=database)
    assert found.coverage["hour"].max() == START + timedelta(hours=2)
