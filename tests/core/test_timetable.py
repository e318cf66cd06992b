"""Crontab lines and quiet hours as operators write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.timetable import Quiet, cron, is_due, quiet, seconds


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "moment", "matches"),
    [
        ("0 9 * * *", "2026-11-22T09:00", True),
        ("0 9 * * *", "2026-11-22T09:01", False),
        ("*/15 * * * *", "2026-11-22T10:45", True),
        ("5-20/5 8,9 * * *", "2026-11-22T09:20", True),
        ("5-20/5 8,9 * * *", "2026-11-22T09:21", False),
        ("30/10 * * * *", "2026-11-22T09:50", True),
        pytest.param("0 9 * * 0", "2026-11-22T09:00", True, id="a Sunday is 0"),
        pytest.param("0 9 * * 7", "2026-11-22T09:00", True, id="and 7"),
        pytest.param("0 9 1 * 0", "2026-11-22T09:00", True, id="of two kinds of day one is enough"),
        pytest.param("0 9 1 * *", "2026-11-22T09:00", False, id="the day alone"),
        pytest.param("0 9 1 12 0", "2026-11-22T09:00", False, id="another month"),
    ],
)
def test_a_line_of_a_crontab(line: str, moment: str, matches: bool) -> None:
    parsed = cron(line)
    assert parsed and parsed.matches(at(moment)) is matches


@pytest.mark.parametrize(
    "line", ["", "0 9 * *", "60 9 * * *", "0 24 * * *", "x * * * *", "*/0 * * * *", "5-1 * * * *", "0 9 0 * *", "0 9 * * MON"]
)
def test_what_is_no_line_of_a_crontab(line: str) -> None:
    with pytest.raises(ValueError, match=r"fields|within|number"):
        cron(line)


def test_off_is_never() -> None:
    assert cron("off") is None


DAILY = cron("0 9 * * *")
assert DAILY


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        ("2026-11-22T08:59:59", "2026-11-22T09:00:00", True),
        ("2026-11-22T09:00:00", "2026-11-22T09:00:30", False),
        ("2026-11-22T09:00:30", "2026-11-23T08:59:59", False),
        ("2026-11-20T09:00:30", "2026-11-22T03:00:00", True),
    ],
)
def test_it_is_due_once_for_each_of_its_minutes(last: str, now: str, due: bool) -> None:
    assert DAILY
    assert is_due(DAILY, at(last), at(now)) is due


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=60))
def test_however_often_one_looks_it_is_due_as_often_as_its_minute_comes(steps: list[int]) -> None:
    assert DAILY
    now = last = begin = at("2026-11-22T00:00:00")
    told = 0
    for step in steps:
        now += timedelta(seconds=step)
        if is_due(DAILY, last, now):
            told, last = told + 1, now
    nines = sum(begin < at(f"2026-11-{22 + day}T09:00:00") <= now for day in range(4))
    assert told == nines


@pytest.mark.parametrize(
    ("text", "severity", "moment", "holds"),
    [
        ("22:00-07:00", "warning", "2026-11-22T23:00", True),
        ("22:00-07:00", "warning", "2026-11-22T06:59", True),
        ("22:00-07:00", "warning", "2026-11-22T07:00", False),
        ("22:00-07:00", "critical", "2026-11-22T23:00", False),
        ("22:00-07:00 warning", "warning", "2026-11-22T23:00", False),
        ("22:00-07:00 warning", "info", "2026-11-22T23:00", True),
        ("12:00-13:30", "info", "2026-11-22T13:29", True),
        ("12:00-13:30", "info", "2026-11-22T11:59", False),
    ],
)
def test_quiet_hours_hold_back_what_is_milder(text: str, severity: str, moment: str, holds: bool) -> None:
    parsed = quiet(text)
    assert isinstance(parsed, Quiet) and parsed.holds(severity, at(moment)) is holds


@pytest.mark.parametrize("text", ["22-7", "24:00-07:00", "22:00-07:00 loud", "22:00 to 07:00"])
def test_what_is_no_quiet_hour(text: str) -> None:
    with pytest.raises(ValueError, match="two times"):
        quiet(text)


def test_no_quiet_hours() -> None:
    assert quiet("") is None


@pytest.mark.parametrize(
    ("text", "found"), [("90 s", 90), ("5m", 300), ("1.5 h", 5400), ("1 d", 86400), ("7 days", 604_800), ("1 hour", 3600)]
)
def test_a_length_of_time_is_read_in_short_and_in_words(text: str, found: float) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["", "soon", "-1 s", "7", "7 weeks", "1 d 2 h", "1e3 s", "7 dayss"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        seconds(text)
