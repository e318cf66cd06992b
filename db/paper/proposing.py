"""From the markets of two venues to proposals of pairs."""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg2.extensions import connection as RawConnection

from core.venue import Question
from db.moments import micros
from db.paper import matches
from paper.matching import Listed, candidates

#: Markets of one venue that are looked at, those that changed last first.
MOST_MARKETS = 50_000
#: Proposals of one run, the best first.
MOST_PROPOSALS = 5_000

#: What a venue makes of the attributes of its markets (core.venue).
Reader = Callable[[Mapping[str, Any]], Question]


def propose(connection: RawConnection, a: tuple[str, Reader], b: tuple[str, Reader]) -> dict[str, Any]:
    """Look for pairs of two venues; the one whose name comes first is a. Result: new and changed proposals, and what was left out."""
    with connection, connection.cursor() as cursor:
        if not matches.lock(cursor):
            return {"ended": "another one is at it"}
        first, second = (_listed(connection, *venue) for venue in sorted((a, b), key=lambda venue: venue[0]))
        found = candidates(first, second, most=MOST_PROPOSALS)
        new, changed = matches.propose(cursor, found.candidates)
    return {
        "markets": [len(first), len(second)],
        "found": len(found.candidates),
        "new": new,
        "changed": changed,
        "dropped": found.dropped,
        "left_out": dict(found.left_out),
        "beyond": [len(side) >= MOST_MARKETS for side in (first, second)],
    }


def _listed(connection: RawConnection, venue: str, read: Reader) -> list[Listed]:
    """Read by portions: what the attributes say in full is much more than what is kept of them."""
    found = []
    with connection.cursor(name="listed_markets") as cursor:
        cursor.itersize = 1000
        cursor.execute(
            "SELECT market_key, title, outcomes, closes_at, coalesce(attributes, '{}') FROM markets WHERE venue = %s "
            "AND status IN ('upcoming', 'active', 'paused') ORDER BY updated_at DESC, market_key LIMIT %s",
            (venue, MOST_MARKETS),
        )
        for key, title, outcomes, closes_at, attributes in cursor:
            said = read(attributes)
            named = tuple((symbol, name) for symbol, name in outcomes)
            found.append(Listed(key, title, named, micros(closes_at) or 0, said.context, said.unfit, said.cautions))
    return found
