"""Rows of a time: trades, quotes, bars, and any other table of market data."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.records import QUOTES, TRADES
from db.datasets import INTERVALS
from db.read.answer import Answer, answer
from db.read.computed import of_raw_rows
from db.read.question import Moment, ask

Symbols = str | Sequence[str] | None


def rows(
    table: str,
    venue: str | None,
    symbols: Symbols,
    since: Moment,
    until: Moment,
    *,
    as_of: Moment | None = None,
    columns: Sequence[str] | None = None,
    **how: Any,
) -> Answer:
    """Rows of any table of core.records with since <= event_at < until. `how`: as_, holes, batches, source."""
    return answer(ask(table, venue, symbols, since, until, as_of, columns), **how)


def trades(venue: str | None, symbols: Symbols, since: Moment, until: Moment, **how: Any) -> Answer:
    return rows(TRADES.name, venue, symbols, since, until, **how)


def quotes(venue: str | None, symbols: Symbols, since: Moment, until: Moment, **how: Any) -> Answer:
    """Best bid and ask, one row per change."""
    return rows(QUOTES.name, venue, symbols, since, until, **how)


def bars(
    venue: str | None,
    symbols: Symbols,
    since: Moment,
    until: Moment,
    *,
    interval: str = "1s",
    as_of: Moment | None = None,
    columns: Sequence[str] | None = None,
    **how: Any,
) -> Answer:
    """Bars of 1s, 1m or 1h with since <= bucket < until. With `as_of` they are computed from the rows that had come by then, and end before it:
    what was made later of more rows would tell the future."""
    if interval not in INTERVALS:
        raise ValueError(f"there are no bars of {interval!r}: there are {', '.join(INTERVALS)}")
    question = ask(f"bars_{interval}", venue, symbols, since, until, as_of, columns)
    return answer(question, reader=None if as_of is None else of_raw_rows(question, INTERVALS[interval]), **how)


def yesterday(venue: str | None = None, symbols: Symbols = None, **how: Any) -> Answer:
    """Bars of a second of the last whole day in UTC, of everything that was recorded."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return bars(venue, symbols, today - timedelta(days=1), today, **how)
