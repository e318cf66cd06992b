"""What a panel asks and how it looks, in Grafana's words where it has them (units, kinds of panels, colours)."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

Kind = Literal["timeseries", "stat", "table", "gauge", "heatmap", "state-timeline", "candlestick", "xychart"]

PROMETHEUS = {"type": "prometheus", "uid": "tapefarm-prometheus"}
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "tapefarm-postgres"}

GOOD, WARN, BAD, CALM, PALE = "green", "orange", "red", "blue", "text"


class Filled(Enum):
    """Where a panel has something to show while the farm is well; its test goes by it."""

    ALWAYS = "for every choice of the variables"
    SOMEWHERE = "for some choice: not every venue has options or whole books, not every instrument is traded"
    SOMETIMES = "only when something has happened"


@dataclass(frozen=True)
class Sql:
    """A statement of PostgreSQL with Grafana's macros. It ends in a LIMIT, and is bounded in time where its tables grow."""

    text: str
    #: `table`: rows as they are; `time_series`: a column `time`, numbers, and words that tell series apart.
    format: Literal["table", "time_series"] = "table"

    @property
    def statement(self) -> str:
        return textwrap.dedent(self.text).strip()


@dataclass(frozen=True)
class Prom:
    """An expression of Prometheus, and what a series of it is called; `instant`: as it is now."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    format: Literal["time_series", "table", "heatmap"] = "time_series"


Target = Sql | Prom


@dataclass(frozen=True)
class Look:
    """How the values of one column, or of all, are shown. `steps`: (colour, from this value on), the first from nothing on."""

    unit: str = ""
    decimals: int | None = None
    steps: Sequence[tuple[str, float | None]] = ()
    #: value -> (word, colour)
    words: Mapping[float | str, tuple[str, str]] = field(default_factory=dict)
    least: float | None = None
    most: float | None = None
    colour: str = ""
    #: Grafana's `custom` of the kind of panel.
    custom: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        plain = {"unit": self.unit or None, "decimals": self.decimals, "min": self.least, "max": self.most}
        made: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
        if self.steps:
            made["thresholds"] = {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in self.steps]}
            if "thresholdsStyle" not in self.custom:  # where the bounds are drawn, lines keep colours of their own
                made["color"] = {"mode": "thresholds"}
        if self.colour:
            made["color"] = {"mode": "fixed", "fixedColor": self.colour}
        if self.words:
            told = {str(value): {"text": word, "color": colour, "index": n} for n, (value, (word, colour)) in enumerate(self.words.items())}
            made["mappings"] = [{"type": "value", "options": told}]
        if self.custom:
            made["custom"] = dict(self.custom)
        return made


@dataclass(frozen=True)
class Panel:
    """`title` is a question, `says` what an answer means. `columns`: how single columns or series look."""

    title: str
    kind: Kind
    says: str
    targets: Sequence[Target]
    look: Look = Look()
    columns: Mapping[str, Look] = field(default_factory=dict)
    width: int = 8  # of 24
    height: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)
    runbooks: Sequence[str] = ()  # pages of ops/runbooks/
    filled: Filled = Filled.ALWAYS


@dataclass(frozen=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """What a reader chooses: the rows of a statement, the first one unless he does. `several`: more than one, and all of them at first."""

    name: str
    label: str
    choices: Sql
    several: bool = False


@dataclass(frozen=True)
class Dashboard:
    name: str
    title: str
    says: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()
    since: str = "now-6h"
    refresh: str = "30s"
