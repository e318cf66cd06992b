"""Bars from raw rows, by the definition of the ones that are kept, for a moment at which fewer rows were there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from core.records import BUY, QUOTES, TRADES
from db.datasets import Dataset
from db.read.answer import Reader
from db.read.plan import Part, plan
from db.read.question import Question
from db.read.rows import Rows, schema_of
from db.read.source import Instrument, Opened

#: Instruments whose raw rows are in memory together.
_AT_A_TIME = 20


def of_raw_rows(question: Question, seconds: int) -> Reader:
    def read(source: Opened, part: Part, pieces: bool) -> Iterator[pl.DataFrame]:
        assert question.as_of_us is not None
        numbers = sorted(part.instruments)
        # A bar is there once it is over.
        until = min(part.until_us, question.as_of_us // (seconds * 1_000_000) * seconds * 1_000_000)
        most = 1 if pieces else _AT_A_TIME
        for first in range(0, len(numbers), most):
            some = numbers[first : first + most]
            quotes, trades = (_raw(source, question.of(kind), part, some, until, seconds) for kind in (QUOTES.name, TRADES.name))
            yield bars(quotes, trades, seconds, question.dataset)

    return read


def _raw(source: Opened, question: Question, part: Part, numbers: Sequence[int], until_us: int, seconds: int) -> pl.DataFrame:
    # A bar whose begin is asked for ends behind `until`.
    reach = -(-until_us // (seconds * 1_000_000)) * seconds * 1_000_000
    if part.since_us >= until_us:
        return pl.DataFrame(schema=schema_of(question.dataset))
    since = -(-part.since_us // (seconds * 1_000_000)) * seconds * 1_000_000
    if since >= reach:
        return pl.DataFrame(schema=schema_of(question.dataset))
    span = replace(question, venue=part.venue, symbols=(), since_us=since, until_us=reach)
    parts = plan(source, span, [Instrument(number, part.venue, "") for number in numbers])
    rows = Rows(source, span.dataset, span.dataset.names, span.as_of_us)
    return pl.concat([pl.DataFrame(schema=rows.schema), *(rows.frame(one) for one in parts)])


def bars(quotes: pl.DataFrame, trades: pl.DataFrame, seconds: int, dataset: Dataset) -> pl.DataFrame:
    """Rows are in the order of their keys. A side that is empty (price 0) makes no mid price."""
    bucket = pl.col("event_at").dt.truncate(f"{seconds}s").alias("bucket")
    there = (pl.col("bid_price") != 0) & (pl.col("ask_price") != 0)
    mid, spread = (pl.col("bid_price") + pl.col("ask_price")) / 2, pl.col("ask_price") - pl.col("bid_price")
    both = pl.col("bid_quantity") + pl.col("ask_quantity")
    tops = quotes.with_columns(
        bucket,
        mid=pl.when(there).then(mid),
        spread=pl.when(there).then(spread),
        lean=pl.when(both != 0).then((pl.col("bid_quantity") - pl.col("ask_quantity")) / both),
    )
    quoted = tops.group_by("instrument_id", "bucket").agg(
        open=pl.col("mid").drop_nulls().first(),
        high=pl.col("mid").max(),
        low=pl.col("mid").min(),
        close=pl.col("mid").drop_nulls().last(),
        spread_mean=pl.col("spread").mean(),
        spread_max=pl.col("spread").max(),
        imbalance=pl.col("lean").mean(),
        updates=pl.len().cast(pl.Int64),
    )
    traded = trades.group_by("instrument_id", bucket).agg(
        trades=pl.len().cast(pl.Int64),
        volume=pl.col("quantity").sum(),
        buy_volume=pl.col("quantity").filter(pl.col("side") == BUY).sum(),
        notional=(pl.col("price") * pl.col("quantity")).sum(),
    )
    joined = quoted.join(traded, on=["instrument_id", "bucket"], how="full", coalesce=True).with_columns(
        pl.col("updates", "trades").fill_null(0),
        pl.col("volume", "buy_volume").fill_null(0.0),
        vwap=pl.when(pl.col("volume") != 0).then(pl.col("notional") / pl.col("volume")),
    )
    schema = schema_of(dataset)
    return joined.select(schema.names()).cast(schema).sort(*dataset.key)
