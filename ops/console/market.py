"""Instruments, and what is traded and offered of one now: from the tables, each question bounded by time and rows."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi import Path as InPath
from pydantic import BaseModel

from core.settings import Settings
from db import queries
from ops.console.asked import MOST_NUMBER, PLAIN
from ops.console.farm import Asked, known_place

router = APIRouter(prefix="/api/market", tags=["market"])

#: Rows of one answer.
TRADES, QUOTES, LEVELS = 40, 240, 12
#: Changes of a book that are looked at, the newest first.
CHANGES = 20_000


class Found(BaseModel):
    instrument_id: int
    venue: str
    symbol: str
    status: str
    contract_type: str | None
    expires_at: datetime | None
    title: str | None
    recorded: bool


class Search(BaseModel):
    """At most `limit` instruments."""

    limit: int
    instruments: list[Found]


class Trade(BaseModel):
    """`side`: of the taker, 1 bought, -1 sold."""

    event_at: datetime
    received_at: datetime
    trade_id: int
    price: float
    quantity: float
    side: int
    flags: int | None


class Quote(BaseModel):
    event_at: datetime
    received_at: datetime
    update_id: int
    bid_price: float | None
    bid_quantity: float
    ask_price: float | None
    ask_quantity: float


class Level(BaseModel):
    price: float
    quantity: float


class Book(BaseModel):
    """The best levels of each side. `partial`: prices that have not moved lately are not known and left out."""

    event_at: datetime
    received_at: datetime
    partial: bool
    bids: list[Level]
    asks: list[Level]


class Described(BaseModel):
    """`doubted`: the farm does not trust its book at present."""

    instrument_id: int
    venue: str
    symbol: str
    status: str
    contract_type: str | None
    base_asset: str | None
    quote_asset: str | None
    price_unit: str | None
    amount_unit: str | None
    tick_size: str | None
    lot_size: str | None
    listed_at: datetime | None
    expires_at: datetime | None
    title: str | None
    doubted: bool


class Instrument(BaseModel):
    """The newest of the last day: at most 40 trades and 240 quotes, the newest first, and the book as it stands, where there is one."""

    described: Described
    trades: list[Trade]
    quotes: list[Quote]
    book: Book | None


def search(knobs: Settings, words: str, venue: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    return queries.rows(knobs.reading_url, "instrument_search", words=words.strip().lower(), venue=venue, limit=limit)


def instrument(knobs: Settings, number: int) -> dict[str, Any] | None:
    """As Instrument; None where there is no such one."""
    url = knobs.reading_url
    described = queries.rows(url, "instrument", instrument=number)
    return {"described": described[0], **moving(knobs, number)} if described else None


def moving(knobs: Settings, number: int) -> dict[str, Any]:
    """What of it changes from second to second."""
    url = knobs.reading_url
    return {
        "trades": queries.rows(url, "market_trades", instrument=number, limit=TRADES),
        "quotes": queries.rows(url, "market_quotes", instrument=number, limit=QUOTES),
        "book": _book(queries.rows(url, "market_book", instrument=number, most=CHANGES, levels=LEVELS)),
    }


def _book(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not rows:
        return None
    sides = {side: [{"price": row["price"], "quantity": row["quantity"]} for row in rows if row["side"] == side] for side in (1, -1)}
    return {**{name: rows[0][name] for name in ("event_at", "received_at", "partial")}, "bids": sides[1], "asks": sides[-1]}


@router.get("/instruments", response_model=Search)
def get_instruments(
    farm: Asked,
    q: Annotated[
        str, Query(min_length=1, max_length=100, pattern=PLAIN, description="Part of a symbol or of a question, or an underlying.")
    ],
    venue: Annotated[str | None, Query(max_length=50)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """Find instruments: what is recorded now comes first."""
    known_place(venue, None)
    return {"limit": limit, "instruments": search(farm.knobs, q, venue, limit)}


@router.get("/instruments/{number}", response_model=Instrument)
def get_instrument(farm: Asked, number: Annotated[int, InPath(ge=1, le=MOST_NUMBER)]) -> dict[str, Any]:
    """An instrument with its newest trades and quotes and its book."""
    found = instrument(farm.knobs, number)
    if found is None:
        raise HTTPException(404, f"There is no instrument {number}: /api/market/instruments?q=… finds some.")
    return found
