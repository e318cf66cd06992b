"""How long faults may last, and what a storm is made of."""

from contextlib import nullcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.chaos.fault import Fault
from ops.chaos.schedule import LEAST_HOLD_SECONDS, hold, scale, storm


def fault(name: str, hold_seconds: float = 0.0) -> Fault:
    return Fault(name, "", lambda _: nullcontext(), "", hold_seconds)


FAULTS = [fault("a"), fault("b"), fault("c", 60)]


@pytest.mark.parametrize(
    ("holds", "seconds", "expected"),
    [
        ([60, 60], 1000, 1.0),  # more time than is wanted
        ([60, 60], 160, 1.0),  # just enough: 2 * 20 beside the holds
        ([60, 60], 100, 0.5),  # half of the holds fits
        ([60, 60], 10, 0.0),  # not even what they cost beside
        ([0, 0], 10, 1.0),  # nothing to shorten
    ],
)
def test_holds_are_shortened_to_the_time_there_is(holds: list[float], seconds: float, expected: float) -> None:
    assert scale(holds, seconds, overhead_seconds=20) == expected


@pytest.mark.parametrize(
    ("wanted", "by", "expected"),
    [(60, 1.0, 60), (60, 0.5, 30), (60, 0.0, LEAST_HOLD_SECONDS), (0, 0.5, 0), (2, 0.1, 2)],  # what is short stays as it is
)
def test_a_fault_that_holds_holds_a_little_at_least(wanted: float, by: float, expected: float) -> None:
    assert hold(fault("a", wanted), by) == expected


@given(st.integers(), st.floats(10, 600))
def test_a_storm_is_told_by_its_seed(seed: int, seconds: float) -> None:
    assert storm(FAULTS, seed, seconds) == storm(FAULTS, seed, seconds)


def test_another_seed_is_another_storm() -> None:
    assert storm(FAULTS, 1, 120) != storm(FAULTS, 2, 120)


@given(st.integers(), st.floats(10, 600))
def test_every_fault_of_a_storm_ends_with_it_and_meets_itself_never(seed: int, seconds: float) -> None:
    blows = storm(FAULTS, seed, seconds)
    assert blows
    assert all(0 <= blow.at <= blow.until <= round(seconds, 2) for blow in blows)
    assert [blow.at for blow in blows] == sorted(blow.at for blow in blows)
    for name in "abc":
        own = [blow for blow in blows if blow.fault.name == name]
        assert all(before.until <= after.at for before, after in pairwise(own))


def test_faults_of_a_storm_overlap() -> None:
    blows = storm(FAULTS, 1, 600)
    assert any(before.until > after.at for before, after in pairwise(blows))
