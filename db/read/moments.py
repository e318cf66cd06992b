"""The state of one instant: a book, a chain of options, the questions that were asked. What our clock received after it is not known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from core.records import BOOK_DELTAS, BOOK_SNAPSHOTS, TICKERS
from db.moments import moment
from db.read.answer import Answer, As, Treatment, answer, formed
from db.read.question import Moment, ask, moment_us
from db.read.source import Source, configured, opened

#: How far back a whole book is looked for: most are in the last hour.
_LOOKBACKS = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
#: A row of a level that is gone.
_GONE = 0.0
_LEVELS = ("side", "price", "quantity")
#: Times are asked for up to an end that is not included.
_INSTANT = timedelta(microseconds=1)
_QUOTED = ("event_at", "received_at", "mark_price", "underlying_price", "index_price", "open_interest", "mark_iv", "bid_iv", "ask_iv")
_GREEKS = ("delta", "gamma", "vega", "theta", "rho", "bid_price", "bid_quantity", "ask_price", "ask_quantity", "last_price")


def book_at(venue: str, symbol: str, at: Moment, *, as_: As = "polars", holes: Treatment = "raise", source: Source | None = None) -> Answer:
    """The whole book as we knew it at this moment: side (1 bid, -1 ask), price, quantity, bids first and the best of each first; and the
    coverage from the last whole book on. Raises LookupError where there is no whole book in the week before."""
    source, now = source or configured(), _moment(at)
    states = _states(venue, symbol, now, source)
    if not states.height:
        raise LookupError(f"no whole book of {venue} {symbol} was received in the week before {now.isoformat()}")
    event_at, received_at, update_id = states.sort("event_at", "received_at").select("event_at", "received_at", "update_id").row(-1)
    whole = states.filter((pl.col("event_at") == event_at) & (pl.col("update_id") == update_id))
    after = answer(ask(BOOK_DELTAS.name, venue, symbol, event_at, now + _INSTANT, now), holes=holes, source=source)
    # Numbers tell what of the same instant is newer where changes name the one before them; else when it came does.
    numbered = pl.col("previous_id").is_not_null()
    newer = pl.when(numbered).then(pl.col("update_id") > update_id).otherwise(pl.col("received_at") > received_at)
    deltas = after.rows.filter((pl.col("event_at") > event_at) | newer)
    deltas = deltas.sort("event_at", pl.when(~numbered).then("received_at"), "update_id", nulls_last=False)
    levels = pl.concat([whole.select(_LEVELS), deltas.select(_LEVELS)])
    book = levels.group_by("side", "price", maintain_order=True).last().filter(pl.col("quantity") > _GONE)
    best = book.sort(pl.col("side"), pl.col("side") * pl.col("price"), descending=[True, True])
    if holes == "mask":
        best = best.with_columns(whole=pl.lit(bool(after.coverage["whole"].all())))
    return Answer(formed(best, as_), formed(after.coverage, as_))


def _states(venue: str, symbol: str, now: datetime, source: Source) -> pl.DataFrame:
    """Whole books up to now, of the shortest time that has one; a hole among them says nothing of the last."""
    for lookback in _LOOKBACKS:
        question = ask(BOOK_SNAPSHOTS.name, venue, symbol, now - lookback, now + _INSTANT, now)
        found: pl.DataFrame = answer(question, holes="mask", source=source).rows
        if found.height:
            return found
    return found


def chain(
    at: Moment,
    venue: str,
    base_asset: str | None = None,
    *,
    within: timedelta = timedelta(hours=1),
    as_: As = "polars",
    holes: Treatment = "raise",
    source: Source | None = None,
) -> Answer:
    """Options as they were listed at this moment, each with its last ticker of the time `within` before; by expiry, strike and type. One that
    had no ticker is there without values."""
    source, now = source or configured(), _moment(at)
    listed = _table(source, _CHAIN, now, venue, base_asset)
    if not listed.height:
        raise LookupError(f"no options of {venue} were known at {now.isoformat()}")
    question = ask(TICKERS.name, venue, listed["symbol"].to_list(), now - within, now + _INSTANT, now)
    told = answer(question, holes=holes, source=source)
    last = told.rows.group_by("instrument_id", maintain_order=True).last()
    kept = ["instrument_id", *_QUOTED, *_GREEKS, *(["whole"] if holes == "mask" else [])]
    joined = listed.join(last.select(kept), on="instrument_id", how="left").sort("expires_at", "strike", "option_type")
    return Answer(formed(joined, as_), formed(told.coverage, as_))


def markets(venue: str | None = None, at: Moment | None = None, *, as_: As = "polars", source: Source | None = None) -> Any:
    """Prediction markets as they were described at this moment (now, when left out), by our clock: what a venue said later is not in it.
    `outcomes`: [[symbol of the instrument, name of the outcome], ...] as JSON, as are `attributes`."""
    return formed(_table(source or configured(), _MARKETS, datetime.now(UTC) if at is None else _moment(at), venue), as_)


_CHAIN = """
SELECT i.instrument_id, i.symbol, h.status, h.base_asset, h.price_unit, h.amount_unit, h.expires_at, h.attributes ->> 'option_type' AS option_type,
       (h.attributes ->> 'strike')::float8 AS strike
FROM instruments i JOIN instrument_history h USING (instrument_id)
WHERE h.valid_from <= $1 AND coalesce(h.valid_to, 'infinity') > $1 AND i.venue = $2 AND ($3::text IS NULL OR h.base_asset = $3)
  AND h.contract_type = 'option' AND coalesce(h.expires_at, 'infinity') > $1 AND coalesce(h.listed_at, '-infinity') <= $1
ORDER BY h.expires_at, strike, option_type
"""
_MARKETS = """
SELECT m.market_key, m.venue, m.market_id, h.valid_from, h.event_id, h.series_id, h.title, h.status, h.outcomes::text AS outcomes, h.rules,
       h.rules_sha256, h.opens_at, h.closes_at, h.resolution_source, h.attributes::text AS attributes
FROM markets m JOIN market_history h USING (market_key)
WHERE h.valid_from <= $1 AND coalesce(h.valid_to, 'infinity') > $1 AND ($2::text IS NULL OR m.venue = $2)
ORDER BY m.venue, m.market_id
"""


def _table(source: Source, statement: str, *values: Any) -> pl.DataFrame:
    """Raises ValueError without a database: descriptions are nowhere else."""
    with opened(source) as there:
        if there.snapshot is None:
            raise ValueError("instruments and markets are described in the database alone: give its address")
        found = pl.from_arrow(there.snapshot.table(statement, *values))
    assert isinstance(found, pl.DataFrame)
    return found


def _moment(at: Moment) -> datetime:
    found = moment(moment_us(at, "at"))
    assert found is not None
    return found
