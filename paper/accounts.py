"""Cash, positions and what is bound of it. Every dollar goes from one place to another: cash = begin + realised - cost of positions. Pure.

A part of a position takes its part of the cost along, rounded to a hundred-millionth of a dollar; the rest keeps the rest, so that nothing
is lost however often it is divided.
"""

from decimal import Decimal

from paper.desk import DAY_US, Desk
from paper.state import ZERO, Order, Position

PART = Decimal("1e-8")


def scopes(venue: str, pair_id: int) -> tuple[str, str, str]:
    return "all", f"venue {venue}", f"pair {pair_id}"


def days(us: int) -> Decimal:
    return Decimal(us) / DAY_US


def place(pair_id: int, instrument_id: int, outcome: str) -> str:
    """The name of a position."""
    return f"{pair_id} {instrument_id} {outcome}"


def reserve(desk: Desk, order: Order) -> None:
    _reserve(desk, order, 1)


def release(desk: Desk, order: Order) -> None:
    _reserve(desk, order, -1)


def _reserve(desk: Desk, order: Order, sign: int) -> None:
    for name in scopes(order.leg.venue, order.pair_id):
        scope = desk.scope(name)
        scope.reserved += sign * order.reserved
        scope.bound_days += sign * order.reserved_days
        desk.keep_scope(name)


def bought(desk: Desk, order: Order, quantity: Decimal, cost: Decimal, fee: Decimal) -> None:
    """`cost`: price times shares; `fee` comes on top."""
    key = place(order.pair_id, order.leg.instrument_id, order.outcome)
    position, now = desk.state.positions.get(key), desk.head.now_us
    if position is None:
        leg = order.leg
        position = Position(order.pair_id, order.name, leg.venue, leg.instrument_id, order.outcome, leg.sources, now, now)
        desk.state.positions[key] = position
    spent = cost + fee
    worth_days = (order.reserved_days * spent / order.reserved).quantize(PART) if order.reserved else ZERO
    grown = _aged(position, now)
    position.quantity += quantity
    position.cost += spent
    position.bound_days += worth_days
    for name in scopes(position.venue, position.pair_id):
        scope = desk.scope(name)
        scope.bound += spent
        scope.spent += spent
        scope.bound_days += worth_days
        scope.fees += fee
        scope.capital_days += grown
        _pay(desk, name, -spent)
    desk.keep_position(key)


def sold(desk: Desk, key: str, quantity: Decimal, proceeds: Decimal, fee: Decimal = ZERO) -> Decimal:
    """Give `quantity` of a position away for `proceeds` less `fee`, at the book or at its settlement; returns what was realised."""
    position = desk.state.positions[key]
    grown = _aged(position, desk.head.now_us)
    whole = quantity == position.quantity
    cost = position.cost if whole else (position.cost * quantity / position.quantity).quantize(PART)
    worth_days = position.bound_days if whole else (position.bound_days * quantity / position.quantity).quantize(PART)
    position.quantity -= quantity
    position.cost -= cost
    position.bound_days -= worth_days
    position.unmatched = min(position.unmatched, position.quantity)
    realised = proceeds - fee - cost
    for name in scopes(position.venue, position.pair_id):
        scope = desk.scope(name)
        scope.bound -= cost
        scope.bound_days -= worth_days
        scope.realised += realised
        scope.won += realised
        scope.fees += fee
        scope.capital_days += grown
        _pay(desk, name, proceeds - fee)
    if not position.quantity:
        del desk.state.positions[key]
    desk.keep_position(key)
    return realised


def _pay(desk: Desk, scope: str, dollars: Decimal) -> None:
    if not scope.startswith("pair "):
        desk.state.scopes[scope].cash += dollars
    desk.keep_scope(scope)


def _aged(position: Position, now_us: int) -> Decimal:
    """Capital that was bound since the last change, in dollars times days."""
    grown = (position.cost * days(now_us - position.since_us)).quantize(PART)
    position.capital_days += grown
    position.since_us = now_us
    return grown
