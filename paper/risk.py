"""What is not done although the books offer it: halts, which a person lifts, and limits, which make a lock smaller or forbid it. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from paper.accounts import days
from paper.desk import FOREVER_US, Desk
from paper.values import Leg, Pair

#: What a person types is kept up to here, and so many reasons of one scope.
MAX_REASON_CHARS, MAX_REASONS = 200, 8


# --- halts ----------------------------------------------------------------------------------------------------------------
def halt(desk: Desk, scope: str, reason: str, **details: object) -> None:
    """Take nothing new within the scope until a person lifts it. Said twice it is one."""
    reason = reason[:MAX_REASON_CHARS]
    found = desk.scope(scope)
    if reason in found.halted or len(found.halted) >= MAX_REASONS:
        return
    found.halted_us = found.halted_us or desk.head.now_us
    found.halted = (*found.halted, reason)
    desk.keep_scope(scope)
    desk.note("halt", scope, reason=reason, **details)


def resume(desk: Desk, scope: str, by: str) -> None:
    """Lift all halts of the scope. Losses of today that halted it are taken note of: the next halt is as much further down."""
    found = desk.scope(scope)
    if not found.halted:
        desk.note("resume", scope, by=by[:MAX_REASON_CHARS], lifted=[])
        return
    lifted = found.halted
    found.halted, found.halted_us, found.accepted = (), 0, found.won
    desk.keep_scope(scope)
    desk.note("resume", scope, by=by[:MAX_REASON_CHARS], lifted=lifted)


def is_scope(name: str) -> bool:
    kind, _, rest = name.partition(" ")
    return name == "all" or (kind == "venue" and bool(rest)) or (kind == "pair" and rest.isascii() and rest.isdigit())


def halted(desk: Desk, pair: Pair) -> str:
    """The scope that is halted, of those that this pair is in; empty: none."""
    known = desk.state.scopes
    for name in ("all", f"venue {pair.a.venue}", f"venue {pair.b.venue}", f"pair {pair.pair_id}"):
        if name in known and known[name].halted:
            return name
    return ""


def count_loss(desk: Desk) -> None:
    """Halt everything when more was lost today than may be, or since a person last took note of it."""
    everything = desk.scope("all")
    lost = everything.accepted - everything.won
    if lost >= desk.rules.max_daily_loss:
        halt(desk, "all", "daily loss", lost=lost, limit=desk.rules.max_daily_loss)


# --- books that cannot be relied on ---------------------------------------------------------------------------------------
def unreliable(desk: Desk, leg: Leg, *, at_us: int) -> str:
    """Why nothing can be said or done about a leg now, in a few words; empty: its book is good and its market trades."""
    state = desk.state
    venue, book = state.venues.get(leg.venue), state.books.get(leg.instrument_id)
    if venue is None or book is None:
        return "no book"
    if venue.paused:
        return "venue paused"
    status = state.markets.get(leg.market_key)
    if status != "active":
        return f"market {status or 'unknown'}"
    if any(word.status != "proposed" for word in state.said.get(leg.instrument_id, {}).values()):
        return "result said"
    if not book.trusted:
        return "book not trusted"
    return "stale book" if at_us > stale_from(desk, leg) else ""


def stale_from(desk: Desk, leg: Leg) -> int:
    """The last moment at which the leg's book is not too old, if nothing more is heard of it."""
    return desk.state.venues[leg.venue].heard.get(leg.instrument_id, 0) + desk.max_age_us


def watch_venues(desk: Desk) -> None:
    """A venue that spoke and has fallen silent halts. One that was not heard yet, since the engine is told anything, merely has no books."""
    for name in sorted(desk.state.venues):
        if silent_from(desk, name) < desk.head.now_us:
            halt(desk, f"venue {name}", "silent")


def silent_from(desk: Desk, name: str) -> int:
    """The last moment at which the venue is not silent for too long, if nothing more is heard of it."""
    heard = desk.state.venues[name].heard_us
    scope = desk.state.scopes.get(f"venue {name}")
    if heard < desk.head.awake_us or (scope is not None and "silent" in scope.halted):
        return FOREVER_US
    return heard + desk.max_silence_us


# --- limits ---------------------------------------------------------------------------------------------------------------
def duration_days(desk: Desk, pair: Pair) -> Decimal:
    """For how long a lock binds its capital: until the later market closes, a day at least."""
    if not pair.closes_us:
        return Decimal(desk.rules.unknown_days)
    return max(days(pair.closes_us - desk.head.now_us), Decimal(1))


def tightest(desk: Desk, pair: Pair, needs: Mapping[str, Decimal]) -> tuple[str, Decimal]:
    """(what limits, the share of `needs` that it allows; at least 1: all). `needs`: dollars by venue that the orders may cost at worst."""
    limits, total = desk.rules.limits, sum(needs.values(), Decimal(0))
    whole, one = desk.scope("all"), desk.scope(f"pair {pair.pair_id}")
    rooms = [
        ("limit of the pair", limits.per_pair - one.bound - one.reserved, total),
        ("limit in total", limits.total - whole.bound - whole.reserved, total),
        ("limit of the day", limits.per_day - whole.spent - whole.reserved, total),
        ("limit of capital-days", limits.capital_days - whole.bound_days, total * duration_days(desk, pair)),
    ]
    for venue in sorted(needs):
        scope = desk.scope(f"venue {venue}")
        rooms.append((f"limit of venue {venue}", limits.per_venue - scope.bound - scope.reserved, needs[venue]))
        rooms.append((f"cash at {venue}", scope.cash - scope.reserved, needs[venue]))
    shares = [(max(room, Decimal(0)) / need, name) for name, room, need in rooms if need > 0]
    least, name = min(shares, default=(Decimal(1), ""))
    return name, least
