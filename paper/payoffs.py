"""What a lock pays in every state in which its two markets can end, and which of them break it. A share pays 1, nothing, or its void value.

A state is "result of a/result of b". A lock is YES of one leg and as many shares of NO of the other; `yes_leg` names the one with YES.
"""

from decimal import Decimal

from paper.values import NO, VOID, YES, Pair

A, B = "a", "b"
LEGS = (A, B)
RESULTS = (YES, NO, VOID)
STATES = tuple(f"{a}/{b}" for a in RESULTS for b in RESULTS)
HALF = Decimal("0.5")


def payoff(yes_leg: str, state: str, *, void_a: Decimal = HALF, void_b: Decimal = HALF) -> Decimal:
    """Dollars a share of the lock; `void_a`, `void_b`: what a share of YES of that leg pays when its market is void. Raises ValueError on
    what is no state or no leg."""
    if yes_leg not in LEGS or state not in STATES:
        raise ValueError(f"no lock with YES of {yes_leg!r} ends {state!r}")
    a, b = state.split("/")
    paid_a, paid_b = _paid(a, void_a), _paid(b, void_b)
    return paid_a + 1 - paid_b if yes_leg == A else paid_b + 1 - paid_a


def _paid(result: str, void: Decimal) -> Decimal:
    """By a share of YES."""
    return void if result == VOID else Decimal(result == YES)


def breaks(yes_leg: str, *, void_a: Decimal = HALF, void_b: Decimal = HALF) -> tuple[str, ...]:
    """The states in which the lock pays less than the 1 a share that its edge was reckoned with."""
    return tuple(state for state in STATES if payoff(yes_leg, state, void_a=void_a, void_b=void_b) < 1)


def unnamed(pair: Pair, yes_leg: str, *, void_a: Decimal = HALF, void_b: Decimal = HALF) -> tuple[str, ...]:
    """Of the states that break the lock those that nobody has named as the pair's tails: while there is one the lock is not taken."""
    return tuple(state for state in breaks(yes_leg, void_a=void_a, void_b=void_b) if state not in pair.tails)
