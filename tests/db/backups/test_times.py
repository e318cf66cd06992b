"""When a backup is due: at its hour, once, and again after a while when it failed."""

from datetime import UTC, datetime

import pytest

from db.backups.times import DAILY, HOURLY, PROOF, State, due


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


SUNDAY = "2026-11-22"


@pytest.mark.parametrize(
    ("subject", "last", "now", "is_due"),
    [
        (HOURLY, f"{SUNDAY} 09:05:01", f"{SUNDAY} 10:04:59", False),
        (HOURLY, f"{SUNDAY} 09:05:01", f"{SUNDAY} 10:05:01", True),
        (HOURLY, f"{SUNDAY} 10:05:01", f"{SUNDAY} 10:59:00", False),
        (HOURLY, f"{SUNDAY} 01:05:01", f"{SUNDAY} 10:59:00", True),  # a machine that was off
        (HOURLY, f"{SUNDAY} 10:03:00", f"{SUNDAY} 10:06:00", True),  # by hand, before the hour's own
        (DAILY, f"{SUNDAY} 02:20:05", f"{SUNDAY} 23:59:00", False),
        (DAILY, f"{SUNDAY} 02:20:05", "2026-11-23 02:19:59", False),
        (DAILY, f"{SUNDAY} 02:20:05", "2026-11-23 02:20:01", True),
        (PROOF, "2026-11-15 04:30:00", f"{SUNDAY} 04:19:59", False),
        (PROOF, "2026-11-15 04:30:00", f"{SUNDAY} 04:20:01", True),
        (PROOF, f"{SUNDAY} 04:30:00", "2026-11-28 23:00:00", False),
    ],
)
def test_each_has_its_time(subject: str, last: str, now: str, is_due: bool) -> None:
    assert due({subject: State(at(last))}, at(now)) == ([subject] if is_due else [])


def test_what_failed_is_begun_again_after_a_while() -> None:
    now = at(f"{SUNDAY} 10:06:00")
    assert due({HOURLY: State(0.0, tried=now - 599)}, now) == []
    assert due({HOURLY: State(0.0, tried=now - 601)}, now) == [HOURLY]
    assert due({PROOF: State(0.0, tried=now - 3600, trouble="no key")}, now) == []
    assert due({PROOF: State(0.0, tried=now - 3600)}, now) == [PROOF], "it was killed"
    assert due({HOURLY: State(0.0, tried=now + 3600)}, now) == [HOURLY], "the clock was set back"


def test_the_most_comprehensive_comes_first() -> None:
    assert due({name: State(0.0) for name in (PROOF, HOURLY, DAILY)}, at(f"{SUNDAY} 10:06:00")) == [DAILY, HOURLY, PROOF]


def test_nothing_is_due_that_nobody_wants() -> None:
    assert due({}, at(f"{SUNDAY} 10:06:00")) == []
