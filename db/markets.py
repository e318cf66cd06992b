"""Prediction markets: the question, its rules and their hash, and every version of them."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import cursor as Cursor

from core.records import Market
from db import versions
from db.moments import moment

MARKETS = versions.Described(
    "markets",
    "market_history",
    "market_key",
    "market_id",
    {
        "event_id": "text",
        "series_id": "text",
        "title": "text",
        "status": "text",
        "outcomes": "jsonb",
        "rules": "text",
        "rules_sha256": "text",
        "opens_at": "timestamptz",
        "closes_at": "timestamptz",
        "resolution_source": "text",
        "attributes": "jsonb",
    },
)


def describe(cursor: Cursor, venue: str, listed: Sequence[Market], *, at_us: int, provisional: bool = False) -> int:
    """Take over what the venue says of these; returns how many are new or changed. A market that is not among them stays as it is, and
    what is only provisional says nothing of one that is known."""
    versions.stage(cursor, MARKETS, [_row(market) for market in listed])
    at = moment(at_us)
    cursor.execute(
        f"INSERT INTO markets (venue, market_id, {MARKETS.names}, first_seen_at, updated_at) "
        f"SELECT %s, market_id, {MARKETS.names}, %s, %s FROM described_markets ORDER BY market_id "
        "ON CONFLICT (venue, market_id) DO NOTHING RETURNING market_key",
        (venue, at, at),
    )
    new = [row[0] for row in cursor.fetchall()]
    if new:
        versions.write_history(cursor, MARKETS, new, at)
    return len(new) + (0 if provisional else versions.take_over(cursor, MARKETS, venue, at_us))


def key_of(cursor: Cursor, venue: str, market_id: str) -> int | None:
    cursor.execute("SELECT market_key FROM markets WHERE venue = %s AND market_id = %s", (venue, market_id))
    found = cursor.fetchone()
    return None if found is None else int(found[0])


def traded(cursor: Cursor, venue: str, *, limit: int) -> list[str]:
    """Symbols of every outcome of the active markets, those of one market together, the latest changed markets first."""
    cursor.execute(
        "SELECT o->>0 FROM (SELECT outcomes, updated_at, market_key FROM markets WHERE venue = %s AND status = 'active' "
        "ORDER BY updated_at DESC, market_key LIMIT %s) m CROSS JOIN LATERAL jsonb_array_elements(m.outcomes) o "
        "ORDER BY m.updated_at DESC, m.market_key",
        (venue, limit),
    )
    return [row[0] for row in cursor.fetchall()]


def unresolved(cursor: Cursor, venue: str, *, sources: int, limit: int) -> list[str]:
    """Ids of markets whose trading is over, or of which a result was told of late, and of which fewer than `sources` agree on a final one.
    Of more than `limit` a sample, another each time: some never get a result, and must not stand before the others for ever."""
    cursor.execute(
        "SELECT m.market_id FROM markets m WHERE m.venue = %s AND (m.closes_at < now() OR m.status IN ('closed', 'resolved') "
        "  OR m.outcomes->0->>0 IN (SELECT i.symbol FROM resolutions r JOIN instruments i USING (instrument_id) "
        "    WHERE i.venue = %s AND r.event_at > now() - INTERVAL '2 days')) AND NOT EXISTS ("
        "  SELECT FROM instruments i JOIN resolutions r USING (instrument_id) WHERE i.venue = m.venue AND i.symbol = m.outcomes->0->>0 "
        "  AND r.status IN ('resolved', 'void') GROUP BY r.payout HAVING count(DISTINCT r.source) >= %s) "
        "ORDER BY random() LIMIT %s",
        (venue, venue, sources, limit),
    )
    return [row[0] for row in cursor.fetchall()]


def _row(market: Market) -> tuple[Any, ...]:
    return (
        market.market_id,
        market.event_id,
        market.series_id,
        market.title,
        market.status,
        json.dumps(market.outcomes, ensure_ascii=False),
        market.rules,
        None if market.rules is None else hashlib.sha256(market.rules.encode()).hexdigest(),
        moment(market.opens_at_us),
        moment(market.closes_at_us),
        market.resolution_source,
        None if market.attributes is None else json.dumps(market.attributes, ensure_ascii=False, sort_keys=True),
    )
