"""States in which two markets end, and what a lock pays in each: written out by hand."""

from decimal import Decimal

import pytest

from core.trading import CENT_PER_ORDER, FeeTerms, TradingTerms
from paper.payoffs import STATES, breaks, payoff, unnamed
from paper.values import Leg, Pair

#: YES of a and NO of b
YES_OF_A = {
    "yes/yes": "1",
    "yes/no": "2",
    "yes/void": "1.5",
    "no/yes": "0",
    "no/no": "1",
    "no/void": "0.5",
    "void/yes": "0.5",
    "void/no": "1.5",
    "void/void": "1",
}
TERMS = TradingTerms(FeeTerms(Decimal(0), CENT_PER_ORDER), Decimal(1), Decimal(1), ())


def pair(*tails: str) -> Pair:
    return Pair(1, Leg("east", 1, 1, TERMS), Leg("west", 2, 2, TERMS), frozenset(tails))


def test_every_state_pays_what_its_two_results_pay() -> None:
    assert set(STATES) == set(YES_OF_A)
    assert {state: payoff("a", state) for state in STATES} == {state: Decimal(paid) for state, paid in YES_OF_A.items()}
    turned = {"/".join(reversed(state.split("/"))): Decimal(paid) for state, paid in YES_OF_A.items()}
    assert {state: payoff("b", state) for state in STATES} == turned


def test_states_below_one_break_a_lock() -> None:
    assert set(breaks("a")) == {"no/yes", "no/void", "void/yes"}
    assert set(breaks("b")) == {"yes/no", "void/no", "yes/void"}


def test_void_values_that_differ_break_a_lock_when_both_are_void() -> None:
    assert payoff("a", "void/void", void_a=Decimal("0.3")) == Decimal("0.8")
    assert "void/void" in breaks("a", void_a=Decimal("0.3"))
    assert "void/void" not in breaks("b", void_a=Decimal("0.3"))


def test_a_void_that_pays_one_is_as_good_as_a_yes() -> None:
    assert set(breaks("a", void_a=Decimal(1), void_b=Decimal(0))) == {"no/yes"}


def test_a_lock_waits_until_every_state_that_breaks_it_is_named() -> None:
    assert set(unnamed(pair(), "a")) == set(breaks("a"))
    assert unnamed(pair("no/yes", "void/yes"), "a") == ("no/void",)
    named = pair("no/yes", "void/yes", "no/void")
    assert unnamed(named, "a") == () and unnamed(named, "b") == breaks("b")


@pytest.mark.parametrize(("leg", "state"), [("c", "yes/yes"), ("a", "yes"), ("a", "yes/maybe")])
def test_what_is_no_state_is_refused(leg: str, state: str) -> None:
    with pytest.raises(ValueError, match="no lock"):
        payoff(leg, state)
