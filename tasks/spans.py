"""Algebra of spans: what of a range is there, and what is left to ask for. Pure.

A span is (start, stop) of whole numbers, the stop not included; lists of spans are in order, apart, and without empty ones.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

Span = tuple[int, int]


def holes(start: int, stop: int, numbers: Any) -> list[Span]:
    """What of [start, stop) is not among the numbers: an int64 array in any order, repeats and strangers allowed."""
    inside = np.unique(numbers[(numbers >= start) & (numbers < stop)])
    edges = np.concatenate(([start - 1], inside, [stop]))
    before = np.flatnonzero(np.diff(edges) > 1)
    return [(int(edges[i]) + 1, int(edges[i + 1])) for i in before] if stop > start else []


def size(spans: Iterable[Span]) -> int:
    return sum(stop - start for start, stop in spans)
