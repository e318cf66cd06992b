"""What an order that takes liquidity is charged, exactly as its venue rounds. Dollars, never negative.

Venues round in three ways: the order's fee up to the cent (CENT_PER_ORDER); each fill's fee up to five decimals (FIVE_DECIMALS); or each
fill's fee up to 1/10000, then the change of the account's balance down to the cent, while an accumulator of the order gives whole cents
back once more than one was taken too much (ACCUMULATED).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from typing import NamedTuple

from core.trading import ACCUMULATED, CENT_PER_ORDER, FIVE_DECIMALS, FeeTerms, TradingTerms

ZERO, ONE = Decimal(0), Decimal(1)
_CENT, _CENTICENT, _FIVE = Decimal("0.01"), Decimal("0.0001"), Decimal("0.00001")
#: A rate times an amount times a price twice has some thirty digits at most; nothing is rounded but where a venue rounds.
EXACT = Context(prec=80)


class Charged(NamedTuple):
    """What the fills of an order came to so far: by the `formula` alone, as `charged`, and of that what the accumulator `kept`.

    `charged - kept` never falls when a fill grows or another follows, and is never below `formula`.
    """

    formula: Decimal = ZERO
    charged: Decimal = ZERO
    kept: Decimal = ZERO


NOTHING = Charged()


def order_fee(terms: FeeTerms, fills: Sequence[tuple[Decimal, Decimal]], *, selling: bool = False) -> Decimal:
    """`fills`: (price, shares) in the order in which they came; the price is that of a share of the outcome that is bought or sold (of NO at
    0.40: 0.40). Raises ValueError on what is no price or no amount, and on a rounding that is not known."""
    with localcontext(EXACT):
        so_far = NOTHING
        for price, quantity in fills:
            if not (ZERO <= price <= ONE and quantity >= ZERO):
                raise ValueError(f"{quantity} shares at {price} are no fill")
            so_far = charge(terms, so_far, price, quantity, selling=selling)
        return so_far.charged


def charge(terms: FeeTerms, so_far: Charged, price: Decimal, quantity: Decimal, *, selling: bool = False) -> Charged:
    """One fill more, within EXACT."""
    try:
        rounding = _ROUNDINGS[terms.rounding]
    except KeyError:
        raise ValueError(f"fees are rounded {terms.rounding!r}, which nothing here does") from None
    return rounding(so_far, terms.rate * quantity * price * (ONE - price), price * quantity, selling)


def rounded_as(terms: TradingTerms, rounding: str) -> TradingTerms:
    """The terms under the chosen one of CENT_PER_ORDER and ACCUMULATED, where the venue rounds to cents; other venues stay as they are."""
    if rounding not in (CENT_PER_ORDER, ACCUMULATED):
        raise ValueError(f"fees of venues that round to cents are rounded {CENT_PER_ORDER!r} or {ACCUMULATED!r}, not {rounding!r}")
    if terms.fees.rounding not in (CENT_PER_ORDER, ACCUMULATED):
        return terms
    return replace(terms, fees=replace(terms.fees, rounding=rounding))


def _cent_per_order(so_far: Charged, fee: Decimal, paid: Decimal, selling: bool) -> Charged:
    formula = so_far.formula + fee
    return Charged(formula, formula.quantize(_CENT, ROUND_CEILING))


def _five_decimals(so_far: Charged, fee: Decimal, paid: Decimal, selling: bool) -> Charged:
    return Charged(so_far.formula + fee, so_far.charged + fee.quantize(_FIVE, ROUND_CEILING))


def _accumulated(so_far: Charged, fee: Decimal, paid: Decimal, selling: bool) -> Charged:
    trade = fee.quantize(_CENTICENT, ROUND_CEILING)
    change = (paid if selling else -paid) - trade
    rounding = change - change.quantize(_CENT, ROUND_FLOOR)
    kept = so_far.kept + rounding
    # The venue says that the fee of a fill is never negative, not what becomes of such a cent: here it stays in the accumulator.
    rebate = _CENT if kept > _CENT and trade + rounding >= _CENT else ZERO
    return Charged(so_far.formula + fee, so_far.charged + trade + rounding - rebate, kept - rebate)


_ROUNDINGS: dict[str, Callable[[Charged, Decimal, Decimal, bool], Charged]] = {
    CENT_PER_ORDER: _cent_per_order,
    FIVE_DECIMALS: _five_decimals,
    ACCUMULATED: _accumulated,
}
