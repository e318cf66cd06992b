"""Orders on paper: sent, on their way for as long as a venue takes, filled against the book as it is known then, or not. Pure.

There is no venue here: nothing leaves this process, and nothing in it knows how to sign or send an order.
"""

import hashlib
import math
from decimal import Decimal
from statistics import NormalDist

from paper import accounts, risk
from paper.desk import Desk
from paper.fees import order_fee
from paper.liquidity import ASK, BID, available, floor, side, take
from paper.rules import Rules
from paper.state import ZERO, Order
from paper.values import YES, Leg, Level, Pair

BUY, SELL = "buy", "sell"
LOCK, UNWIND = "lock", "unwind"
UNDER_WAY, FILLED, PARTLY, MISSED = "under way", "filled", "partly filled", "missed"
ONE, HALF = Decimal(1), Decimal("0.5")
#: More than rounding ever adds to the fee of one order: venues that round each fill give whole cents back.
ROUNDED_UP = Decimal("0.05")
#: Nobody waits longer for a venue: whatever the distribution says, an order has arrived by then.
MAX_LATENCY_US = 30_000_000
_NORMAL = NormalDist()
_P99 = _NORMAL.inv_cdf(0.99)


def latency_us(rules: Rules, venue: str, order: int) -> int:
    """Lognormal, drawn from the seed and the order's number alone: the same in every run."""
    told = rules.latency.get(venue, rules.any_latency)
    drawn = int.from_bytes(hashlib.sha256(f"{rules.seed} {order}".encode()).digest()[:6])
    z = _NORMAL.inv_cdf((drawn + 0.5) / 2**48)
    return min(round(told.median_ms * 1_000 * math.exp(z * math.log(told.p99_ms / told.median_ms) / _P99)), MAX_LATENCY_US)


# --- orders ---------------------------------------------------------------------------------------------------------------
def price_of(outcome: str, yes_price: Decimal) -> Decimal:
    return yes_price if outcome == YES else ONE - yes_price


def worst_cost(leg: Leg, quantity: Decimal, price: Decimal) -> Decimal:
    """Dollars that buying may cost at most: all of it at its limit, and the fee where it is highest."""
    return quantity * price + order_fee(leg.terms.fees, [(HALF, quantity)]) + ROUNDED_UP


def send(
    desk: Desk, pair: Pair, name: str, outcome: str, quantity: Decimal, price: Decimal, *, action: str, lock: int, opportunity: int
) -> Order:
    """Put an order on its way. `lock` 0: it is the first of a new lock."""
    leg = pair.a if name == "a" else pair.b
    head = desk.head
    head.orders += 1
    arrives_us = head.now_us + latency_us(desk.rules, leg.venue, head.orders) + leg.terms.delay_us
    purpose, lock = (LOCK if action == BUY else UNWIND), lock or head.orders
    order = Order(
        *(head.orders, lock, opportunity, pair.pair_id, leg, name, purpose, action, outcome, quantity, price),
        *(head.now_us, arrives_us, pair.closes_us),
    )
    if action == BUY:
        order.reserved = worst_cost(leg, quantity, price)
        order.reserved_days = (order.reserved * risk.duration_days(desk, pair)).quantize(accounts.PART)
        accounts.reserve(desk, order)
    desk.state.orders[order.number] = order
    desk.wake(arrives_us)
    desk.keep_order(order)
    desk.note(
        "order",
        f"order {order.number}",
        opportunity=opportunity,
        lock=lock,
        pair=pair.pair_id,
        venue=leg.venue,
        instrument=leg.instrument_id,
        action=action,
        outcome=outcome,
        quantity=quantity,
        limit=price,
        arrives_us=arrives_us,
    )
    return order


def next_arrival(desk: Desk) -> Order | None:
    under_way = [order for order in desk.state.orders.values() if order.state == UNDER_WAY]
    return min(under_way, key=lambda order: (order.arrives_us, order.number), default=None)


def arrive(desk: Desk, order: Order) -> None:
    """Fill what the book gives at the limit or better, at once, and drop the rest."""
    order.why = risk.unreliable(desk, order.leg, at_us=order.arrives_us) or _settled(desk, order)
    fills: list[tuple[Decimal, Decimal]] = []
    if not order.why:
        fee = ZERO
        for yes_price, quantity in _offered(desk, order):
            price = price_of(order.outcome, yes_price)
            fills.append((price, quantity))
            before, fee = fee, order_fee(order.leg.terms.fees, fills, selling=order.action == SELL)
            _fill(desk, order, yes_price, quantity, fee - before)
    elif order.why in ("stale book", "book not trusted"):
        risk.halt(desk, f"pair {order.pair_id}", f"{order.why} with an order under way", order=order.number)
    if order.action == BUY:
        accounts.release(desk, order)
    order.state = FILLED if order.filled == order.quantity else PARTLY if order.filled else MISSED
    if order.state != FILLED and not order.why:
        order.why = "the book had no more at the limit"
    desk.keep_order(order)
    told = {"filled": order.filled, "of": order.quantity, "paid": order.paid, "fee": order.fee, "why": order.why}
    desk.note(order.state, f"order {order.number}", **told)


def _settled(desk: Desk, order: Order) -> str:
    """What was to be sold may have been paid out while the order was on its way."""
    return "settled" if order.action == SELL and held(desk, order) < order.quantity else ""


def held(desk: Desk, order: Order) -> Decimal:
    """Shares of what the order buys or sells."""
    position = desk.state.positions.get(accounts.place(order.pair_id, order.leg.instrument_id, order.outcome))
    return position.quantity if position else ZERO


def _offered(desk: Desk, order: Order) -> list[Level]:
    """(price of YES, shares) that the order gets, the best first: whole lots on the whole."""
    offered, total = [], ZERO
    for yes_price, shares in side(available(desk, order.leg.instrument_id), _side_of(order)):
        price = price_of(order.outcome, yes_price)
        if total == order.quantity or (price > order.price if order.action == BUY else price < order.price):
            break
        quantity = min(shares, order.quantity - total)
        if quantity > 0 and ZERO < price < ONE:
            offered.append((yes_price, quantity))
            total += quantity
    beyond = total - floor(total, order.leg.terms.lot)
    while beyond:
        yes_price, quantity = offered.pop()
        if quantity > beyond:
            offered.append((yes_price, quantity - beyond))
        beyond = max(beyond - quantity, ZERO)
    return offered


def _side_of(order: Order) -> int:
    """Which side of the book of YES it takes from."""
    return ASK if (order.action == BUY) == (order.outcome == YES) else BID


def _fill(desk: Desk, order: Order, yes_price: Decimal, quantity: Decimal, fee: Decimal) -> None:
    price, leg = price_of(order.outcome, yes_price), order.leg
    take(desk, leg.instrument_id, _side_of(order), yes_price, quantity)
    order.filled += quantity
    order.paid += price * quantity
    order.fee += fee
    realised = ZERO
    if order.action == BUY:
        accounts.bought(desk, order, quantity, price * quantity, fee)
    else:
        key = accounts.place(order.pair_id, leg.instrument_id, order.outcome)
        realised = accounts.sold(desk, key, quantity, price * quantity, fee)
    desk.head.fills += 1
    row = {"fill_id": desk.head.fills, "order_id": order.number, "pair_id": order.pair_id, "venue": leg.venue, "action": order.action}
    row |= {"instrument_id": leg.instrument_id, "outcome": order.outcome, "price": price, "quantity": quantity, "fee": fee}
    row |= {"realised": realised, "filled_at": desk.head.now_us, "book_received_at": desk.state.books[leg.instrument_id].received_us}
    desk.row("fills", desk.head.fills, row)


# --- both legs ------------------------------------------------------------------------------------------------------------
def lock_of(desk: Desk, number: int) -> list[Order]:
    return [order for _, order in sorted(desk.state.orders.items()) if order.lock == number]


def balance(desk: Desk, number: int) -> bool:
    """Once all orders of a lock have arrived: sell what one leg has too much. True when nothing of it is under way any more."""
    orders = lock_of(desk, number)
    if any(order.state == UNDER_WAY for order in orders):
        return False
    got = {order.name: order.filled for order in orders if order.action == BUY}
    for order in orders:
        if order.action == SELL:
            got[order.name] -= order.filled
    more, less = sorted(got, key=lambda name: (-got[name], name))
    first = orders[0]
    bought = next(order for order in orders if order.name == more)
    excess = min(got[more] - got[less], held(desk, bought))
    tried = any(order.action == SELL for order in orders)
    sellable = floor(excess, bought.leg.terms.lot)
    if excess and not tried and sellable >= bought.leg.terms.min_quantity:
        _unwind(desk, bought, sellable)
        return False
    if excess:
        _leave(desk, bought, excess)
    desk.note("lock", f"lock {number}", pair=first.pair_id, opportunity=first.opportunity, matched=got[less], unmatched=excess)
    for order in orders:
        del desk.state.orders[order.number]
        desk.touch("orders", order.number)
    return True


def _unwind(desk: Desk, bought: Order, quantity: Decimal) -> None:
    """At whatever the book pays: a halt does not hold it back, as it only makes less of what we hold."""
    pair = Pair(bought.pair_id, bought.leg, bought.leg, closes_us=bought.closes_us)
    send(
        *(desk, pair, bought.name, bought.outcome, quantity, ZERO),
        action=SELL,
        lock=bought.lock,
        opportunity=bought.opportunity,
    )


def _leave(desk: Desk, bought: Order, quantity: Decimal) -> None:
    """What nobody takes stays until it is settled, and is named."""
    key = accounts.place(bought.pair_id, bought.leg.instrument_id, bought.outcome)
    position = desk.state.positions[key]
    position.unmatched += quantity
    desk.keep_position(key)
    desk.note("residual", f"pair {bought.pair_id}", venue=bought.leg.venue, outcome=bought.outcome, quantity=quantity)
