"""The life of an opportunity: from the first look that shows it to the last, as one row. Pure.

It is followed in memory and its row is written at most once a second, and at its beginning and end. What is there again within a second is
the same opportunity, so that a book that flickers makes no row at each of its changes.
"""

from decimal import Decimal

from paper.desk import Desk
from paper.edges import Lock
from paper.payoffs import breaks
from paper.state import Opportunity
from paper.values import Pair

ROW_US = 1_000_000
LINGER_US = 1_000_000
#: What falls due is done on these ticks, so that many opportunities are looked after together.
TICK_US = 100_000
#: Why it is not taken: so many different reasons are kept of one.
MAX_REASONS = 12


def key(pair_id: int, yes_leg: str) -> str:
    return f"{pair_id} {yes_leg}"


def seen(desk: Desk, pair: Pair, lock: Lock) -> Opportunity:
    """The books offer this now."""
    name, now = key(pair.pair_id, lock.yes_leg), desk.head.now_us
    one = desk.state.opportunities.get(name)
    desk.touch("opportunities", name)
    if one is None:
        return _first(desk, name, pair, lock)
    if one.gone_us:
        one.gone_us, one.gone_why = 0, ""
        one.appearances += 1
    one.last_us = now
    one.looks += 1
    one.edge, one.shares = lock.edge, lock.shares
    one.best_edge_share = max(one.best_edge_share, lock.edge_per_share)
    one.capacity = max(one.capacity, lock.capacity)
    if lock.edge > one.best_edge:
        one.best_edge, one.cost, one.fees = lock.edge, lock.cost, lock.fees
    _store_soon(desk, one)
    return one


def _first(desk: Desk, name: str, pair: Pair, lock: Lock) -> Opportunity:
    head, fees = desk.head, (pair.a.terms.fees, pair.b.terms.fees)
    head.opportunities += 1
    one = Opportunity(
        *(head.opportunities, pair.pair_id, lock.yes_leg, head.now_us, head.now_us, lock.edge, lock.shares),
        *(lock.edge, lock.edge_per_share, lock.capacity, lock.cost, lock.fees, all(terms.known for terms in fees)),
        *("; ".join(terms.note for terms in fees if terms.note), breaks(lock.yes_leg)),
    )
    desk.state.opportunities[name] = one
    desk.keep_opportunity(one)
    desk.note(
        "opportunity",
        f"opportunity {one.number}",
        pair=pair.pair_id,
        yes_leg=lock.yes_leg,
        shares=lock.shares,
        edge=lock.edge,
        cost=lock.cost,
        fees=lock.fees,
        capacity=lock.capacity,
        fees_known=one.fees_known,
        breaks=one.breaks,
    )
    return one


def declined(desk: Desk, one: Opportunity, reason: str) -> None:
    """It is not taken; each reason is told once."""
    if reason in one.reasons or len(one.reasons) >= MAX_REASONS:
        return
    one.reasons = (*one.reasons, reason)
    desk.note("declined", f"opportunity {one.number}", pair=one.pair_id, reason=reason)
    _store_soon(desk, one)


def took(desk: Desk, one: Opportunity, shares: Decimal) -> None:
    one.taken_shares += shares
    desk.keep_opportunity(one)


def gone(desk: Desk, name: str, why: str) -> None:
    """The books do not offer it now. Nothing happens when they did not before."""
    one = desk.state.opportunities.get(name)
    if one is not None and not one.gone_us:
        one.gone_us, one.gone_why = desk.head.now_us, why
        desk.wake(_at_tick(one.gone_us + LINGER_US))
        desk.touch("opportunities", name)


def _store_soon(desk: Desk, one: Opportunity) -> None:
    if desk.head.now_us - one.stored_us >= ROW_US or desk.head.now_us == one.stored_us:
        desk.keep_opportunity(one)
    else:
        one.unstored = True
        desk.wake(_at_tick(one.stored_us + ROW_US))


def due(one: Opportunity) -> int | None:
    """When `sweep` has something to do about it, books apart."""
    if one.gone_us:
        return _at_tick(one.gone_us + LINGER_US)
    return _at_tick(one.stored_us + ROW_US) if one.unstored else None


def _at_tick(us: int) -> int:
    return -(-us // TICK_US) * TICK_US


def sweep(desk: Desk) -> None:
    """End what did not come back, and write rows that are behind."""
    for name, one in sorted(desk.state.opportunities.items()):
        at = due(one)
        if at is None or at > desk.head.now_us:
            continue
        desk.touch("opportunities", name)
        desk.keep_opportunity(one, over=bool(one.gone_us))
        if one.gone_us:
            del desk.state.opportunities[name]
            told = {"why": one.gone_why, "lived_us": one.gone_us - one.first_us, "best_edge": one.best_edge, "taken": one.taken_shares}
            desk.note("over", f"opportunity {one.number}", pair=one.pair_id, **told)
