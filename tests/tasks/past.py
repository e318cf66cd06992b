"""What a simulated venue has emitted, as it is heard on a socket and as it must stand in the database; and a wish to read it again."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from core.settings import Settings
from db import backfills, engine
from db.backfills import Job
from tests.sandbox.conftest import Sandbox
from tests.tasks.conftest import Query, trade

Rows = list[dict[str, Any]]


def symbols(venue: Sandbox) -> list[str]:
    return venue.symbols()[:6]


def rows(venue: Sandbox, symbol: str) -> Rows:
    """All there ever was of it."""
    found: Rows = []
    while page := venue.get(f"/binance/fapi/v1/aggTrades?symbol={symbol}&fromId={len(found) + 1}&limit=1000"):
        found += page
    return found


def frames(of: Sequence[dict[str, Any]], symbol: str) -> list[bytes]:
    return [trade(**{"number": row["a"], "symbol": symbol, **{k: v for k, v in row.items() if k != "a"}}) for row in of]


def stored(query: Query, symbol: str) -> list[tuple[Any, ...]]:
    return query(
        "SELECT trade_id, (extract(epoch FROM event_at) * 1000)::int8, price, quantity, side, first_trade_id, last_trade_id "
        "FROM trades JOIN instruments USING (instrument_id) WHERE symbol = %s ORDER BY 1",
        (symbol,),
    )


def emitted(of: Rows) -> list[tuple[Any, ...]]:
    return [(r["a"], r["T"], float(r["p"]), float(r["q"]), -1 if r["m"] else 1, r["f"], r["l"]) for r in of]


def gaps(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT cause, first_missing, last_missing, state FROM data_gaps ORDER BY gap_id")


def ask(farm: Settings, job: Job) -> int:
    with closing(engine.connect(farm.database_url, name="test")) as connection, connection, connection.cursor() as cursor:
        number = backfills.ask(cursor, job)
    assert number is not None
    return number


def span(of: Rows) -> tuple[int, int]:
    return of[0]["T"] * 1000 - 1_000_000, of[-1]["T"] * 1000 + 1_000_000
