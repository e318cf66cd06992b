"""db.present: what is there of an instrument, by number and by time."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import TRADES
from db import present

Query = Callable[..., list[tuple[Any, ...]]]
MIDNIGHT_US, SECOND = 1_767_225_600_000_000, 1_000_000


@pytest.fixture
def trades(query: Query) -> None:
    """Trade n of instrument 1 at second n, one to ten; trade 7 came before trade 6; another instrument's in between, at second 5."""
    query(
        "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
        "SELECT i, v, s, 'active', now(), now() FROM (VALUES (1, 'v', 'A'), (2, 'v', 'B'), (3, 'w', 'A')) t(i, v, s)"
    )
    query(
        "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) "
        "SELECT '2026-01-01 00:00+00'::timestamptz + (CASE n WHEN 6 THEN 7 WHEN 7 THEN 6 ELSE n END) * INTERVAL '1 second', now(), i, n, 1, 1, 1 "
        "FROM generate_series(1, 10) n, (VALUES (1), (2)) v(i) WHERE i = 1 OR n = 5"
    )


def numbers(
    connection: RawConnection, first: int, last: int | None, since: int, until: int, limit: int | None = None
) -> list[tuple[int, int]]:
    with connection, connection.cursor() as cursor:
        times = MIDNIGHT_US + since * SECOND, MIDNIGHT_US + until * SECOND
        found, events = present.numbers(cursor, TRADES, 1, first, last, *times, limit=limit)
    return [(int(number), (int(event) - MIDNIGHT_US) // SECOND) for number, event in zip(found, events, strict=True)]


def test_numbers_within_both_bounds_in_the_order_of_time(connection: RawConnection, trades: None) -> None:
    assert numbers(connection, 4, 8, 0, 100) == [(4, 4), (5, 5), (7, 6), (6, 7), (8, 8)]
    assert numbers(connection, 1, None, 9, 10) == [(9, 9), (10, 10)]
    assert numbers(connection, 1, None, 0, 100, limit=2) == [(1, 1), (2, 2)]
    assert numbers(connection, 11, None, 0, 100) == []


def test_rows_are_counted_to_a_time_that_is_not_included(connection: RawConnection, trades: None) -> None:
    with connection, connection.cursor() as cursor:
        assert present.count(cursor, TRADES, "v", "A", MIDNIGHT_US + 2 * SECOND, MIDNIGHT_US + 5 * SECOND) == 3
        assert present.count(cursor, TRADES, "v", None, MIDNIGHT_US, MIDNIGHT_US + 100 * SECOND) == 11
        assert present.count(cursor, TRADES, "w", "A", MIDNIGHT_US, MIDNIGHT_US + 100 * SECOND) == 0


def test_the_last_row_within_a_time(connection: RawConnection, trades: None) -> None:
    with connection, connection.cursor() as cursor:
        assert present.newest(cursor, TRADES, 1, MIDNIGHT_US, MIDNIGHT_US + 7 * SECOND) == (6, MIDNIGHT_US + 7 * SECOND)
        assert present.newest(cursor, TRADES, 1, MIDNIGHT_US + 11 * SECOND, MIDNIGHT_US + 99 * SECOND) is None


def test_nothing_is_there_of_who_is_not_known(connection: RawConnection) -> None:
    with connection, connection.cursor() as cursor:
        assert present.instrument_id(cursor, "v", "NOSUCH") is None
        assert [len(part) for part in present.numbers(cursor, TRADES, None, 1, 2, MIDNIGHT_US, MIDNIGHT_US, limit=9)] == [0, 0]
        assert present.count(cursor, TRADES, "v", "NOSUCH", MIDNIGHT_US, MIDNIGHT_US) == 0
        assert present.newest(cursor, TRADES, None, MIDNIGHT_US, MIDNIGHT_US) is None
