"""Facts and rules in, alerts and messages out. Pure: what is remembered and what time it is are given.

An alert is one episode of one rule and one subject: it begins with the first look that finds the measure above its bound, fires when that
has lasted long enough, and is over when the measure has stayed within its bound long enough. A measure that could not be taken changes
nothing: nobody is told that all is well again because nobody could look.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from core.timetable import Quiet
from ops.alerting.rules import Rule

ALERT, STILL, RECOVERY = "alert", "still", "recovery"


@dataclass(frozen=True, slots=True)
class Reading:
    """A measure's value of one subject, and the same in words. `seen`: so much of a duration has passed before the watcher's own eyes, where
    that is less; a new alert needs that much, so that what was off while the watcher was off has time to begin."""

    value: float
    words: str
    seen: float | None = None


#: measure -> subject -> reading. A measure that is not in it could not be taken.
Facts = Mapping[str, Mapping[str, Reading]]
#: (rule, subject)
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """Times are seconds of the epoch. `fired`, `cleared`, `last_sent`: None while that has not happened; `sent`: messages that told of it."""

    rule: str
    subject: str
    severity: str
    since: float
    value: float
    words: str
    page: str
    fired: float | None = None
    cleared: float | None = None
    ended: float | None = None
    last_sent: float | None = None
    sent: int = 0

    @property
    def key(self) -> Key:
        return self.rule, self.subject


@dataclass(frozen=True, slots=True)
class Message:
    kind: str
    alert: Alert
    at: float


def judge(
    rules: Mapping[str, Rule], facts: Facts, known: Mapping[Key, Alert], now: float, quiet: Quiet | None
) -> tuple[dict[Key, Alert], list[Message], list[Alert]]:
    """(alerts to remember, messages to send, alerts that are over). One that ended and whose recovery is owed is remembered until told."""
    kept: dict[Key, Alert] = {}
    messages: list[Message] = []
    over: list[Alert] = []
    for key, (rule, reading) in _watched(rules, facts, known).items():
        alert = _after(rule, reading, known.get(key), key, facts, now)
        if alert is None:
            continue
        message = _message(rule, reading, alert, now, quiet)
        if message is not None:
            messages.append(message)
            alert = message.alert
        finished = alert.ended is not None and (message is not None or not alert.sent)
        if not finished:
            kept[key] = alert
        elif alert.fired is not None:
            over.append(alert)
    return kept, messages, over


def _watched(rules: Mapping[str, Rule], facts: Facts, known: Mapping[Key, Alert]) -> dict[Key, tuple[Rule | None, Reading | None]]:
    """What to look at: everything remembered, and every subject that is above the bound of a rule."""
    found: dict[Key, tuple[Rule | None, Reading | None]] = {}
    for key, alert in known.items():
        rule = rules.get(alert.rule)
        found[key] = (rule, facts.get(rule.measure, {}).get(alert.subject) if rule else None)
    for rule in rules.values():
        for subject, reading in facts.get(rule.measure, {}).items():
            seen = reading.value if reading.seen is None else min(reading.seen, reading.value)
            if _is_above(rule, subject, seen):
                found[rule.name, subject] = (rule, reading)
    return found


def _is_above(rule: Rule, subject: str, value: float) -> bool:
    return value > rule.above and fnmatchcase(subject, rule.only)


def _after(rule: Rule | None, reading: Reading | None, before: Alert | None, key: Key, facts: Facts, now: float) -> Alert | None:
    """The alert after this look; None when there is nothing to remember."""
    if rule is None:  # taken out of the file
        return before and replace(before, words="the rule was taken out of the file", cleared=now, ended=now)
    if before is not None and rule.measure not in facts:
        return before
    if reading is not None and _is_above(rule, key[1], reading.value):
        alert = before or Alert(*key, rule.severity, now, reading.value, reading.words, rule.page)
        held = now - alert.since >= rule.hold_seconds
        fired = alert.fired if alert.fired is not None else now if held else None
        alert = replace(alert, severity=rule.severity, page=rule.page, value=reading.value, words=reading.words)
        return replace(alert, fired=fired, cleared=None, ended=None)
    if before is None or before.fired is None:
        return None
    cleared = before.cleared if before.cleared is not None else now
    ended = before.ended if before.ended is not None else now if now - cleared >= rule.clear_seconds else None
    return replace(before, cleared=cleared, ended=ended)


def _message(rule: Rule | None, reading: Reading | None, alert: Alert, now: float, quiet: Quiet | None) -> Message | None:
    if alert.fired is None or (quiet and quiet.holds(alert.severity, datetime.fromtimestamp(now, UTC))):
        return None
    told = replace(alert, last_sent=now, sent=alert.sent + 1)
    if alert.ended is not None:
        return Message(RECOVERY, told, now) if alert.sent else None
    if alert.cleared is not None or reading is None or rule is None:  # nobody is told of what could not be seen just now
        return None
    if alert.last_sent is None:
        return Message(ALERT, told, now)
    return Message(STILL, told, now) if now - alert.last_sent >= rule.repeat_seconds else None
