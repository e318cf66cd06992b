"""Pairs of prediction markets that a person has confirmed, with what their books leave after fees; and those that wait for a person."""

import time
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from core import redisdb
from core.matched import Matched, Told
from core.settings import Settings
from db import engine, queries
from ops.console.farm import Asked
from ops.report.status import REDIS_SECONDS
from paper.edges import walk
from paper.fees import ONE, order_fee
from paper.payoffs import LEGS, A
from paper.rules import Rules
from paper.values import Book, Pair
from tasks import pairs as terms
from tasks.paper_books import book_of

router = APIRouter(prefix="/api/pairs", tags=["prediction markets"])

MOST = 500
#: Fees are rounded by the order: of so many shares, what one of them costs is near what the formula says.
SHARES = Decimal(100)


class Side(BaseModel):
    """`bid` and `ask` are those of YES, dollars a share; `age_seconds` of the book's last word. Absent: the book is not known at present."""

    venue: str
    market_id: str
    title: str
    status: str
    closes_at: datetime | None
    bid: Decimal | None
    ask: Decimal | None
    age_seconds: float | None
    trusted: bool


class Spread(BaseModel):
    """What a share of the lock that buys YES of `yes_leg` and NO of the other leaves after the fees of 100 shares, at the best prices, dollars.
    `shares` and `edge`: the lock that the rules of the paper engine would allow, 0 where there is none."""

    yes_leg: Literal["a", "b"]
    after_fees: Decimal
    shares: Decimal
    edge: Decimal


class Matching(BaseModel):
    """`best`: of both ways around the one that leaves more."""

    pair_id: int
    state: str
    score: float | None
    reason: str
    a: Side
    b: Side
    best: Spread | None


class Pairs(BaseModel):
    """At most `limit`; `fees_known`: nothing was taken for the worst that a venue charges."""

    limit: int
    pairs: list[Matching]


def pairs(knobs: Settings, state: str | None = None, limit: int = MOST) -> list[dict[str, Any]]:
    """As Pairs: confirmed ones by what they leave, the best first, then what waits for a person, the best score first."""
    rows = queries.rows(knobs.reading_url, "contract_matches", pair_id=None, state=state, over=False, limit=limit)
    now_us = time.time_ns() // 1000
    with engine.kept(knobs.reading_url, name="tapefarm console") as connection, connection, connection.cursor() as cursor:
        traded = {pair.pair_id: pair for pair in terms.confirmed(cursor, now_us, rounding=knobs.paper.rounding)}
    numbers = sorted({leg.instrument_id for pair in traded.values() for leg in (pair.a, pair.b)})
    with closing(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)) as redis:
        books = Matched(redis, knobs.key_prefix).books(numbers)
    found = [_matched(row, traded.get(row["pair_id"]), books, knobs.paper, now_us) for row in rows]
    return sorted(found, key=lambda one: (one["best"] is None, -one["best"]["after_fees"] if one["best"] else 0))


def _matched(row: dict[str, Any], pair: Pair | None, books: dict[int, Told], rules: Rules, now_us: int) -> dict[str, Any]:
    told = (books.get(pair.a.instrument_id), books.get(pair.b.instrument_id)) if pair else (None, None)
    held = [None if book is None else book_of(book) for book in told]
    known = [book for book in held if book is not None]
    spreads = [spread(pair, known[0], known[1], leg, rules) for leg in LEGS] if pair is not None and len(known) == 2 else []
    return {
        **{name: row[name] for name in ("pair_id", "state", "score", "reason")},
        "a": _side(row, "a", held[0], now_us),
        "b": _side(row, "b", held[1], now_us),
        "best": max((one for one in spreads if one is not None), key=lambda one: one["after_fees"], default=None),
    }


def _side(row: dict[str, Any], leg: str, book: Book | None, now_us: int) -> dict[str, Any]:
    named = {name: row[f"{name}_{leg}"] for name in ("venue", "market_id", "title", "status", "closes_at")}
    return named | {
        "bid": book.bids[0][0] if book and book.bids else None,
        "ask": book.asks[0][0] if book and book.asks else None,
        "age_seconds": round((now_us - book.received_us) / 1e6, 1) if book else None,
        "trusted": bool(book and book.trusted),
    }


def spread(pair: Pair, book_a: Book, book_b: Book, yes_leg: str, rules: Rules) -> dict[str, Any] | None:
    """As Spread; None where a side is empty, or a leg cannot be priced."""
    (yes, above), (no, below) = ((pair.a, book_a), (pair.b, book_b))[:: 1 if yes_leg == A else -1]
    if not above.asks or not below.bids or yes.terms.blocked or no.terms.blocked:
        return None
    paid = (above.asks[0][0], ONE - below.bids[0][0])
    fees = sum(order_fee(leg.terms.fees, [(price, SHARES)]) for leg, price in zip((yes, no), paid, strict=True))
    lock = walk(pair, book_a, book_b, yes_leg, min_edge=rules.min_edge, min_shares=rules.min_shares, max_shares=rules.max_shares)
    return {
        "yes_leg": yes_leg,
        "after_fees": ONE - sum(paid) - fees / SHARES,
        "shares": lock.shares if lock else Decimal(0),
        "edge": lock.edge if lock else Decimal(0),
    }


@router.get("", response_model=Pairs)
def get_pairs(
    farm: Asked,
    state: Annotated[Literal["proposed", "confirmed", "rejected", "suspended"] | None, Query(description="All when left out.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> dict[str, Any]:
    """Pairs of markets that are one question, or may be, with what they leave after fees."""
    return {"limit": limit, "pairs": pairs(farm.knobs, state, limit)}
