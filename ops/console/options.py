"""Chains of options as they were told last, with the volatilities that make their smile."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from core.settings import Settings
from db import queries
from ops.console.asked import PLAIN, Moment
from ops.console.farm import Asked, known_place

router = APIRouter(prefix="/api/options", tags=["options"])

#: Chains that are listed, and options of one.
CHAINS, OPTIONS = 500, 1_000
_SIDES = (
    "bid_price",
    "ask_price",
    "mark_price",
    "bid_iv",
    "mark_iv",
    "ask_iv",
    "delta",
    "open_interest",
    "event_at",
    "instrument_id",
    "symbol",
)


class Chain(BaseModel):
    """`recorded`: of those that are listed, how many are asked for now."""

    venue: str
    base_asset: str
    expires_at: datetime
    price_unit: str | None
    listed: int
    recorded: int


class Chains(BaseModel):
    limit: int
    chains: list[Chain]


class Option(BaseModel):
    """Volatilities are percent; what was not told within the hour is absent."""

    instrument_id: int
    symbol: str
    event_at: datetime | None
    bid_price: float | None
    ask_price: float | None
    mark_price: float | None
    bid_iv: float | None
    mark_iv: float | None
    ask_iv: float | None
    delta: float | None
    open_interest: float | None


class Strike(BaseModel):
    strike: float
    call: Option | None
    put: Option | None


class Smile(BaseModel):
    """A chain by strike. `underlying_price`: what the venue's model uses; `told`: how many options were told of within the hour."""

    venue: str
    base_asset: str
    expires_at: datetime
    price_unit: str | None
    underlying_price: float | None
    told: int
    strikes: list[Strike]


def chains(knobs: Settings) -> list[dict[str, Any]]:
    return queries.rows(knobs.reading_url, "option_expiries", limit=CHAINS)


def chain(knobs: Settings, venue: str, base: str, expires_at: datetime, price_unit: str | None = None) -> dict[str, Any] | None:
    """As Smile; None where nothing is listed."""
    asked = {"venue": venue, "base": base, "expires_at": expires_at, "price_unit": price_unit}
    rows = queries.rows(knobs.reading_url, "option_chain", **asked, limit=OPTIONS)
    strikes: dict[float, dict[str, Any]] = {}
    for row in rows:
        if row["strike"] is not None and row["option_type"] in ("call", "put"):
            place = strikes.setdefault(row["strike"], {"strike": row["strike"], "call": None, "put": None})
            place[row["option_type"]] = {name: row[name] for name in _SIDES}
    if not strikes:
        return None
    told = [row for row in rows if row["event_at"] is not None]
    newest = max(told, key=lambda row: row["event_at"], default=None)
    return {
        "venue": venue,
        "base_asset": base,
        "expires_at": expires_at,
        "price_unit": price_unit,
        "underlying_price": newest and newest["underlying_price"],
        "told": len(told),
        "strikes": list(strikes.values()),
    }


@router.get("", response_model=Chains)
def get_chains(farm: Asked) -> dict[str, Any]:
    """Which chains are listed now; those of which the most is recorded first."""
    return {"limit": CHAINS, "chains": chains(farm.knobs)}


@router.get("/chain", response_model=Smile)
def get_chain(
    farm: Asked,
    venue: Annotated[str, Query(max_length=50)],
    base: Annotated[str, Query(min_length=1, max_length=50, pattern=PLAIN, description="The underlying.")],
    expires_at: Annotated[Moment, Query(description="As listed; UTC unless it says otherwise.")],
    price_unit: Annotated[str | None, Query(max_length=50, pattern=PLAIN, description="Where an underlying has chains in several.")] = None,
) -> dict[str, Any]:
    """One chain with prices, volatilities and deltas."""
    known_place(venue, None)
    found = chain(farm.knobs, venue, base, expires_at, price_unit)
    if found is None:
        raise HTTPException(404, f"{venue} lists no option on {base} that expires then: /api/options names what is listed.")
    return found
