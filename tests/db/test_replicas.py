"""What no replica heard, told from what each missed."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.replicas import Deaf, Hearing, Outage, deaf, without


def outage(number: int, replica: str, start: float, stop: float) -> Outage:
    """Event times are 1,000 below ours."""
    event_from, event_to = (None if abs(at) == inf else int(at) - 1000 for at in (start, stop))
    return Outage(number, replica, start, stop, event_from, event_to)


def hears(replica: str, start: float = 0, stop: float = 100, *, fresh: bool = True) -> Hearing:
    return Hearing(replica, start, stop, None if abs(stop) == inf else int(stop) - 1000, fresh)


def spans(parts: list[Deaf]) -> list[tuple[float, float]]:
    return [(part.from_us, part.to_us) for part in parts]


A, B = hears("a"), hears("b")


@pytest.mark.parametrize(
    ("own", "others", "hearings", "left"),
    [
        pytest.param((10, 20), [], [A], [(10, 20)], id="alone"),
        pytest.param((10, 10), [], [A], [(10, 10)], id="alone, for a moment"),
        pytest.param((10, inf), [], [A], [(10, inf)], id="alone, and it lasts"),
        pytest.param((10, 20), [], [A, B], [], id="the other heard"),
        pytest.param((10, 10), [], [A, B], [], id="the other heard at the moment"),
        pytest.param((10, 20), [], [A, hears("b", stop=14)], [(14, 20)], id="of the other nobody knows yet"),
        pytest.param((10, 20), [], [A, hears("b", 13)], [(10, 13)], id="the other began later"),
        pytest.param((10, 20), [], [A, hears("b", inf, 15)], [(10, 20)], id="the other has never heard"),
        pytest.param((10, 20), [(5, 12)], [A, B], [(10, 12)], id="the other was deaf at first"),
        pytest.param((10, 20), [(15, 30)], [A, B], [], id="the hole is told by who fell deaf last"),
        pytest.param((10, 20), [(5, 30)], [A, B], [(10, 20)], id="the other was deaf for longer"),
        pytest.param((10, 20), [(20, 30)], [A, B], [], id="one after the other"),
        pytest.param((10, inf), [], [A, B], [], id="it lasts, and the other lives"),
        pytest.param((10, inf), [], [A, hears("b", stop=60, fresh=False)], [(60, inf)], id="it lasts, and nothing is heard of the other"),
        pytest.param((10, inf), [(5, inf)], [A, B], [(10, inf)], id="both are deaf"),
        pytest.param((10, inf), [(5, 40)], [A, B], [(10, 40)], id="both were deaf"),
        pytest.param((10, 20), [(5, 30)], [A, B, hears("c")], [], id="a third heard"),
    ],
)
def test_a_hole_is_what_no_replica_heard(
    own: tuple[float, float], others: list[tuple[float, float]], hearings: list[Hearing], left: list[tuple[float, float]]
) -> None:
    mine = outage(1, "a", *own)
    assert spans(deaf(mine, [mine, *(outage(2 + i, "b", *span) for i, span in enumerate(others))], hearings)) == left


def test_a_hole_has_the_venues_times_of_those_who_heard_at_its_ends() -> None:
    mine, other = outage(1, "a", 10, 20), outage(2, "b", 5, 12)
    assert deaf(mine, [mine, other], [A, B]) == [Deaf(10, 12, -990, -988)]
    assert deaf(mine, [mine], [A, hears("b", stop=14)]) == [Deaf(14, 20, -986, -980)]
    moment = Outage(1, "a", 10, 10, 2, 5)
    assert deaf(moment, [moment], [A]) == [Deaf(10, 10, 2, 5)]


def test_a_word_that_one_heard_earlier_does_not_turn_a_hole_round() -> None:
    mine, other = Outage(1, "a", 10, 20, 500, 600), Outage(2, "b", 5, 12, 480, 490)
    assert deaf(mine, [mine, other], [A, B]) == [Deaf(10, 12, 500, 500)]


ticks = st.lists(st.booleans(), min_size=12, max_size=12)


@given(st.dictionaries(st.sampled_from("abc"), ticks, min_size=1))
def test_holes_are_just_the_moments_at_which_all_are_deaf_and_each_is_told_once(lives: dict[str, list[bool]]) -> None:
    outages: list[Outage] = []
    for replica, alive in lives.items():
        heard = [-1, *(tick for tick, hears in enumerate(alive) if hears), len(alive)]
        outages += [outage(0, replica, a, b) for a, b in pairwise(heard) if b > a + 1]
    outages = [Outage(number, one.replica, one.from_us, one.to_us) for number, one in enumerate(outages)]
    hearings = [hears(replica, -1, 12) for replica in lives]
    told = [span for one in outages for span in spans(deaf(one, outages, hearings))]
    halves = [half + 0.5 for half in range(-1, 12)]
    silent = [half for half in halves if all(any(o.replica == r and o.from_us < half < o.to_us for o in outages) for r in lives)]
    assert [half for half in halves if any(a < half < b for a, b in told)] == silent
    assert sum(b - a for a, b in told) == len(silent), "none is told twice"


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_what_is_taken_over_is_left_out(start: int, size: int, left: int, width: int) -> None:
    parts = without([(start, start + size)], (left, left + width))
    halves = {half + 0.5 for half in range(start, start + size) if not left < half + 0.5 < left + width}
    assert {half + 0.5 for a, b in parts for half in range(int(a), int(b))} == halves
