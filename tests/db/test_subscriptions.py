"""What is asked for, as rows: written on change only, and what moves between connections."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from db import coverage, subscriptions
from db.moments import micros
from db.subscriptions import Wish

Query = Callable[..., list[tuple[Any, ...]]]
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
FIRST, SECOND = "v:trades:0:a", "v:trades:1:a"


def us(seconds: float) -> int:
    return micros(NOW + timedelta(seconds=seconds)) or 0


@pytest.fixture
def wish(connection: RawConnection) -> Callable[..., None]:
    def write(stream: str, names: str, seconds: float, **how: bool) -> None:
        with connection, connection.cursor() as cursor:
            subscriptions.write(cursor, [Wish(stream, tuple(names), us(seconds), **how)])

    return write


@pytest.fixture
def told(query: Query) -> Callable[[], list[tuple[Any, ...]]]:
    """(stream, symbol, from, to) in seconds."""

    def tell() -> list[tuple[Any, ...]]:
        since = "extract(epoch FROM from_at - %(now)s)::float8, extract(epoch FROM to_at - %(now)s)::float8"
        return query(f"SELECT shard, symbol, {since} FROM subscriptions ORDER BY symbol, from_at, shard", {"now": NOW})

    return tell


def registered(query: Query, *symbols: str) -> None:
    for symbol in symbols:
        query(
            "INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('v', %s, 'open', now(), now())", (symbol,)
        )


def settled(connection: RawConnection) -> int:
    with connection, connection.cursor() as cursor:
        return coverage.settle_moves(cursor)


def test_asking_for_the_same_again_writes_nothing(wish: Callable[..., None], query: Query) -> None:
    wish(FIRST, "AB", 0, whole=True)
    before = query("SELECT xmin::text, * FROM subscriptions ORDER BY symbol")
    wish(FIRST, "BA", 60, whole=True)
    wish(FIRST, "A", 90)
    assert query("SELECT xmin::text, * FROM subscriptions ORDER BY symbol") == before


def test_what_is_added_begins_and_what_is_removed_ends(wish: Callable[..., None], told: Callable[[], Any]) -> None:
    wish(FIRST, "AB", 0, whole=True)
    wish(FIRST, "C", 10)
    wish(FIRST, "A", 20, asked=False)
    wish(FIRST, "A", 30)
    assert told() == [("0", "A", 0, 20), ("0", "A", 30, None), ("0", "B", 0, None), ("0", "C", 10, None)]


def test_a_stream_that_is_given_up_asks_for_nothing(wish: Callable[..., None], told: Callable[[], Any], query: Query) -> None:
    wish(FIRST, "AB", 0, whole=True)
    wish(SECOND, "A", 0, whole=True)
    wish(FIRST, "", 10, whole=True)
    assert told() == [("0", "A", 0, 10), ("1", "A", 0, None), ("0", "B", 0, 10)]
    assert query("SELECT bool_or(left_out) FROM subscriptions") == [(False,)]


def test_what_moves_to_another_connection_was_asked_for_all_the_time(
    wish: Callable[..., None], told: Callable[[], Any], query: Query, connection: RawConnection
) -> None:
    registered(query, "A", "B", "C", "D")
    wish(FIRST, "ABCD", 0, whole=True)
    wish(SECOND, "D", 0, whole=True)
    wish(FIRST, "X", 100, whole=True)
    wish(SECOND, "DA", 130, whole=True)
    wish(SECOND, "B", 100 + 3601)
    wish(SECOND, "C", 100.5)
    assert settled(connection) == 1
    assert told() == [
        *(("0", "A", 0, 130), ("1", "A", 130, None)),
        *(("0", "B", 0, 100), ("1", "B", 3701, None)),
        *(("0", "C", 0, 100.5), ("1", "C", 100.5, None)),
        *(("0", "D", 0, 100), ("1", "D", 0, None)),
        ("0", "X", 100, None),
    ]
    gaps = "SELECT symbol, cause, state, received_from, received_to FROM data_gaps JOIN instruments USING (instrument_id)"
    assert query(gaps) == [("A", "not subscribed", "missing", NOW + timedelta(seconds=100), NOW + timedelta(seconds=130))]
    assert settled(connection) == 0


def test_who_commits_first_does_not_matter_to_a_move(wish: Callable[..., None], query: Query, connection: RawConnection) -> None:
    registered(query, "A")
    wish(FIRST, "A", 0, whole=True)
    wish(SECOND, "A", 130, whole=True)
    assert settled(connection) == 0
    wish(FIRST, "X", 100, whole=True)
    assert settled(connection) == 1


def test_what_nobody_asks_for_again_has_ended(
    wish: Callable[..., None], told: Callable[[], Any], query: Query, connection: RawConnection
) -> None:
    registered(query, "A")
    wish(FIRST, "A", 0, whole=True)
    wish(FIRST, "X", 100, whole=True)
    assert (settled(connection), query("SELECT count(*) FROM subscriptions WHERE left_out")) == (0, [(1,)])
    query("UPDATE subscriptions SET to_at = to_at - INTERVAL '1 day', from_at = from_at - INTERVAL '1 day' WHERE symbol = 'A'")
    assert (settled(connection), query("SELECT count(*) FROM subscriptions WHERE left_out")) == (0, [(0,)])


def test_an_instrument_that_is_registered_later_is_judged_from_when_it_was_asked_for(
    wish: Callable[..., None], query: Query, connection: RawConnection
) -> None:
    wish(FIRST, "AB", 0, whole=True)
    registered(query, "A")
    with connection, connection.cursor() as cursor:
        assert (coverage.register(cursor), coverage.register(cursor)) == (1, 0)
    assert query("SELECT instrument_id, from_at FROM stale_coverage") == [(1, NOW)]
    assert query("SELECT symbol, instrument_id FROM subscriptions ORDER BY symbol") == [("A", 1), ("B", None)]
