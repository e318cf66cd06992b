"""What trading on paper holds and has won, for `/api/paper`, its part of the page, and metrics."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from decimal import Decimal
from typing import Any

from core import metrics as told
from core import redisdb
from core.counts import Metric
from core.matched import Matched, Told
from core.settings import Settings
from db import queries
from ops.report.status import REDIS_SECONDS
from paper.fees import ONE
from tasks.paper_books import exact

#: Positions that are valued, the dearest first.
VALUED = 1_000


def holdings(knobs: Settings) -> Iterable[tuple[Metric, tuple[str, ...], float]]:
    """As samples. Raises what asking the database or Redis raises."""
    url = knobs.reading_url
    scopes = queries.rows(url, "paper_status")
    yield told.PAPER_PROFIT, ("realised",), float(realised(scopes))
    yield told.PAPER_HALTED, (), float(any(scope["halted"] for scope in scopes))
    yield told.PAPER_POSITIONS, (), queries.rows(url, "paper_counts")[0]["positions"]
    yield told.PAPER_OPPORTUNITIES, (), queries.rows(url, "opportunities_seen")[0]["seen"]
    yield told.PAPER_PROFIT, ("open",), float(unrealised(positions(knobs)))


def realised(scopes: Iterable[Mapping[str, Any]]) -> Decimal:
    return next((row["realised"] for row in scopes if row["scope"] == "all"), Decimal(0))


def unrealised(held: Iterable[Mapping[str, Any]]) -> Decimal:
    """Dollars, of positions with a known book."""
    return sum((row["worth"] - row["cost"] for row in held if row["worth"] is not None), Decimal(0))


def positions(knobs: Settings) -> list[dict[str, Any]]:
    """What is held, the dearest first, with what it is worth."""
    rows = queries.rows(knobs.reading_url, "paper_positions", limit=VALUED)
    if not rows:
        return []
    with closing(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)) as redis:
        books = Matched(redis, knobs.key_prefix).books(sorted({row["instrument_id"] for row in rows}))
    return [row | {"worth": worth(row, books.get(row["instrument_id"]))} for row in rows]


def worth(position: dict[str, Any], book: Told | None) -> Decimal | None:
    """At the best price: who holds NO sells it by buying YES."""
    side = () if book is None else book.bids if position["outcome"] == "yes" else book.asks
    if not side:
        return None
    price = exact(side[0])
    quantity: Decimal = position["quantity"]
    return quantity * (price if position["outcome"] == "yes" else ONE - price)
