from itertools import islice
from random import Random

import pytest

from streamers.backoff import delays


class Highest(Random):
    """Draws the ceiling each time, so that the ceilings can be seen."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_ceilings_double_up_to_the_cap() -> None:
    assert list(islice(delays(Highest()), 9)) == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_delays_are_drawn_from_zero_to_the_ceiling() -> None:
    found = [round(delay, 3) for delay in islice(delays(Random(7)), 5)]
    assert found == [0.162, 0.151, 1.302, 0.29, 4.287]


@pytest.mark.parametrize(("first", "cap", "expected"), [(0.1, 3.0, [0.1, 0.2, 0.4]), (5.0, 2.0, [2.0, 2.0, 2.0])])
def test_first_and_cap_can_be_chosen(first: float, cap: float, expected: list[float]) -> None:
    assert list(islice(delays(Highest(), first_seconds=first, cap_seconds=cap), 3)) == expected
