"""What Grafana makes of a statement or an expression before it sends it: variables first, in the browser, then macros, in its data source."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

Value = str | Sequence[str]

_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
#: Written $__name, or with round brackets by data sources.
_MACROS = {"__timeFilter", "__timeFrom", "__timeTo", "__timeGroup", "__timeGroupAlias"}
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31557600}


@dataclass(frozen=True)
class Moment:
    """The time that a reader has chosen, and what is chosen in the variables."""

    since: datetime
    until: datetime
    chosen: Mapping[str, Value] = field(default_factory=dict)
    points: int = 1000  # as many as a panel is wide
    scrape_seconds: float = 15.0  # of the data source for Prometheus

    @property
    def interval_seconds(self) -> float:
        """Never below the least interval of the data sources."""
        return max(5.0, round((self.until - self.since).total_seconds() / self.points))

    def sql(self, text: str) -> str:
        def macro(found: re.Match[str]) -> str:
            return self._macro(found[1], [word.strip() for word in found[2].split(",")])

        return _MACRO.sub(macro, _VARIABLE.sub(self._of_sql, text))

    def promql(self, text: str) -> str:
        return _VARIABLE.sub(self._of_promql, text)

    def _macro(self, name: str, words: list[str]) -> str:
        since, until = (f"'{_text(at)}'" for at in (self.since, self.until))
        match name:
            case "__timeFilter":
                return f"{words[0]} BETWEEN {since} AND {until}"
            case "__timeFrom":
                return since
            case "__timeTo":
                return until
            case "__timeGroup":  # as with `timescaledb: true`
                return f"time_bucket('{seconds(words[1].strip(chr(39))):.3f}s',{words[0]})"
            case "__timeGroupAlias":
                return f'{self._macro("__timeGroup", words)} AS "time"'
        raise ValueError(f"a macro that nobody expands: {name}")

    def _of_sql(self, found: re.Match[str]) -> str:
        name, form = found[1] or found[3], found[2]
        if name in _MACROS:
            return found[0]
        if name == "__interval":
            return f"{self.interval_seconds:g}s"
        value = self.chosen[name]
        if form != "sqlstring":
            raise ValueError(f"{name} stands in a statement without being quoted: write ${{{name}:sqlstring}}")
        return ",".join("'" + one.replace("'", "''") + "'" for one in ([value] if isinstance(value, str) else value))

    def _of_promql(self, found: re.Match[str]) -> str:
        name = found[1] or found[3]
        if name in {"__interval", "__rate_interval"}:
            least = 0 if name == "__interval" else max(self.interval_seconds + self.scrape_seconds, 4 * self.scrape_seconds)
            return f"{max(self.interval_seconds, least):g}s"
        value = self.chosen[name]
        if isinstance(value, str):
            return value
        return "(" + "|".join(re.escape(one).replace("\\", "\\\\") for one in value) + ")"


def seconds(interval: str) -> float:
    """Of `5m` or `1d`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", interval)
    if found is None:
        raise ValueError(f"no interval: {interval}")
    return float(found[1]) * _UNITS[found[2]]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
