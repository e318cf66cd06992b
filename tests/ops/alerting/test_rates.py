"""Growth of counters within the hour."""

from hypothesis import given
from hypothesis import strategies as st

from ops.alerting.rates import HOUR_SECONDS, HourlyGrowth


def test_only_what_grows_before_our_eyes_counts_and_only_for_an_hour() -> None:
    growth = HourlyGrowth()
    assert growth.look({"a": 50}, 0.0) == {"a": 0}
    assert growth.look({"a": 53}, 10.0) == {"a": 3}
    assert growth.look({"a": 54}, 20.0) == {"a": 4}
    assert growth.look({"a": 54}, 10.0 + HOUR_SECONDS) == {"a": 1}
    assert growth.look({"a": 54}, 20.0 + HOUR_SECONDS) == {"a": 0}


def test_a_counter_that_fell_has_begun_anew() -> None:
    growth = HourlyGrowth()
    growth.look({"a": 50}, 0.0)
    assert growth.look({"a": 2}, 10.0) == {"a": 2}


def test_a_counter_that_turns_up_later_began_at_nothing() -> None:
    growth = HourlyGrowth()
    growth.look({}, 0.0)
    assert growth.look({"a": 7}, 10.0) == {"a": 7}
    assert growth.look({}, 20.0) == {}


@given(st.lists(st.tuples(st.floats(0.1, 900), st.integers(0, 20)), max_size=60))
def test_it_is_the_growth_of_the_last_hour(steps: list[tuple[float, int]]) -> None:
    growth, now, total = HourlyGrowth(), 0.0, 100
    growth.look({"a": total}, now)
    grown: list[tuple[float, int]] = []
    for seconds, more in steps:
        now, total = now + seconds, total + more
        grown.append((now, more))
        assert growth.look({"a": total}, now)["a"] == sum(count for at, count in grown if at > now - HOUR_SECONDS)
