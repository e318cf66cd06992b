"""Pairs, their books and what is said of them, laid where the paper engine looks."""

from collections.abc import Callable
from typing import Any

from core.matched import Matched, Told, encode

Query = Callable[..., list[tuple[Any, ...]]]

VENUE = "kalshi"
_ATTRIBUTES = '{"market_type": "binary", "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]}'
TAILS = ["yes/no", "no/yes", "yes/void", "void/yes", "no/void", "void/no", "void/void"]


def market(query: Query, name: str) -> int:
    """Returns the number of its instrument."""
    [(number,)] = query(
        "INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES (%s, %s, 'active', now(), now()) RETURNING instrument_id",
        (VENUE, name),
    )
    query(
        "INSERT INTO markets (venue, market_id, title, status, outcomes, rules, rules_sha256, attributes, first_seen_at, updated_at) "
        "VALUES (%s, %s, %s, 'active', jsonb_build_array(jsonb_build_array(%s, 'Yes')), 'text', 'hash', %s, now(), now())",
        (VENUE, name, name, name, _ATTRIBUTES),
    )
    query(
        "INSERT INTO market_history (market_key, valid_from, title, status, outcomes, attributes) "
        "SELECT market_key, '2026-11-01', title, status, outcomes, attributes FROM markets WHERE market_id = %s",
        (name,),
    )
    return number


def confirm(query: Query, a: str, b: str) -> int:
    [(pair,)] = query(
        "INSERT INTO contract_matches (market_key_a, market_key_b, state, yes_symbol_a, yes_symbol_b, rules_sha256_a, rules_sha256_b, tails, "
        "proposed_at, decided_at, decided_by) SELECT a.market_key, b.market_key, 'confirmed', a.market_id, b.market_id, 'hash', 'hash', %s, now(), "
        "now(), 'somebody' FROM markets a, markets b WHERE a.market_id = %s AND b.market_id = %s RETURNING pair_id",
        (TAILS, a, b),
    )
    return int(pair)


def tell(matched: Matched, now_us: int, *books: tuple[int, float, float, float]) -> None:
    """Books of one level a side: (instrument, bid, ask, shares)."""
    told = {number: encode(Told(number, (bid, shares), (ask, shares), now_us, now_us, trusted=True)) for number, bid, ask, shares in books}
    matched.tell(told, {VENUE: tuple(told)})
