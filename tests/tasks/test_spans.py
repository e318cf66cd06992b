"""The algebra of what is there and what is left: it neither loses a number nor asks for one twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.spans import Span, holes, size

numbers = st.lists(st.integers(-5, 60), max_size=80)


def among(found: list[Span]) -> set[int]:
    return {number for start, stop in found for number in range(start, stop)}


def in_order_and_apart(found: list[Span]) -> bool:
    ends = [end for span in found for end in span]
    return all(start < stop for start, stop in found) and all(a < b for a, b in zip(ends[1:-1:2], ends[2::2], strict=True))


@pytest.mark.parametrize(
    ("there", "left"),
    [
        ([], [(5, 9)]),
        ([5, 6, 7, 8], []),
        ([7], [(5, 7), (8, 9)]),
        ([8, 5, 5], [(6, 8)]),
        ([4, 9, 100], [(5, 9)]),
    ],
    ids=str,
)
def test_what_is_left_of_five_to_eight(there: list[int], left: list[Span]) -> None:
    assert holes(5, 9, np.array(there, np.int64)) == left


@given(start=st.integers(0, 60), length=st.integers(0, 60), there=numbers)
def test_holes_and_what_is_there_make_up_the_whole(start: int, length: int, there: list[int]) -> None:
    whole = set(range(start, start + length))
    found = holes(start, start + length, np.array(there, np.int64))
    assert among(found) == whole - set(there)
    assert in_order_and_apart(found)
    assert size(found) == len(whole - set(there))


@given(length=st.integers(1, 60), there=numbers, pages=st.lists(numbers, max_size=5))
def test_whatever_arrives_in_whatever_order_only_shrinks_what_is_left(length: int, there: list[int], pages: list[list[int]]) -> None:
    left = among(holes(0, length, np.array(there, np.int64)))
    for page in pages:
        there = there + page
        now = among(holes(0, length, np.array(there, np.int64)))
        assert now == left - set(page)
        left = now
