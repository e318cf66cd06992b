"""db.days: who writes rows tells of their days, and of those that are over how often."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from psycopg2.extensions import connection as RawConnection

from db import days, engine, offsets, writing
from db.offsets import Advance, Counts, Offset
from db.writing import Work
from tests.db.test_writing import PLACE, STREAM, trades

Query = Callable[..., list[tuple[Any, ...]]]
DAY_US = days.DAY_US
OLD = 20_000  # 2024-10-04


@pytest.fixture
def today(query: Query) -> int:
    return int((query("SELECT (now() AT TIME ZONE 'UTC')::date")[0][0] - date(1970, 1, 1)).days)


def told(connection: RawConnection, *at: tuple[str, int]) -> set[days.Day]:
    with connection, connection.cursor() as cursor:
        found = days.mark(cursor, {("v", kind, day) for kind, day in at})
        connection.commit()
        days.remember(connection, found)
    return found


def kept(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT kind, day - DATE '1970-01-01', changes FROM recorded_days ORDER BY 1, 2")


def test_the_days_of_a_batch_are_those_of_its_event_times() -> None:
    rows = [("v", "trades", {"event_at": np.array([3 * DAY_US, 5 * DAY_US - 1])}), ("v", "quotes", {"event_at": np.array([], np.int64)})]
    assert days.touched(rows) == {("v", "trades", 3), ("v", "trades", 4)}
    spread = [("w", "trades", {"event_at": np.array([9 * DAY_US, 2 * DAY_US])})]
    assert days.touched(spread) == {("w", "trades", 2), ("w", "trades", 9)}


def test_a_day_that_goes_on_is_told_once_and_counts_nothing(connection: RawConnection, query: Query, today: int) -> None:
    assert told(connection, ("trades", today)) == {("v", "trades", today)}
    assert told(connection, ("trades", today)) == set(), "known by now: no statement is sent"
    assert kept(query) == [("trades", today, 0)]


def test_a_day_that_is_over_counts_every_transaction(connection: RawConnection, query: Query, today: int) -> None:
    told(connection, ("trades", OLD))
    told(connection, ("trades", OLD), ("quotes", OLD + 1), ("trades", today))
    assert kept(query) == [("quotes", OLD + 1, 1), ("trades", OLD, 2), ("trades", today, 0)]


def test_what_is_rolled_back_is_not_remembered(connection: RawConnection, query: Query, today: int) -> None:
    with connection.cursor() as cursor:
        days.mark(cursor, {("v", "trades", today)})
    connection.rollback()
    told(connection, ("trades", today))
    assert kept(query) == [("trades", today, 0)]


def test_writers_that_bring_the_same_days_in_any_order_wait_for_each_other(fresh_database_url: str, query: Query) -> None:
    def write(kinds: list[str]) -> None:
        with closing(engine.connect(fresh_database_url, name="test")) as own:
            for _ in range(20):
                told(own, *((kind, OLD) for kind in kinds))

    writers = [threading.Thread(target=write, args=(kinds,)) for kinds in (["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert kept(query) == [(kind, OLD, 60) for kind in "abc"]


def test_who_read_the_counter_before_a_change_does_not_forget_it(connection: RawConnection, query: Query) -> None:
    told(connection, ("trades", OLD))
    day = date(1970, 1, 1) + timedelta(days=OLD)
    with connection, connection.cursor() as cursor:
        seen = days.recorded(cursor, day, day + timedelta(days=1))["v", "trades", day]
    told(connection, ("trades", OLD))
    with connection, connection.cursor() as cursor:
        days.forget(cursor, seen)
    assert kept(query) == [("trades", OLD, 2)]


def test_judging_tells_every_kind_of_the_venues_days(connection: RawConnection, query: Query, today: int) -> None:
    told(connection, ("trades", OLD), ("quotes", OLD), ("quotes", OLD + 1), ("quotes", today))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE judged_hours AS SELECT 1 AS instrument_id, TIMESTAMPTZ '2024-10-04 23:00+00' AS hour UNION SELECT 2, now()"
        )
        days.judged(cursor, "v")
        days.judged(cursor, "w")
    assert query("SELECT kind, day - DATE '1970-01-01', judgements FROM recorded_days WHERE judgements > 0 ORDER BY 1") == [
        ("quotes", OLD, 1),
        ("trades", OLD, 1),
    ]


def test_a_writer_tells_of_the_days_of_its_rows(connection: RawConnection, query: Query, today: int) -> None:
    old, now = trades([1, 2])[1], trades([3])[1]
    old["event_at"] = np.array([OLD, OLD + 1]) * DAY_US
    now["event_at"] = np.array([today]) * DAY_US
    step = Advance(STREAM, "0-0", Offset("5-0", {"connections": {}}, 1, 2), Counts(entries=1, frames=3, rows=3))
    with connection, connection.cursor() as cursor:
        offsets.load(cursor, STREAM, PLACE)
    writing.commit(connection, writing.prepare([Work(step, [("trades", old), ("trades", now)])]))
    assert kept(query) == [("trades", OLD, 1), ("trades", OLD + 1, 1), ("trades", today, 0)]
