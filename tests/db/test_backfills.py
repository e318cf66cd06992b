"""db.backfills: a job is a row that is taken up, kept, ended and found again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from db import backfills
from db.backfills import DONE, QUEUED, RUNNING, Job

Query = Callable[..., list[tuple[Any, ...]]]
JOB = Job("v", "c", ["A", "币"], 1_767_225_600_000_000, 1_767_225_660_000_000, first=5, last=7)


def asked(connection: RawConnection, job: Job = JOB) -> int:
    with connection, connection.cursor() as cursor:
        number = backfills.ask(cursor, job)
    assert number is not None
    return number


def test_a_job_is_loaded_as_it_was_asked_for_and_kept(connection: RawConnection) -> None:
    number = asked(connection)
    with connection, connection.cursor() as cursor:
        job = backfills.load(cursor, number)
        assert job == replace(JOB, backfill_id=number, state=QUEUED)
        changed = replace(job, state=RUNNING, position={"at": 6, "币": [1]}, progress=0.5, rows=3, requests=2, lacking=1, reason="so")
        assert backfills.save(cursor, changed, 0)
        assert backfills.load(cursor, number) == changed


def test_what_is_over_is_neither_due_nor_loaded_nor_kept(connection: RawConnection, query: Query) -> None:
    number = asked(connection)
    with connection, connection.cursor() as cursor:
        job = backfills.load(cursor, number)
        assert job is not None and backfills.due(cursor, 9) == [number] and backfills.alive(cursor) == 1
        assert backfills.save(cursor, replace(job, state=DONE), 0)
        assert backfills.load(cursor, number) is None
        assert not backfills.save(cursor, job, 0)
        assert (backfills.due(cursor, 9), backfills.alive(cursor), backfills.next_due_seconds(cursor)) == ([], 0, None)
    assert query("SELECT state, ended_at IS NOT NULL FROM backfills") == [(DONE, True)]


def test_who_waited_longest_is_due_first_and_who_waits_is_not(connection: RawConnection) -> None:
    numbers = [asked(connection) for _ in range(4)]
    with connection, connection.cursor() as cursor:
        for number, seconds in zip(numbers, (-5, -50, 100, 30), strict=True):
            job = backfills.load(cursor, number)
            assert job is not None
            backfills.save(cursor, job, seconds)
        assert backfills.due(cursor, 9) == [numbers[1], numbers[0]]
        assert backfills.due(cursor, 1) == [numbers[1]]
        assert backfills.next_due_seconds(cursor) == pytest.approx(-50, abs=1)


def test_a_gap_has_one_job_alive(connection: RawConnection) -> None:
    first = asked(connection, replace(JOB, gap_id=3))
    with connection, connection.cursor() as cursor:
        assert backfills.ask(cursor, replace(JOB, gap_id=3)) is None
        assert backfills.ask(cursor, replace(JOB, gap_id=4)) is not None
        assert backfills.cancel(cursor, first)
        assert backfills.ask(cursor, replace(JOB, gap_id=3)) is not None


@pytest.mark.parametrize(
    ("changed", "left_open", "same"),
    [
        ({}, "", True),
        ({"to_us": JOB.to_us + 1}, "", False),
        ({"to_us": JOB.to_us + 1}, "end", True),
        ({"from_us": JOB.from_us + 1}, "end instruments", False),
        ({"instruments": ["A"]}, "end", False),
        ({"instruments": ["A"]}, "instruments", True),
        ({"channel": "d"}, "end instruments", False),
    ],
    ids=str,
)
def test_the_same_wish_finds_the_job_that_is_at_it(connection: RawConnection, changed: dict[str, Any], left_open: str, same: bool) -> None:
    number = asked(connection)
    asked(connection, replace(JOB, gap_id=1))
    open_ends = {"any_end": "end" in left_open, "any_instruments": "instruments" in left_open}
    with connection, connection.cursor() as cursor:
        assert backfills.standing(cursor, replace(JOB, **changed), **open_ends) == (number if same else None)


def test_reasons_are_told_once_and_bounded() -> None:
    job = replace(JOB)
    for reason in ("one", "two", "one", "n\0l"):
        job.note(reason)
    assert job.reason == "one; two; n\\0l"
    for number in range(5000):
        job.note(f"reason {number}")
    assert len(job.reason or "") == backfills.MAX_REASON_CHARS
