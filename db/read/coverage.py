"""How whole an answer is: the hours of everybody who was asked about, and which of them have a hole."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from db import feeds
from db.arrow import Span
from db.moments import moment
from db.parquet import places
from db.read.plan import Part
from db.read.question import Question
from db.read.source import Instrument, Opened

HOUR_US = 3_600_000_000
#: Sockets begin and end within a second of what was asked for.
_SLACK_SECONDS = 1.0
#: Streams of one channel are judged up to moments that are not the same.
_APART_SECONDS = 20.0
_SECONDS = ("verified", "witnessed", "unverifiable", "broken", "paused")
#: What an hour is called of which nothing is known, and one of which rows came only after `as_of`.
UNKNOWN, LATE = "unknown", "late"
SCHEMA = pl.Schema(
    {
        "venue": pl.String(),
        "symbol": pl.String(),
        "instrument_id": pl.Int32(),
        "hour": pl.Datetime("us", "UTC"),
        "kind": pl.String(),
        "channel": pl.String(),
        "state": pl.String(),
        **dict.fromkeys(_SECONDS, pl.Float64()),
        "newest_at": pl.Datetime("us", "UTC"),
        "whole": pl.Boolean(),
    }
)


class Holes(LookupError):
    """Something is missing from what was asked for; `coverage` says what."""

    def __init__(self, sentence: str, coverage: pl.DataFrame) -> None:
        super().__init__(sentence)
        self.coverage = coverage


class HolesWarning(UserWarning):
    """Something is missing from what was asked for."""


def hours(
    opened: Opened, question: Question, asked: Sequence[Instrument], parts: Sequence[Part], late: Iterable[tuple[int, datetime]]
) -> pl.DataFrame:
    """A row for each hour, kind and channel, by venue, instrument and hour. `whole`: nothing is known to be missing from that hour of that
    kind, by any of its channels. Where nobody judged an hour there is one row with the state `unknown`, of instruments asked for by name or
    recorded at another hour of the answer."""
    until_us = question.until_us if question.as_of_us is None else min(question.until_us, question.as_of_us)
    named = pl.DataFrame([(one.number, one.venue, one.symbol) for one in asked], _NAMED, orient="row")
    told = pl.concat([_told(opened, question, parts), pl.DataFrame(schema=_TOLD)]).join(named, on="instrument_id")
    told = pl.concat([_of_kind(told, kind) for kind in question.dataset.made_of])
    told = told.filter(pl.col("hour") < _at(until_us)).with_columns(whole=_is_whole(opened, told, until_us))
    known = named if question.symbols is not None else named.join(told, on="instrument_id", how="semi")
    first = question.since_us // HOUR_US * HOUR_US
    wanted = known.join(pl.DataFrame({"hour": range(first, until_us, HOUR_US)}).cast({"hour": SCHEMA["hour"]}), how="cross").join(
        pl.DataFrame({"kind": list(question.dataset.made_of)}), how="cross"
    )
    silent = wanted.join(told, on=["instrument_id", "hour", "kind"], how="anti").with_columns(state=pl.lit(UNKNOWN), whole=pl.lit(False))
    found = pl.concat([told, silent], how="diagonal_relaxed").with_columns(pl.col(_SECONDS).fill_null(0.0))
    came = pl.DataFrame(list(late), {"instrument_id": pl.Int32(), "hour": SCHEMA["hour"]}, orient="row").with_columns(late=pl.lit(True))
    found = found.join(came.unique(), on=["instrument_id", "hour"], how="left").with_columns(
        whole=pl.col("whole") & pl.col("late").is_null(), state=pl.when("late").then(pl.lit(LATE)).otherwise("state")
    )
    return found.select(SCHEMA.names()).cast(SCHEMA).sort("venue", "instrument_id", "hour", "kind", "channel")


_NAMED = {"instrument_id": pl.Int32(), "venue": pl.String(), "symbol": pl.String()}
_TOLD = pl.Schema({name: SCHEMA[name] for name in ("channel", "instrument_id", "hour", "state", *_SECONDS, "newest_at")})


def _told(opened: Opened, question: Question, parts: Sequence[Part]) -> pl.DataFrame:
    """What files and the database say, of each hour one of them."""
    found = [_in_file(part) for part in parts if part.coverage_in is not None]
    asked = [part for part in parts if part.coverage_in is None]
    if asked and opened.snapshot is not None:
        everybody = sorted({number for part in asked for number in part.instruments})
        since = asked[0].since_us // HOUR_US * HOUR_US
        table = _framed(opened.snapshot.coverage(Span(since, asked[-1].until_us, everybody)))
        spans = [_within(pl.col("hour"), part) & pl.col("instrument_id").is_in(list(part.instruments)) for part in asked]
        found.append(table.filter(pl.any_horizontal(spans)))
    return pl.concat([frame.select(_TOLD.names()).cast(_TOLD) for frame in found]) if found else pl.DataFrame(schema=_TOLD)


def _in_file(part: Part) -> pl.DataFrame:
    assert part.coverage_in is not None
    there = places.found(part.coverage_in)
    if there is None:
        raise places.Unreadable(f"{part.coverage_in} has gone while it was read")
    found = pl.read_parquet(there[0] / there[1].coverage.name, columns=_TOLD.names(), hive_partitioning=False)
    return found.filter(_within(pl.col("hour"), part) & pl.col("instrument_id").is_in(list(part.instruments)))


def _within(hour: pl.Expr, part: Part) -> pl.Expr:
    return hour.is_between(_at(part.since_us // HOUR_US * HOUR_US), _at(part.until_us), closed="left")


def _of_kind(told: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Hours of the channels that tell of it."""
    mine = []
    for (venue,), rows in told.group_by("venue"):
        channels = feeds.channels(str(venue), kind)
        mine.append(rows if channels is None else rows.filter(pl.col("channel").is_in(sorted(channels))))
    return pl.concat([*mine, told.clear()]).with_columns(kind=pl.lit(kind))


def _is_whole(opened: Opened, told: pl.DataFrame, until_us: int) -> pl.Expr:
    """The best of a kind's channels decides. Of the hour that goes on so much must be there as is judged, and what is asked for with it."""
    until = pl.lit(None, pl.Datetime("us", "UTC"))
    for (venue, channel), at in opened.judged_until().items():
        until = pl.when((pl.col("venue") == venue) & (pl.col("channel") == channel)).then(pl.lit(at)).otherwise(until)
    over = pl.col("hour") + timedelta(hours=1)
    there = pl.sum_horizontal(name for name in _SECONDS if name != "broken")
    asked, goes_on = pl.min_horizontal(over, _at(until_us)), until < over
    slack = pl.when(goes_on).then(_APART_SECONDS).otherwise(_SLACK_SECONDS)
    whole = (pl.col("state") != "broken") & (there >= _seconds(pl.min_horizontal(over, until)) - slack)
    reached = ~goes_on.fill_null(value=False) | ((until >= asked) & (there >= _seconds(asked) - _SLACK_SECONDS))
    return (whole & reached).any().over("instrument_id", "hour", "kind")


def _seconds(end: pl.Expr) -> pl.Expr:
    """Of the hour up to there."""
    return (end - pl.col("hour")).dt.total_microseconds() / 1e6


def complain(coverage: pl.DataFrame) -> str:
    """A sentence about the holes; empty where there are none."""
    places_ = coverage.group_by("venue", "symbol", "hour", "kind", maintain_order=True).agg(
        pl.col("whole").first(), pl.col("state").first(), pl.col("broken").sum()
    )
    holes = places_.filter(~pl.col("whole"))
    if not coverage.height:
        return "nothing says how whole this is: nobody was recorded then"
    if not holes.height:
        return ""
    one: dict[str, Any] = holes.row(0, named=True)
    lacking = f", {one['broken']:.0f} s are missing" if one["broken"] else ""
    return (
        f"{holes.height:,} of {places_.height:,} hours have a hole; the first: {one['kind']} of {one['venue']} {one['symbol']} at "
        f"{one['hour']:%Y-%m-%d %H:%M}, {one['state']}{lacking}"
    )


def whole_hours(coverage: pl.DataFrame) -> pl.DataFrame:
    """(instrument_id, hour) of which every kind is whole."""
    grouped = coverage.group_by("instrument_id", "hour").agg(pl.col("whole").all())
    return grouped.filter("whole").select("instrument_id", "hour")


def _framed(table: "pa.Table") -> pl.DataFrame:
    found = pl.from_arrow(table)
    assert isinstance(found, pl.DataFrame)
    return found


def _at(us: int) -> pl.Expr:
    return pl.lit(moment(us)).cast(pl.Datetime("us", "UTC"))
