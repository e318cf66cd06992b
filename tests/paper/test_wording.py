"""What a title says, in words that both houses' titles share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.wording import days_agree, numbers_agree, worded


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Will Félix Auger-Aliassime be the 2026 Men’s Wimbledon winner?", "felix auger aliassime men wimbledon win"),
        ("Will Felix Auger-Aliassime win the Wimbledon Men's Singles?", "felix auger aliassime win wimbledon men single"),
        ("Will the Federal Reserve Cut rates by 25bps at their July 2026 meeting?", "fed cut rate bp meeting"),
        ("Will the Fed decrease interest rates by 25 bps after the July 2026 meeting?", "fed cut interest rate bp meeting"),
        ("Will the Federal Reserve Hike rates by 0bps at their July 2026 meeting?", "fed unchanged meeting"),
        ("Will there be no change in Fed interest rates after the July 2026 meeting?", "unchanged fed interest rate meeting"),
        ("USA vs Belgium: To Advance", "usa belgium advance"),
        ("United States vs. Belgium: Team to Advance", "usa belgium team advance"),
        ("Will U.S. GDP rise?", "usa gdp rise"),
        ("LeBron James's next team", "lebron jame next team"),
        ("", ""),
        ("？！…", ""),
    ],
)
def test_words_without_what_only_one_house_writes(title: str, words: str) -> None:
    assert worded(title).text == words


@pytest.mark.parametrize(
    ("title", "days"),
    [
        ("Will it rain on July 6, 2026?", {(2026, 7, 6)}),
        ("Highest temperature in NYC on Jul 6?", {(0, 7, 6)}),
        ("on 6 July 2026 or 2026-07-07", {(2026, 7, 6), (2026, 7, 7)}),
        ("Fed decision in July?", {(0, 7, 0)}),
        ("at their July 2026 meeting", {(2026, 7, 0)}),
        ("Will X happen by Sept. 30th, 2026?", {(2026, 9, 30)}),
        ("before 2027", {(2026, 0, 0)}),
        ("in 2026-27?", {(2026, 0, 0), (2027, 0, 0)}),
        ("He may march 5 miles", {(0, 3, 5)}),
        ("He may do so", set()),
        ("Wimbledon 2026", {(2026, 0, 0)}),
    ],
)
def test_days_however_they_are_written(title: str, days: set[tuple[int, int, int]]) -> None:
    assert worded(title).days == days


@pytest.mark.parametrize(
    ("title", "numbers", "sense"),
    [
        ("Bitcoin above $100,000?", {100_000.0}, "above"),
        ("Will BTC be above 100k on Nov 23, 2026?", {100_000.0}, "above"),
        ("$99,999.99 or more", {99_999.99}, "above"),
        ("Bitcoin < $1.5m", {1_500_000.0}, "below"),
        ("CPI between 3.1% and 3.2%", {3.1, 3.2}, "between"),
        ("Fed cut by 25bps", {25.0}, ""),
        ("Will the high temp in NYC be >85° on Jul 6, 2026?", {85.0}, "above"),
        ("Juan Soto: 2+ hits?", {2.0}, "above"),
        ("the 118th Congress", {118.0}, ""),
        ("at 5pm EST", set(), ""),
        ("M15 Messina", set(), ""),
    ],
)
def test_numbers_and_in_which_sense(title: str, numbers: set[float], sense: str) -> None:
    said = worded(title)
    assert (said.numbers, said.sense) == (numbers, sense)


def test_times_of_day_are_no_numbers() -> None:
    said = worded("Bitcoin Up or Down - July 24, 5:00AM-5:15AM ET")
    assert (said.times, said.numbers, said.days) == ({300, 315}, frozenset(), {(0, 7, 24)})


def test_names_are_what_is_written_with_a_capital() -> None:
    assert worded("Will Jannik Sinner win the Wimbledon Men's Singles?").names == {"jannik", "sinner", "wimbledon", "men", "single"}


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("on July 6, 2026", "July 6", True),
        ("by December 31, 2026", "before January 1, 2027", True),
        ("on July 6", "on July 8", False),
        ("in July 2026", "July 29, 2026", True),
        ("in July", "in August", False),
        ("in July 2026", "in July 2027", False),
        ("in 2026", "before 2027", True),
        ("in 2026", "in 2028", False),
        ("in 2026", "in July", None),
        ("in 2026", "", None),
    ],
)
def test_days_agree_when_they_may_be_the_same_midnight(one: str, other: str, agree: bool | None) -> None:
    a, b = worded(one).days, worded(other).days
    assert days_agree(a, b) is days_agree(b, a) is agree


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ({100_000}, {100_000}, True),
        ({99_999.99}, {100_000}, True),
        ({100_000}, {110_000}, False),
        ({500, 6000}, {500, 6100}, False),
        ({16}, set(), None),
        (set(), set(), True),
    ],
)
def test_numbers_agree_unless_each_side_has_one_of_its_own(one: set[float], other: set[float], agree: bool | None) -> None:
    assert numbers_agree(frozenset(one), frozenset(other)) is numbers_agree(frozenset(other), frozenset(one)) is agree


@given(st.text(max_size=2000))
def test_any_text_has_a_wording(text: str) -> None:
    said = worded(text)
    assert said.names <= set(said.words) and len(set(said.words)) == len(said.words)


@given(st.text(alphabet="abc JulyMay0123456789,.-:/$%+'", max_size=120))
def test_odd_days_and_numbers_break_nothing(text: str) -> None:
    said = worded(text)
    assert days_agree(said.days, said.days) is not False
    assert numbers_agree(said.numbers, said.numbers) is True
