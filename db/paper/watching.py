"""Confirmed pairs as they are traded, and whether each still is what a person has confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from db.paper import matches
from paper import sums


@dataclass(frozen=True, slots=True)
class Side:
    """`instrument_id`: the instrument that pays when the answer is yes. `status`: of the market, as in core.records.Market."""

    venue: str
    market_key: int
    instrument_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What is needed to trade a pair, but for terms. `closes_us`: when the later of both is to end; 0 where nobody says."""

    pair_id: int
    a: Side
    b: Side
    tails: frozenset[str]
    closes_us: int


def confirmed(cursor: Cursor, *, settled_days: float = 7.0) -> list[Confirmed]:
    """Pairs that may be traded, by number. Those that were resolved on both sides so many days ago are left out."""
    cursor.execute(
        "SELECT m.pair_id, a.venue, a.market_key, ia.instrument_id, a.status, b.venue, b.market_key, ib.instrument_id, b.status, m.tails, "
        "coalesce((extract(epoch FROM greatest(a.closes_at, b.closes_at)) * 1000000)::int8, 0) FROM contract_matches m "
        "JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b "
        "JOIN instruments ia ON (ia.venue, ia.symbol) = (a.venue, m.yes_symbol_a) JOIN instruments ib ON (ib.venue, ib.symbol) = (b.venue, m.yes_symbol_b) "
        "WHERE m.state = 'confirmed' AND NOT (a.status = 'resolved' AND b.status = 'resolved' "
        "AND greatest(a.updated_at, b.updated_at) < now() - %s * INTERVAL '1 day') ORDER BY m.pair_id",
        (settled_days,),
    )
    return [Confirmed(row[0], Side(*row[1:5]), Side(*row[5:9]), frozenset(row[9]), row[10]) for row in cursor.fetchall()]


def suspend_changed(cursor: Cursor) -> list[tuple[int, str]]:
    """(pair, reason) of those of which a text of rules or the outcome that is YES is another one than was confirmed; they are suspended."""
    cursor.execute(
        "SELECT pair_id, reason FROM (SELECT m.pair_id, concat_ws('; ', "
        "  CASE WHEN a.rules_sha256 IS DISTINCT FROM m.rules_sha256_a THEN 'the rules of ' || a.venue || ' ' || a.market_id || ' have changed' END, "
        "  CASE WHEN b.rules_sha256 IS DISTINCT FROM m.rules_sha256_b THEN 'the rules of ' || b.venue || ' ' || b.market_id || ' have changed' END, "
        "  CASE WHEN NOT a.outcomes @> jsonb_build_array(jsonb_build_array(m.yes_symbol_a, m.yes_name_a)) "
        "    THEN 'the outcomes of ' || a.venue || ' ' || a.market_id || ' have changed' END, "
        "  CASE WHEN NOT b.outcomes @> jsonb_build_array(jsonb_build_array(m.yes_symbol_b, m.yes_name_b)) "
        "    THEN 'the outcomes of ' || b.venue || ' ' || b.market_id || ' have changed' END) AS reason "
        "  FROM contract_matches m JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b "
        "  WHERE m.state = 'confirmed' FOR UPDATE OF m) seen WHERE reason <> '' ORDER BY pair_id"
    )
    changed: list[tuple[int, str]] = cursor.fetchall()
    for pair_id, reason in changed:
        matches.suspend_by_farm(cursor, pair_id, reason)
    return changed


def suspend_unequal(cursor: Cursor) -> list[tuple[int, str]]:
    """One look at the sums of all confirmed pairs whose books are narrow and have moved of late; (pair, reason) of those that are suspended,
    as they were off too often in a row."""
    rows, suspended = [], []
    for pair_id, before, mid_a, mid_b in _mids(cursor):
        total, off = sums.looked(mid_a, mid_b, before)
        rows.append((pair_id, total, off))
        if off >= sums.LOOKS:
            suspended.append((pair_id, sums.verdict(mid_a, mid_b)))
    execute_values(
        cursor,
        "UPDATE contract_matches m SET last_sum = v.total, sums_off = v.off, summed_at = clock_timestamp() FROM (VALUES %s) v (pair_id, total, off) "
        "WHERE m.pair_id = v.pair_id",
        rows,
    )
    for pair_id, reason in suspended:
        matches.suspend_by_farm(cursor, pair_id, reason)
    return suspended


def sum_now(cursor: Cursor, pair_id: int) -> float | None:
    """Of any pair whose YES is known, what YES on a and NO on b cost together; None where the books do not say."""
    return next((mid_a + 1 - mid_b for _, _, mid_a, mid_b in _mids(cursor, pair_id)), None)


def _mids(cursor: Cursor, pair_id: int | None = None) -> Sequence[tuple[int, int, float, float]]:
    """(pair, looks off, mid of YES on a, on b) of the one pair, or of all that are confirmed."""
    cursor.execute(
        "SELECT m.pair_id, m.sums_off, qa.mid, qb.mid FROM contract_matches m "
        "JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b "
        "JOIN instruments ia ON (ia.venue, ia.symbol) = (a.venue, m.yes_symbol_a) JOIN instruments ib ON (ib.venue, ib.symbol) = (b.venue, m.yes_symbol_b) "
        "CROSS JOIN LATERAL (SELECT bid_price, ask_price, (bid_price + ask_price) / 2 AS mid FROM quotes WHERE instrument_id = ia.instrument_id "
        "  AND event_at > now() - INTERVAL '15 minutes' ORDER BY event_at DESC, update_id DESC LIMIT 1) qa "
        "CROSS JOIN LATERAL (SELECT bid_price, ask_price, (bid_price + ask_price) / 2 AS mid FROM quotes WHERE instrument_id = ib.instrument_id "
        "  AND event_at > now() - INTERVAL '15 minutes' ORDER BY event_at DESC, update_id DESC LIMIT 1) qb "
        "WHERE CASE WHEN %(pair)s IS NULL THEN m.state = 'confirmed' ELSE m.pair_id = %(pair)s END AND a.status = 'active' AND b.status = 'active' "
        "AND least(qa.bid_price, qa.ask_price, qb.bid_price, qb.ask_price) > 0 "
        "AND greatest(qa.ask_price - qa.bid_price, qb.ask_price - qb.bid_price) <= %(widest)s ORDER BY m.pair_id",
        {"pair": pair_id, "widest": sums.WIDEST_SPREAD},
    )
    return cursor.fetchall()
