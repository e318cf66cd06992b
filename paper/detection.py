"""What two books offer, and whether it is taken. Pure."""

from decimal import Decimal

from paper import execution, lives, risk
from paper.desk import Desk
from paper.edges import Lock, may_cross, walk
from paper.liquidity import available
from paper.payoffs import LEGS, unnamed
from paper.state import Opportunity
from paper.values import Pair

#: A lock that is too large is made smaller so often at most; each step comes under the limit but for what rounding adds.
MAX_FITS = 6


def look(desk: Desk, pair: Pair, *, why: str = "edge gone") -> None:
    """Both ways around. `why`: what ended an opportunity that is not there any more, while the books are good."""
    now = desk.head.now_us
    bad = risk.unreliable(desk, pair.a, at_us=now) or risk.unreliable(desk, pair.b, at_us=now)
    for yes_leg in LEGS:
        try:
            lock = None if bad else _walk(desk, pair, yes_leg, desk.rules.max_shares)
        except ValueError as exc:  # one pair of which nonsense is told must not end all others
            bad, lock = "terms make no sense", None
            risk.halt(desk, f"pair {pair.pair_id}", f"{bad}: {exc}")
        if lock is None:
            lives.gone(desk, lives.key(pair.pair_id, yes_leg), bad or why)
        else:
            desk.wake(1 + min(risk.stale_from(desk, pair.a), risk.stale_from(desk, pair.b)))
            _decide(desk, pair, lock, lives.seen(desk, pair, lock))


def end_stale(desk: Desk) -> None:
    """Opportunities whose books nobody vouches for any more."""
    for name, one in sorted(desk.state.opportunities.items()):
        pair = desk.state.pairs.get(one.pair_id)
        if pair is not None and not one.gone_us:
            now = desk.head.now_us
            bad = risk.unreliable(desk, pair.a, at_us=now) or risk.unreliable(desk, pair.b, at_us=now)
            if bad:
                lives.gone(desk, name, bad)


def _walk(desk: Desk, pair: Pair, yes_leg: str, max_shares: Decimal) -> Lock | None:
    rules, books = desk.rules, desk.state.books
    if not may_cross(pair, books[pair.a.instrument_id], books[pair.b.instrument_id], yes_leg, rules.min_edge):
        return None
    a, b = available(desk, pair.a.instrument_id), available(desk, pair.b.instrument_id)
    return walk(pair, a, b, yes_leg, min_edge=rules.min_edge, min_shares=rules.min_shares, max_shares=max_shares)


def _decide(desk: Desk, pair: Pair, lock: Lock, one: Opportunity) -> None:
    legs = (pair.a.instrument_id, pair.b.instrument_id)
    if any(order.leg.instrument_id in legs for order in desk.state.orders.values()):
        return  # the books do not show yet what is under way
    reason = _forbidden(desk, pair, lock.yes_leg)
    if reason:
        lives.declined(desk, one, reason)
        return
    fitted, limit = _fitted(desk, pair, lock)
    if fitted is None:
        lives.declined(desk, one, limit)
    else:
        _take(desk, pair, fitted, one)


def _forbidden(desk: Desk, pair: Pair, yes_leg: str) -> str:
    scope = risk.halted(desk, pair)
    if scope:
        return f"halted: {scope}"
    tails = unnamed(pair, yes_leg)
    return f"tails not named: {', '.join(tails)}" if tails else ""


def _fitted(desk: Desk, pair: Pair, lock: Lock) -> tuple[Lock | None, str]:
    """The lock, or a smaller one that the limits allow; else None and what limits."""
    limit = ""
    for _ in range(MAX_FITS):
        needs = dict.fromkeys((pair.a.venue, pair.b.venue), Decimal(0))
        for leg, bought in ((pair.a, lock.a), (pair.b, lock.b)):
            needs[leg.venue] += execution.worst_cost(leg, lock.shares, bought.limit)
        limit, share = risk.tightest(desk, pair, needs)
        if share >= 1:
            return lock, ""
        smaller = _walk(desk, pair, lock.yes_leg, lock.shares * share)
        if smaller is None:
            break
        lock = smaller
    return None, limit


def _take(desk: Desk, pair: Pair, lock: Lock, one: Opportunity) -> None:
    told = {"yes_leg": lock.yes_leg, "shares": lock.shares, "cost": lock.cost, "fees": lock.fees, "edge": lock.edge}
    desk.note("take", f"opportunity {one.number}", pair=pair.pair_id, **told)
    lives.took(desk, one, lock.shares)
    first = 0
    for name, bought in (("a", lock.a), ("b", lock.b)):
        order = execution.send(
            *(desk, pair, name, bought.outcome, lock.shares, bought.limit), action=execution.BUY, lock=first, opportunity=one.number
        )
        first = first or order.number
