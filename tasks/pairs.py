"""Confirmed pairs as the paper engine wants them: who is in them as the database says, on which terms as the venues say."""

from collections.abc import Sequence
from typing import Any

from core.trading import Facts
from db.paper import facts, watching
from db.paper.watching import Confirmed, Side
from paper.fees import rounded_as
from paper.values import Leg, Pair
from venues import VENUES

#: For who looks back: pairs however long ago they ended.
EVER_DAYS = 36_500.0


def confirmed(cursor: Any, now_us: int, *, rounding: str) -> tuple[Pair, ...]:
    """By number, with the terms of this moment. Pairs with a venue that has no terms, or with a market that was not described yet, cannot be
    traded and are left out. `rounding`: of the fees of venues that round to cents."""
    return _pairs(cursor, watching.confirmed(cursor), now_us, rounding)


def ever_confirmed(cursor: Any, at_us: int, *, rounding: str) -> tuple[Pair, ...]:
    """Those that are confirmed now, with the terms of that moment, markets that ended long ago too."""
    return _pairs(cursor, watching.confirmed(cursor, settled_days=EVER_DAYS), at_us, rounding)


def _pairs(cursor: Any, found: Sequence[Confirmed], at_us: int, rounding: str) -> tuple[Pair, ...]:
    known = facts.load(cursor, sorted({side.market_key for one in found for side in (one.a, one.b)}), at_us=at_us)
    made = ((one, _leg(one.a, known, at_us, rounding), _leg(one.b, known, at_us, rounding)) for one in found)
    return tuple(Pair(one.pair_id, a, b, one.tails, one.closes_us) for one, a, b in made if a is not None and b is not None)


def _leg(side: Side, known: dict[int, Facts], at_us: int, rounding: str) -> Leg | None:
    venue = VENUES.get(side.venue)
    if venue is None or venue.terms is None or side.market_key not in known:
        return None
    terms = rounded_as(venue.terms(known[side.market_key], at_us), rounding)
    return Leg(side.venue, side.market_key, side.instrument_id, terms, venue.resolution_sources)
