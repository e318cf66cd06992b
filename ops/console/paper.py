"""Trading on paper: what is held, what it is worth and has won, and the report of `./farm paper report`."""

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from core import redisdb
from core.board import Board
from core.settings import Settings
from db import engine, queries
from db.paper import report as reports
from ops.console.asked import Moment
from ops.console.farm import Asked
from ops.console.holdings import positions, realised, unrealised
from ops.report.status import REDIS_SECONDS
from paper.report import plain

router = APIRouter(prefix="/api/paper", tags=["paper trading"])

#: Positions that are listed, the dearest first.
POSITIONS = 200
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Scope(BaseModel):
    """Dollars of all, a venue, or a pair; `halted`: why nothing new is taken in it."""

    scope: str
    cash: Decimal
    bound: Decimal
    reserved: Decimal
    realised: Decimal
    fees: Decimal
    capital_days: Decimal
    won_today: Decimal
    halted: list[str]
    halted_at: datetime | None


class Position(BaseModel):
    """`worth`: dollars for which the book would take it now, before fees; absent while its book is not known."""

    pair_id: int
    venue: str
    symbol: str
    title: str | None
    outcome: str
    quantity: Decimal
    cost: Decimal
    worth: Decimal | None
    opened_at: datetime


class Hour(BaseModel):
    hour: datetime
    realised: Decimal
    fee: Decimal


class Paper(BaseModel):
    """`open`: what the positions are worth less what they cost, of the 1,000 dearest with a known book. `hours`: of the last 30 days. At most `limit`
    positions, the largest first."""

    running: bool
    pairs: int
    positions_held: int
    orders_under_way: int
    opportunities_day: int
    taken_day: int
    realised: Decimal
    open: Decimal
    limit: int
    scopes: list[Scope]
    positions: list[Position]
    hours: list[Hour]


def paper(knobs: Settings) -> dict[str, Any]:
    """As Paper."""
    url = knobs.reading_url
    scopes, counts = queries.rows(url, "paper_status"), queries.rows(url, "paper_counts")[0]
    held = positions(knobs)
    with closing(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)) as redis:
        running = bool(Board(redis, knobs.key_prefix).vitals("paper"))
    return {
        "running": running,
        **{name: counts[name] for name in ("pairs", "orders_under_way", "opportunities_day", "taken_day")},
        "positions_held": counts["positions"],
        "realised": realised(scopes),
        "open": unrealised(held),
        "limit": POSITIONS,
        "scopes": scopes,
        "positions": held[:POSITIONS],
        "hours": queries.rows(url, "paper_curve"),
    }


def report(knobs: Settings, since: datetime, until: datetime) -> dict[str, Any]:
    """As `./farm paper report` makes it."""
    with engine.kept(knobs.reading_url, name="tapefarm console") as connection, connection, connection.cursor() as cursor:
        return reports.report(cursor, since, until, datetime.now(UTC))


@router.get("", response_model=Paper)
def get_paper(farm: Asked) -> dict[str, Any]:
    """How trading on paper stands."""
    return paper(farm.knobs)


@router.get("/report")
def get_report(
    farm: Asked,
    since: Annotated[Moment | None, Query(alias="from", description="UTC unless it says otherwise; the beginning when left out.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Likewise; now when left out.")] = None,
) -> dict[str, Any]:
    """The report of `./farm paper report`, amounts as text; of a time that ends before it begins, one of nothing."""
    found: dict[str, Any] = plain(report(farm.knobs, since or FIRST, until or datetime.now(UTC)))
    return found
