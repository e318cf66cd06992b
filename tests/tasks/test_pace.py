"""How fast the past is read at most. The clock is the test's own."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.venue import Request
from tasks import pace as pacing
from tasks.pace import Pace, paced


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pacing, "time", found := Clock())
        yield found


@given(st.integers(1, 500), st.lists(st.floats(0, 3), min_size=1, max_size=50))
def test_requests_are_never_closer_than_their_share_of_a_second(clock: Clock, per_second: int, pauses: list[float]) -> None:
    pace, asked = Pace(per_second), []
    for pause in pauses:
        clock.now += pause
        due = clock.now
        pace.keep()
        asked.append(clock.now)
        assert clock.now - due <= 1 / per_second + 1e-9
    assert all(after - before >= 1 / per_second - 1e-9 for before, after in pairwise(asked))


def test_without_a_bound_nothing_waits(clock: Clock) -> None:
    asked: list[float] = []
    fetch = paced(lambda request: asked.append(clock.now), Pace(0))  # type: ignore[arg-type, func-returns-value]
    began = clock.now
    for _ in range(3):
        fetch(Request("poll", "/path", {}, weight=1))
    assert asked == [began] * 3
