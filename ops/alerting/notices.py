"""What people read: the messages of one look as one notice, and the day's word that all is well. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.timetable import SEVERITIES
from ops.alerting.judge import ALERT, RECOVERY, STILL, Alert, Message

#: Alerts that one notice tells of by name; `./farm alert list` shows all.
LISTED = 20
#: Characters of one alert's words: a notice stays small enough for any place.
_LONGEST = 300
_FIGURES = {"rows": "rows", "opened": "gaps found", "filled": "of them filled by now", "restarts": "restarts"}
_HEADS = {ALERT: "{severity}", STILL: "still {severity}", RECOVERY: "over"}


@dataclass(frozen=True, slots=True)
class Notice:
    title: str
    body: str
    severity: str  # one of core.timetable.SEVERITIES, or "over" where there is nothing but good news


@dataclass(frozen=True, slots=True)
class Day:
    """What happened since the last such word. `figures`: rows, opened, filled, restarts; without those that nobody could tell."""

    since: float
    figures: Mapping[str, int] = field(default_factory=dict)
    disks: Mapping[str, float] = field(default_factory=dict)  # folder -> percent
    fired: Sequence[str] = ()


def notice(farm: str, messages: Sequence[Message], runbooks: str) -> Notice:
    """One for all messages of a look, the worst first. `runbooks`: where the pages are."""
    bad = [message for message in messages if message.kind != RECOVERY]
    bad.sort(key=lambda message: -SEVERITIES.index(message.alert.severity))
    good = [message for message in messages if message.kind == RECOVERY]
    severity = bad[0].alert.severity if bad else "over"
    first, *others = [*bad, *good]
    more = f" and {len(others)} more" if others else ""
    title = f"{farm}: {_head(first)}: {first.alert.rule} {first.alert.subject}{more}"
    parts = [_told(message, runbooks) for message in [*bad, *good][:LISTED]]
    if len(messages) > LISTED:
        parts.append(f"and {len(messages) - LISTED} more: ./farm alert list")
    return Notice(title, "\n\n".join(parts), severity)


def _head(message: Message) -> str:
    return _HEADS[message.kind].format(severity=message.alert.severity)


def _told(message: Message, runbooks: str) -> str:
    alert = message.alert
    lasted = (
        f"from {moment(alert.since)} to {moment(alert.cleared or message.at)}"
        if message.kind == RECOVERY
        else f"since {moment(alert.since)}"
    )
    return (
        f"{_head(message).upper()}: {alert.rule} {alert.subject}\n{alert.words[:_LONGEST]}\n{lasted}\nwhat to do: {runbooks}/{alert.page}"
    )


def daily(farm: str, day: Day, firing: Sequence[Alert]) -> Notice:
    """Proves that messages arrive, so that silence is a sign; what is wrong stands in its title."""
    state = "all is well" if not firing else f"{len(firing)} alerts are firing" if len(firing) > 1 else "an alert is firing"
    lines = [f"since {moment(day.since)}"]
    lines += [f"  {what}: {day.figures[name]:,}" for name, what in _FIGURES.items() if name in day.figures]
    lines += [f"  disk of {folder}: {percent:.0f} %" for folder, percent in day.disks.items()]
    lines += [f"firing: {alert.rule} {alert.subject}, since {moment(alert.since)}: {alert.words[:_LONGEST]}" for alert in firing[:LISTED]]
    lines += [f"fired: {words[:_LONGEST]}" for words in day.fired]
    return Notice(f"{farm}: {state}", "\n".join(lines), "warning" if firing else "info")


def moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
