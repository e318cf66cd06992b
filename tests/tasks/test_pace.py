"""How fast a round goes: time and weight in, waits out."""

import pytest

from core.venue import Limits
from tasks.pace import Pace


def pace(burst_seconds: float) -> Pace:
    """80 a second of the 100 that come back."""
    return Pace(Limits(6000, 1.0, 1.0, burst_seconds=burst_seconds), 0.0)


def test_a_burst_goes_out_at_once_and_the_rest_as_weight_comes_back() -> None:
    made = pace(2.0)
    assert [made.wait(40, 0.0) for _ in range(6)] == [0, 0, 0, 0, 0.5, 1.0]
    assert made.wait(40, 1.0) == 0.5


def test_weight_that_is_not_spent_does_not_pile_up() -> None:
    made = pace(1.0)
    assert [made.wait(80, 3600.0), made.wait(80, 3600.0)] == [0, 1.0]


def test_a_request_heavier_than_a_burst_waits_its_time() -> None:
    assert pace(1.0).wait(240, 0.0) == 2.0


@pytest.mark.parametrize("count", [10, 1000])
def test_a_long_round_keeps_to_the_share(count: int) -> None:
    made, now = pace(2.0), 0.0
    for _ in range(count):
        now += made.wait(40, now)
    assert count * 40 <= 80 * (2.0 + now) + 1e-6
