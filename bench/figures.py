"""What a stage reports: figures, each with its bar, and the word on how it was measured."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """`unit` and the value to reach; `at_least` says on which side of it is good."""

    name: str
    unit: str
    bar: float
    at_least: bool = False

    def figure(self, value: float, how: str, *, valid: bool = True) -> "Figure":
        """`valid` is false where the run was not what the bar speaks of: such a figure meets nothing."""
        reached = value >= self.bar if self.at_least else value <= self.bar
        return Figure(self.name, round(value, 4), self.unit, self.bar, reached and valid, how)


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    unit: str
    bar: float
    met: bool
    how: str

    def document(self) -> dict[str, Any]:
        return asdict(self)


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the ratios of neighbouring runs: what slows the machine for a minute slows both of a pair."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def spread(values: Sequence[float], form: Callable[[float], str] = "{:.2f}".format) -> str:
    """`median (least to greatest)`, for a `how`."""
    return f"{form(median(values))} ({form(min(values))} to {form(max(values))})"


def thousands(value: float) -> str:
    return f"{value / 1000:.0f}k"
