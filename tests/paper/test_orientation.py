"""Which outcome of each market is YES of the question that both ask."""

import pytest

from paper.orientation import Sides, opposed, sides
from paper.wording import worded

ONE, BOTH, NAMED = (("T", "Above"),), (("y", "Yes"), ("n", "No")), (("p", "Portugal"), ("s", "Spain"))
CAUTION = "outcomes have names: look which of them is yes"


@pytest.mark.parametrize(
    ("title", "other", "turned"),
    [
        ("Will the border of Oz be open by Nov 23?", "Border of Oz still closed on November 23?", True),
        ("Will Ada Norrby win the Oslo election?", "Will anyone other than Ada Norrby win the Oslo election?", True),
        ("Will Ada Norrby not win the Oslo election?", "Will anyone other than Ada Norrby win the Oslo election?", False),
        ("Will Bitcoin rise above $90,000?", "Will Bitcoin fall below $90,000?", True),
        ("Bitcoin not above $90,000?", "Bitcoin below $90,000?", False),
        ("Bitcoin up or down on Nov 23?", "Bitcoin: up on Nov 23?", False),
        ("Bitcoin between $90,000 and $91,000", "Bitcoin below $90,000", False),
        ("Fed hike by 25bps?", "Fed cut by 25bps?", False),
    ],
)
def test_above_and_below_contraries_and_a_not_turn_the_question_round(title: str, other: str, turned: bool) -> None:
    assert opposed(worded(title), worded(other)) is opposed(worded(other), worded(title)) is turned


@pytest.mark.parametrize(
    ("a", "b", "title", "other", "found"),
    [
        (ONE, BOTH, "above 5", "above 5", ("T", "y")),
        (ONE, tuple(reversed(BOTH)), "above 5", "above 5", ("T", "y")),
        (BOTH, ONE, "below 5", "above 5", ("n", "T")),
        (BOTH, BOTH, "below 5", "above 5", ("y", "n")),
        (ONE, NAMED, "Will Portugal advance?", "Portugal vs Spain", ("T", "p")),
        (NAMED, ONE, "Portugal vs Spain", "Will Spain advance?", ("s", "T")),
        (NAMED, tuple(reversed(NAMED)), "Portugal vs Spain", "Spain vs Portugal", ("p", "p")),
        (ONE, NAMED, "Will Portugal beat Spain?", "Portugal vs Spain", ("T", None)),
        (((("T", "Spain"),)), NAMED, "Will Portugal beat Spain?", "Portugal vs Spain", ("T", "s")),
    ],
)
def test_yes_of_either_side_as_far_as_names_tell(a: tuple, b: tuple, title: str, other: str, found: tuple) -> None:  # type: ignore[type-arg]
    told = sides(a, b, worded(title), worded(other))
    assert told is not None and (told.a, told.b) == found


def test_the_other_answer_of_two_single_instruments_cannot_be_had() -> None:
    assert sides(ONE, ONE, worded("above 5"), worded("below 5")) is None
    assert sides(ONE, ONE, worded("above 5"), worded("above 5")) == Sides("T", "T")


def test_names_are_a_caution() -> None:
    told = sides(ONE, NAMED, worded("Will Portugal advance?"), worded("Portugal vs Spain"))
    assert told is not None and told.caution == CAUTION
