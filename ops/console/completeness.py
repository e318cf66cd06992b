"""What the farm has and what it lacks: hours, gaps, and the jobs that read the past again."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from core.capability import of
from db import queries
from ops.cli.hours import Question, answer
from ops.console.farm import Asked, known_place
from venues import VENUES

router = APIRouter(prefix="/api", tags=["completeness"])

MOST_DAYS = 14
MOST_ROWS = 500
#: PostgreSQL's bigint.
LARGEST = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=LARGEST)]
Venue = Annotated[str | None, Query(max_length=64, description="as in farm.toml")]
Channel = Annotated[str | None, Query(max_length=64, description="a channel of the venue, or a poll; wants the venue too")]
GapState = Literal["open", "missing", "filling", "filled", "partly filled", "unfillable", "planned"]


class Hour(BaseModel):
    hour: datetime
    state: str = Field(description="broken where one instrument lacks something; else what most of the time is")
    instruments: int
    broken_instruments: int
    verified: float = Field(description="seconds over all instruments, as the four that follow")
    witnessed: float
    unverifiable: float
    broken: float
    paused: float


class CoveredChannel(BaseModel):
    venue: str
    channel: str
    instruments: int
    verified: float | None = Field(description="percent of what was asked for that is proven whole")
    clean: float | None = Field(description="percent that has no known loss")
    newest_at: datetime | None
    judged_until: datetime | None
    hours: list[Hour] = Field(description="of those that were asked for")


class Coverage(BaseModel):
    since: datetime
    until: datetime
    looked_at: datetime
    channels: list[CoveredChannel]
    stale: int = Field(description="times that wait to be judged anew")


class GapJob(BaseModel):
    id: int
    state: str
    progress: float = Field(description="0 to 1")
    rows: int
    reason: str | None


class Gap(BaseModel):
    gap_id: int
    venue: str
    channel: str
    shard: str
    symbol: str | None = Field(description="null: every instrument of the shard")
    cause: str
    state: str
    first_missing: int | None
    last_missing: int | None
    from_at: datetime | None
    to_at: datetime | None
    frames: int | None
    found_at: datetime
    detail: str | None
    last_word: str | None
    backfill: GapJob | None = Field(description="the last job that reads its past again")


class Gaps(BaseModel):
    gaps: list[Gap]
    before: int | None = Field(description="for the next page; null: this is the last")


class Backfill(BaseModel):
    id: int
    venue: str
    channel: str
    instruments: int
    from_at: datetime
    to_at: datetime
    gap_id: int | None
    state: str
    alive: bool
    progress: float = Field(description="0 to 1")
    rows: int
    requests: int
    lacking: int
    reason: str | None
    waits: str | None
    asked_at: datetime
    heartbeat_at: datetime | None
    ended_at: datetime | None


class Backfills(BaseModel):
    backfills: list[Backfill]
    limit: int


@router.get("/coverage")
def coverage(farm: Asked, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 2, venue: Venue = None, channel: Channel = None) -> Coverage:
    """Each hour of each channel, whole days of UTC with today; judged every two minutes, and looked at again after some seconds."""
    known_place(venue, channel)
    seen = farm.coverage(days, lambda: hours(farm.url, days))
    chosen = [one for one in seen.value["channels"] if venue in (None, one["venue"]) and channel in (None, one["channel"])]
    found = {"since": seen.value["from"], "until": seen.value["to"], "stale": seen.value["stale"]}
    return Coverage(**found, looked_at=datetime.fromtimestamp(seen.at, UTC), channels=[CoveredChannel(**one) for one in chosen])


def hours(url: str, days: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with_rows = {(one.venue, one.channel) for one in of(VENUES.values())}
    return answer(url, Question(midnight - timedelta(days=days - 1), now), with_rows, gaps=False)


@router.get("/gaps")
def gaps(
    farm: Asked,
    venue: Venue = None,
    channel: Channel = None,
    cause: Annotated[str | None, Query(max_length=64)] = None,
    state: Annotated[list[GapState] | None, Query(description="several: any of them")] = None,
    since: Annotated[AwareDatetime | None, Query(description="what ended later, or has not")] = None,
    until: Annotated[AwareDatetime | None, Query(description="what began before")] = None,
    before: Annotated[int | None, Query(ge=1, le=LARGEST, description="as the page before told")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
) -> Gaps:
    """What is missing or was, newest number first, by pages."""
    known_place(venue, channel)
    given = {"venue": venue, "channel": channel, "cause": cause, "states": state, "since": since, "until": until, "before": before}
    rows = queries.rows(farm.url, "gaps_page", **given, gap_id=None, limit=limit + 1)
    last = rows[limit - 1]["gap_id"] if len(rows) > limit else None
    return Gaps(gaps=[_gap(row) for row in rows[:limit]], before=last)


@router.get("/gaps/{gap_id}")
def gap(farm: Asked, gap_id: Number) -> Gap:
    """One gap, with the job that reads its past again."""
    nothing = dict.fromkeys(("venue", "channel", "cause", "states", "since", "until", "before"))
    rows = queries.rows(farm.url, "gaps_page", **nothing, gap_id=gap_id, limit=1)
    if not rows:
        raise HTTPException(404, f"There is no gap of number {gap_id}.")
    return _gap(rows[0])


def _gap(row: dict[str, Any]) -> Gap:
    job = {name: row[f"backfill_{name}"] for name in ("id", "state", "progress", "rows", "reason")}
    return Gap(**row, backfill=None if job["id"] is None else GapJob(**job))


@router.get("/backfills")
def backfills(farm: Asked, limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50) -> Backfills:
    """The jobs that read the past again: those under way first, then the last ones."""
    return Backfills(backfills=[Backfill(**row) for row in queries.rows(farm.url, "backfills", id=None, limit=limit)], limit=limit)


@router.get("/backfills/{number}")
def backfill(farm: Asked, number: Number) -> Backfill:
    """One job and how far it is."""
    rows = queries.rows(farm.url, "backfills", id=number, limit=1)
    if not rows:
        raise HTTPException(404, f"There is no job of number {number}.")
    return Backfill(**rows[0])
