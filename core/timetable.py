"""Times as an operator writes them: how long, a line of a crontab, and the quiet hours of a day. All UTC. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

#: What a quiet hour holds back, the mildest first.
SEVERITIES = ("info", "warning", "critical")
#: minute, hour, day of the month, month, day of the week (0 and 7: Sunday).
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(?:(s|seconds?)|(m|minutes?)|(h|hours?)|(d|days?))")
_UNITS = (1, 60, 3600, 86400)
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: +(warning|critical))?")
#: A time further back than this is not looked for: whoever was away so long is told once.
_LOOK_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A line of a crontab. `either_day`: both kinds of day are named, and one of them is enough."""

    fields: tuple[frozenset[int], ...]
    either_day: bool

    def matches(self, at: datetime) -> bool:
        minutes, hours, days, months, weekdays = self.fields
        day, weekday = at.day in days, at.isoweekday() % 7 in weekdays
        on_day = (day or weekday) if self.either_day else (day and weekday)
        return at.minute in minutes and at.hour in hours and at.month in months and on_day


@dataclass(frozen=True, slots=True)
class Quiet:
    """Minutes of the day, the second not included; over midnight where it is the smaller one. `passes`: the mildest that is sent at once."""

    begins: int
    ends: int
    passes: str

    def holds(self, severity: str, at: datetime) -> bool:
        minute = at.hour * 60 + at.minute
        within = self.begins <= minute < self.ends if self.begins <= self.ends else minute >= self.begins or minute < self.ends
        return within and SEVERITIES.index(severity) < SEVERITIES.index(self.passes)


def seconds(text: str) -> float:
    """Of `90 s`, `5 m`, `4 h`, `1 d`, or with the whole word: `7 days`. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no length of time")
    return float(match[1]) * next(unit for word, unit in zip(match.groups()[1:], _UNITS, strict=True) if word)


def cron(text: str) -> Cron | None:
    """None for `off`. Raises ValueError."""
    if text.strip() == "off":
        return None
    words = text.split()
    if len(words) != len(_RANGES):
        raise ValueError(f"{len(words)} fields instead of 5")
    fields = [_field(word, *bounds) for word, bounds in zip(words, _RANGES, strict=True)]
    fields[4] = frozenset(day % 7 for day in fields[4])
    return Cron(tuple(fields), either_day="*" not in (words[2][0], words[4][0]))


def _field(word: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is not a number, a range or *")
        first, last, step = (None if group is None else int(group) for group in match.groups())
        begin = low if first is None else first
        end = high if first is None or (last is None and step is not None) else begin if last is None else last
        if not low <= begin <= end <= high or step == 0:
            raise ValueError(f"{part!r} is not within {low} to {high}")
        found.update(range(begin, end + 1, step or 1))
    return frozenset(found)


def is_due(line: Cron, last: datetime, now: datetime) -> bool:
    """Whether a minute of the line begins after `last` and not after `now`."""
    begin = max(last, now - _LOOK_BACK).replace(second=0, microsecond=0) + timedelta(minutes=1)
    minutes = int((now - begin) // timedelta(minutes=1)) + 1
    return any(line.matches(begin + timedelta(minutes=number)) for number in range(minutes))


def quiet(text: str) -> Quiet | None:
    """`22:00-07:00`, with ` warning` behind it where only what is milder waits; None for ''. Raises ValueError."""
    if not text.strip():
        return None
    match = _QUIET.fullmatch(text.strip())
    if match is None:
        raise ValueError("not two times of a day")
    begin_hour, begin_minute, end_hour, end_minute = (int(group) for group in match.groups()[:4])
    return Quiet(begin_hour * 60 + begin_minute, end_hour * 60 + end_minute, match[5] or "critical")
