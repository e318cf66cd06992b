"""venues.options: what an operator may write below [venues.NAME.universe]."""

import pytest

from venues import options

KNOWN = {"by": "volume", "tags": (), "least": 0.5, "closed": False}


def test_what_is_left_out_keeps_its_default() -> None:
    assert options.checked({}, KNOWN) == KNOWN


def test_values_of_the_right_kind_are_taken() -> None:
    assert options.checked({"by": "liquidity", "tags": ["a", "b"], "least": 2, "closed": True}, KNOWN) == {
        "by": "liquidity",
        "tags": ("a", "b"),
        "least": 2.0,
        "closed": True,
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bye": 1}, "bye: no such option; there are: by, tags, least, closed"),
        ({"by": 3}, "by = 3: give a value like 'volume'"),
        ({"tags": "a"}, "tags = 'a': give a list of texts"),
        ({"tags": [""]}, "give a list of texts"),
        ({"least": True}, "give a value like 0.5"),
        ({"closed": 1}, "give a value like False"),
    ],
)
def test_another_is_an_error_that_says_what_would_do(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        options.checked(given, KNOWN)
