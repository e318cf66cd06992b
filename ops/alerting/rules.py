"""alerts.toml: what to call for help about. Typed and checked on reading; a line that cannot be used is named in a sentence."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.settings import ROOT, SettingsError
from core.timetable import SEVERITIES, seconds

RUNBOOKS = ROOT / "ops" / "runbooks"
#: What can be measured, and what of. ops/alerting/facts.py gathers them; what nobody tells of yet is measured nowhere and rings for nothing.
MEASURES = {
    "venue_silence_seconds": "since a venue brought any data",
    "stream_overdue_seconds": "silence of a stream beyond what its channel allows, where no replica records it",
    "backlog_age_seconds": "age of the oldest entry of a stream that is not written yet",
    "canary_age_seconds": "since somebody consumed a queue; each is rung once a minute",
    "beat_silence_seconds": "since any queue was rung",
    "server_away_seconds": "since PostgreSQL or Redis answered the watcher",
    "program_down": "1 for a program of this host (a container of the stack) that does not run, and that no replica stands in for",
    "restarts_per_hour": "starts of a program that nobody asked for, in the last hour",
    "errors_per_hour": "failures of a task in the last hour",
    "quarantined_per_hour": "frames of a stream that could not be read, in the last hour",
    "gaps_per_hour": "gaps of a channel found in the last hour, without those that the venue planned",
    "archive_behind_seconds": "age of the oldest journal entry of a channel that is not in the raw archive",
    "archive_missed_per_hour": "journal entries of a stream that were trimmed before they were archived, in the last hour",
    "upload_behind_hours": "since the oldest file of the archive was closed that is not in other storage",
    "disk_percent": "use of the disk under a folder of the farm",
    "memory_percent": "use of the machine's memory",
    "rollups_age_seconds": "since rolling up had nothing left to do",
    "export_age_hours": "since all closed days were exported (fact export:parquet)",
    "backup_age_hours": "since a good backup was taken (subjects hourly, daily), or since a restored one was proven to be whole (proof)",
    "risk_halt": "1 while an engine is halted by its risk limits (fact halt:NAME with a reason)",
    "pair_suspended": "1 for a confirmed pair of markets that the farm has suspended, until a person decides of it",
    "rules_unreadable": "1 while alerts.toml cannot be used; the rules read before it stay in force",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_FIELDS = {"measure", "above", "severity", "for", "clear", "repeat", "only", "runbook", "enabled"}
#: How often the watcher may look, in seconds.
_OFTENEST, _SELDOMEST = 1.0, 300.0


@dataclass(frozen=True, slots=True)
class Rule:
    """`hold_seconds`: the measure has to be above so long; `clear_seconds`: and not above so long until it is over; `only`: a pattern of
    subjects as of a shell; `repeat_seconds`: an alert that lasts is told again so often."""

    name: str
    measure: str
    above: float
    severity: str = "warning"
    hold_seconds: float = 0.0
    clear_seconds: float = 60.0
    repeat_seconds: float = 14_400.0
    only: str = "*"
    runbook: str = ""

    @property
    def page(self) -> str:
        return f"{self.runbook or self.name}.md"


_DEFAULTS = Rule("", "", 0.0)
#: In force whatever the file says, as it tells of the file.
UNREADABLE = Rule("rules-unreadable", "rules_unreadable", 0.0, "critical")


@dataclass(frozen=True, slots=True)
class Rules:
    look_seconds: float = 15.0
    rules: Mapping[str, Rule] = field(default_factory=lambda: {UNREADABLE.name: UNREADABLE})


def read(path: Path) -> Rules:
    """Raises SettingsError naming the line's key when it cannot be used."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing: it says what to call for help about; take the one of the repository") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path} cannot be read: {exc}") from exc
    look = _duration(f"{path}: look_every", document.pop("look_every", Rules().look_seconds))
    _check(_OFTENEST <= look <= _SELDOMEST, f"{path}: look_every", look, f"{_OFTENEST:.0f} s to {_SELDOMEST / 60:.0f} m")
    found = [_rule(path, name, table) for name, table in document.items() if _enabled(f"{path}: {name}", table)]
    return Rules(look, {rule.name: rule for rule in (*found, UNREADABLE)})


def _enabled(where: str, table: Any) -> bool:
    _check(isinstance(table, dict), where, table, "a table: [NAME] with a measure and a threshold")
    _check(isinstance(table.get("enabled", True), bool), f"{where}.enabled", table.get("enabled"), "true or false")
    return bool(table.get("enabled", True))


def _rule(path: Path, name: str, table: Mapping[str, Any]) -> Rule:
    where = f"{path}: {name}"
    _check(bool(_NAME.fullmatch(name)) and name != UNREADABLE.name, where, name, "a name of lower-case letters, digits and hyphens")
    unknown = set(table) - _FIELDS
    _check(not unknown, where, sorted(unknown), f"only {', '.join(sorted(_FIELDS))}")
    measure, above, severity = table.get("measure"), table.get("above"), table.get("severity", _DEFAULTS.severity)
    only, runbook = table.get("only", _DEFAULTS.only), table.get("runbook", name)
    _check(measure in MEASURES, f"{where}.measure", measure, f"one of {', '.join(MEASURES)}")
    _check(isinstance(above, int | float) and not isinstance(above, bool) and above >= 0, f"{where}.above", above, "a number from 0 up")
    _check(severity in SEVERITIES, f"{where}.severity", severity, ", ".join(SEVERITIES))
    _check(isinstance(only, str) and bool(only), f"{where}.only", only, "a pattern of subjects, such as 'venue*'")
    known = isinstance(runbook, str) and bool(_NAME.fullmatch(runbook)) and (RUNBOOKS / f"{runbook}.md").is_file()
    _check(known, f"{where}.runbook", runbook, f"the name of a page in {RUNBOOKS}")
    hold, clear, repeat = (
        _duration(f"{where}.{key}", table.get(key, default))
        for key, default in (("for", _DEFAULTS.hold_seconds), ("clear", _DEFAULTS.clear_seconds), ("repeat", _DEFAULTS.repeat_seconds))
    )
    _check(repeat >= 1, f"{where}.repeat", repeat, "a second at least")
    return Rule(name, str(measure), float(above or 0), str(severity), hold, clear, repeat, only, runbook)


def _duration(where: str, value: Any) -> float:
    """Seconds of `90 s`, `5 m`, `4 h`, `1 d`, or of a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    try:
        return seconds(str(value))
    except ValueError:
        raise SettingsError(f"{where}={value!r} cannot be used: give a time such as '90 s', '5 m' or '4 h'") from None


def _check(ok: bool, where: str, value: object, wanted: str) -> None:
    if not ok:
        raise SettingsError(f"{where}={value!r} cannot be used: give {wanted}")
