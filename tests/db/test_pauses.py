"""db.pauses: a venue's own pauses, and the gaps that they explain."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import Pause
from db import evidence, gaps, pauses, queries
from db.evidence import BookDoubted, BookTrusted, GapClosed, GapOpened, Note, NumberGap, Place, SocketEnded, SocketOpened, SocketProven
from db.moments import moment

AT = 1_795_300_000_000_000
MINUTE = 60_000_000
HERE = Place("somewhere", "book", "0")

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def told(connection: RawConnection) -> Callable[..., None]:
    def told(*said: Pause, at_us: int) -> None:
        with connection, connection.cursor() as cursor:
            pauses.take_over(cursor, "somewhere", said, at_us=at_us)

    return told


def known(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT since_at, until_at, reason FROM planned_pauses ORDER BY since_at")


def test_a_window_of_the_schedule_is_kept_once_and_moved_when_it_moves(told: Callable[..., None], query: Query) -> None:
    told(Pause(AT, "maintenance", AT + MINUTE), at_us=AT)
    told(Pause(AT, "maintenance", AT + 2 * MINUTE), at_us=AT + 1)
    assert known(query) == [(moment(AT), moment(AT + 2 * MINUTE), "maintenance")]


def test_a_pause_under_way_lasts_from_the_first_look_to_the_first_that_does_not_see_it(told: Callable[..., None], query: Query) -> None:
    told(Pause(AT, "inactive"), at_us=AT)
    told(Pause(AT + MINUTE, "inactive"), at_us=AT + MINUTE)
    assert known(query) == [(moment(AT), None, "inactive")]
    told(at_us=AT + 2 * MINUTE)
    told(at_us=AT + 3 * MINUTE)
    assert known(query) == [(moment(AT), moment(AT + 2 * MINUTE), "inactive")]


def test_plans_alone_do_not_end_a_pause_under_way(told: Callable[..., None], query: Query) -> None:
    told(Pause(AT, "inactive"), at_us=AT)
    told(Pause(AT + 60 * MINUTE, "maintenance", AT + 70 * MINUTE), at_us=AT + MINUTE)
    assert known(query)[0] == (moment(AT), None, "inactive")
    told(Pause(AT + 2 * MINUTE, "closed"), Pause(AT + 60 * MINUTE, "maintenance", AT + 70 * MINUTE), at_us=AT + 2 * MINUTE)
    assert known(query)[:2] == [(moment(AT), moment(AT + 2 * MINUTE), "inactive"), (moment(AT + 2 * MINUTE), None, "closed")]


@pytest.mark.parametrize(
    ("since_us", "until_us", "state"),
    [
        pytest.param(AT - MINUTE, AT + 11 * MINUTE, "planned", id="a little around it"),
        pytest.param(AT - 5 * MINUTE, AT + 10 * MINUTE, "missing", id="began long before"),
        pytest.param(AT, AT + 15 * MINUTE, "missing", id="ended long after"),
    ],
)
def test_a_gap_within_a_pause_is_planned(
    connection: RawConnection, fresh_database_url: str, told: Callable[..., None], query: Query, since_us: int, until_us: int, state: str
) -> None:
    told(Pause(AT, "maintenance", AT + 10 * MINUTE), at_us=AT)
    with connection, connection.cursor() as cursor:
        evidence.write(cursor, [GapOpened(HERE, "disconnected", since_us, since_us, None, "reset"), GapClosed(HERE, until_us, until_us)])
    queries.run(fresh_database_url, "settle_planned_pauses", slack=pauses.SLACK)
    assert query("SELECT state FROM data_gaps") == [(state,)]


@pytest.mark.parametrize(
    "notes",
    [
        pytest.param([NumberGap(HERE, 1, 3, 4, AT, AT + 1, AT, AT + 1)], id="numbers that did not come"),
        pytest.param([BookDoubted(HERE, 7, AT, "a level fell below nothing"), BookTrusted(HERE, 7, AT + 1)], id="a book in doubt"),
    ],
)
def test_what_proves_a_loss_is_one_within_a_pause_too(
    connection: RawConnection, fresh_database_url: str, told: Callable[..., None], query: Query, notes: list[Note]
) -> None:
    told(Pause(AT, "maintenance", AT + 10 * MINUTE), at_us=AT)
    with connection, connection.cursor() as cursor:
        evidence.write(cursor, notes)
    before = query("SELECT cause, state FROM data_gaps")
    queries.run(fresh_database_url, "settle_planned_pauses", slack=pauses.SLACK)
    assert query("SELECT cause, state FROM data_gaps") == before == [(before[0][0], "missing")]


@pytest.mark.parametrize(
    ("closed_us", "opened_us", "state"),
    [
        pytest.param(AT - MINUTE, AT + 11 * MINUTE, "planned", id="a little around it"),
        pytest.param(AT - 5 * MINUTE, AT + 11 * MINUTE, "missing", id="closed long before"),
        pytest.param(AT, AT + 15 * MINUTE, "missing", id="opened long after"),
    ],
)
def test_a_channel_that_says_little_was_deaf_from_one_socket_to_the_next(
    connection: RawConnection,
    fresh_database_url: str,
    told: Callable[..., None],
    query: Query,
    closed_us: int,
    opened_us: int,
    state: str,
) -> None:
    told(Pause(AT, "maintenance", AT + 10 * MINUTE), at_us=AT)
    spoke_us, speaks_us = AT - 40 * MINUTE, AT + 40 * MINUTE
    notes: list[Note] = [
        *(SocketOpened(HERE, "before", spoke_us), SocketProven("before", spoke_us), SocketEnded("before", closed_us, "reset")),
        GapOpened(HERE, "disconnected", spoke_us, spoke_us, None, "reset"),
        *(SocketOpened(HERE, "after", opened_us), SocketProven("after", speaks_us)),
        GapClosed(HERE, speaks_us, speaks_us),
    ]
    with connection, connection.cursor() as cursor:
        evidence.write(cursor, notes)
    queries.run(fresh_database_url, "settle_planned_pauses", slack=pauses.SLACK)
    assert query("SELECT state FROM data_gaps") == [(state,)]


@pytest.mark.parametrize(("reached", "state"), [("filling", "planned"), ("filled", "filled")])
def test_a_gap_within_a_pause_is_planned_even_while_somebody_fills_it_and_what_is_filled_stays_so(
    connection: RawConnection, fresh_database_url: str, told: Callable[..., None], query: Query, reached: str, state: str
) -> None:
    told(Pause(AT, "maintenance", AT + 10 * MINUTE), at_us=AT)
    with connection, connection.cursor() as cursor:
        evidence.write(cursor, [GapOpened(HERE, "disconnected", AT, AT, None, "reset"), GapClosed(HERE, AT + MINUTE, AT + MINUTE)])
        cursor.execute("UPDATE data_gaps SET state = %s RETURNING gap_id", (reached,))
        (gap_id,) = cursor.fetchone()
    queries.run(fresh_database_url, "settle_planned_pauses", slack=pauses.SLACK)
    with connection, connection.cursor() as cursor:
        assert not gaps.move(cursor, gap_id, gaps.FILLED, "read again"), "its job has nothing to say any more"
    assert query("SELECT state FROM data_gaps") == [(state,)]
