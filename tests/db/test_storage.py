"""db.storage on the Apache edition: what is dropped, what is held back, and what a kill leaves."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor

from core.storage import KEPT
from db import engine, roles, storage
from db.storage import Chunk, Guard

Query = Callable[..., list[tuple[Any, ...]]]
DAY = timedelta(days=1)
MONTH = replace(KEPT["quotes"], drop_after=30 * DAY)
ALL: dict[str, Guard] = {"archived": lambda _, chunk: chunk.until, "rolled up": lambda _, chunk: chunk.until}


@pytest.fixture
def writer(fresh_database_url: str) -> Iterator[RawConnection]:
    """As the farm's workers are where it has roles."""
    roles.let_in(fresh_database_url, roles.WRITER)
    with closing(engine.connect(roles.url_of(fresh_database_url, roles.WRITER), name="test")) as opened:
        yield opened


def fill(query: Query, days: int = 34, table: str = "quotes") -> None:
    """A row at each of the last days' noons, so that each is a chunk."""
    query(
        f"INSERT INTO {table} SELECT date_trunc('day', now()) - n * INTERVAL '1 day' + INTERVAL '12 hours', now(), 1, n, 1, 1, 1, 1 "
        "FROM generate_series(0, %s) n ON CONFLICT DO NOTHING",
        (days,),
    )


def test_what_farm_toml_says_is_in_force_and_said_again_changes_nothing(writer: RawConnection, query: Query) -> None:
    assert [name for name, kept in KEPT.items() if storage.apply(writer, name, kept)] == [], "as the migrations made it"
    assert storage.apply(writer, "quotes", replace(MONTH, chunk=timedelta(hours=6)))
    assert not storage.apply(writer, "quotes", replace(MONTH, chunk=timedelta(hours=6)))
    query("INSERT INTO quotes SELECT '2026-01-01 07:00', now(), 1, 1, 1, 1, 1, 1")
    spans = "SELECT range_end - range_start FROM timescaledb_information.chunks WHERE hypertable_name = 'quotes'"
    assert query(spans) == [(timedelta(hours=6),)]
    with pytest.raises(errors.UndefinedTable, match="how 'instruments' is kept cannot be changed"):
        storage.apply(writer, "instruments", MONTH)


def test_what_has_had_its_time_is_dropped_with_the_oldest_first(writer: RawConnection, query: Query) -> None:
    fill(query)
    assert storage.expired(writer) == [], "never, where nothing is said"
    storage.apply(writer, "quotes", MONTH)
    chunks = storage.expired(writer)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert [chunk.until for chunk in chunks] == [today - number * DAY for number in (33, 32, 31, 30)]
    assert [storage.drop(writer, chunk, ALL) for chunk in chunks] == [[]] * 4
    assert query("SELECT count(*), min(update_id), max(update_id) FROM quotes") == [(31, 0, 30)]
    assert query("SELECT table_name, dropped_until FROM storage WHERE dropped_until IS NOT NULL") == [("quotes", today - 30 * DAY)]
    assert storage.expired(writer) == []


@pytest.mark.parametrize(
    ("said", "holding"),
    [
        ({}, ["archived", "rolled up"]),
        ({"archived": None}, ["archived", "rolled up"]),
        ({"archived": 0 * DAY}, ["rolled up"]),
        ({"archived": 0 * DAY, "rolled up": -timedelta(microseconds=1)}, ["rolled up"]),
        ({"archived": -20 * DAY, "rolled up": 0 * DAY}, ["archived"]),
        ({"archived": 0 * DAY, "rolled up": 5 * DAY, "somebody else": None}, []),
    ],
)
def test_each_guard_of_the_table_has_to_allow_it(
    writer: RawConnection, query: Query, said: dict[str, timedelta | None], holding: list[str]
) -> None:
    fill(query)
    storage.apply(writer, "quotes", MONTH)
    chunk, *_ = storage.expired(writer)
    guards: dict[str, Guard] = {
        name: lambda _, chunk, after=after: None if after is None else chunk.until + after for name, after in said.items()
    }
    assert storage.drop(writer, chunk, guards) == holding
    assert query("SELECT count(*) FROM quotes") == [(34 + bool(holding),)]
    with writer, writer.cursor() as cursor:
        told = [row["guard"] for row in storage.look(cursor, "storage_held")]
    assert not holding or told == holding


def test_other_tables_ask_for_the_archive_alone(writer: RawConnection, query: Query) -> None:
    query("INSERT INTO index_prices SELECT now() - INTERVAL '90 days', now(), 1, 1")
    storage.apply(writer, "index_prices", replace(KEPT["index_prices"], drop_after=31 * DAY))
    (chunk,) = storage.expired(writer)
    assert storage.drop(writer, chunk, {"archived": ALL["archived"]}) == []


def test_a_guard_is_asked_while_nobody_can_add_a_row(writer: RawConnection, query: Query, fresh_database_url: str) -> None:
    fill(query)
    storage.apply(writer, "quotes", MONTH)
    chunk, *_ = storage.expired(writer)
    met = []

    def guard(_: Cursor, chunk: Chunk) -> datetime:
        with closing(engine.connect(fresh_database_url, name="late")) as other, other.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
            with pytest.raises(errors.LockNotAvailable):
                cursor.execute("INSERT INTO quotes VALUES (%s, now(), 1, 999, 1, 1, 1, 1)", (chunk.since,))
            other.rollback()
            cursor.execute("SET lock_timeout = '50ms'")
            cursor.execute("SELECT count(*) FROM quotes WHERE event_at < %s", (chunk.until,))  # who reads is not kept waiting
            met.append(cursor.fetchone())
        return chunk.until

    assert storage.drop(writer, chunk, {**ALL, "archived": guard}) == []
    assert met == [(1,)]


def test_a_row_that_comes_while_its_chunk_is_dropped_is_written_again_and_not_lost(
    writer: RawConnection, query: Query, fresh_database_url: str
) -> None:
    fill(query)
    storage.apply(writer, "quotes", MONTH)
    chunk, *_ = storage.expired(writer)
    began = threading.Event()

    def late() -> None:
        with closing(engine.connect(fresh_database_url, name="late")) as other:
            while True:
                try:
                    with other, other.cursor() as cursor:
                        began.set()
                        cursor.execute("INSERT INTO quotes VALUES (%s, now(), 1, 999, 1, 1, 1, 1)", (chunk.since,))
                    return
                except engine.UNREACHABLE:  # of which a deadlock is one; a drain repeats itself so
                    continue

    def guard(cursor: Cursor, chunk: Chunk) -> datetime:
        if not thread.ident:
            thread.start()
        began.wait(20)
        while not query("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]:
            pass
        return chunk.until

    thread = threading.Thread(target=late)
    assert storage.drop(writer, chunk, {**ALL, "archived": guard}) in ([], [storage.IN_USE])
    thread.join(20)
    assert query("SELECT count(*) FROM quotes WHERE update_id = 999") == [(1,)]


def test_when_the_rows_of_a_chunk_arrived_is_told_by_venue(writer: RawConnection, query: Query) -> None:
    query(
        "INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) SELECT v, 'A', 'open', now(), now() FROM unnest('{a,b}'::text[]) v"
    )
    ids = dict(query("SELECT venue, instrument_id FROM instruments"))
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    for instrument, late in ((ids["a"], 1), (ids["a"], 9), (ids["b"], 2), (-1, 3)):
        query("INSERT INTO quotes VALUES (%s, %s, %s, %s, 1, 1, 1, 1)", (at, at + late * DAY, instrument, late))
    query("INSERT INTO quotes VALUES (%s, %s, %s, 1, 1, 1, 1, 1)", (at + DAY, at + 30 * DAY, ids["a"]))
    storage.apply(writer, "quotes", MONTH)
    chunk, _ = storage.expired(writer)
    with writer, writer.cursor() as cursor:
        assert storage.received(cursor, chunk) == {"a": at + 9 * DAY, "b": at + 2 * DAY, "": at + 3 * DAY}


def test_what_is_archived_by_our_clock_may_be_dropped_once_the_latest_row_is(writer: RawConnection, query: Query) -> None:
    query(
        "INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) SELECT v, 'A', 'open', now(), now() FROM unnest('{a,b}'::text[]) v"
    )
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    query("INSERT INTO quotes SELECT %s, %s, instrument_id, 1, 1, 1, 1, 1 FROM instruments WHERE venue = 'a'", (at, at + 9 * DAY))
    query("INSERT INTO quotes SELECT %s, %s, instrument_id, 1, 1, 1, 1, 1 FROM instruments WHERE venue = 'b'", (at, at))
    storage.apply(writer, "quotes", MONTH)
    (chunk,) = storage.expired(writer)
    for archived, safe in (
        ({"a": at + 10 * DAY, "b": at + DAY}, chunk.until),
        ({"a": at + 9 * DAY, "b": at + DAY}, chunk.since),  # the last row itself is not yet
        ({"a": at + 10 * DAY, "b": at - 20 * DAY}, at - 20 * DAY),
        ({"a": at + 10 * DAY}, None),
    ):
        with writer, writer.cursor() as cursor:
            assert storage.received_before(lambda _, venue, known=archived: known.get(venue))(cursor, chunk) == safe


def test_bars_are_told_what_is_gone(writer: RawConnection, query: Query) -> None:
    fill(query)
    storage.apply(writer, "quotes", MONTH)
    first, second, *_ = storage.expired(writer)
    assert storage.drop(writer, first, {**ALL, "archived": lambda _, __: None}) == ["archived"]
    assert query("SELECT raw_from FROM rolled_bars") == [(None,)]
    assert (storage.drop(writer, first, ALL), storage.drop(writer, second, ALL)) == ([], [])
    assert query("SELECT raw_from FROM rolled_bars") == [(second.until,)]


# --- what may not be done -------------------------------------------------------------------------------------------------
def test_a_writer_cannot_go_round_the_guards(writer: RawConnection, query: Query) -> None:
    fill(query)
    storage.apply(writer, "quotes", MONTH)
    for statement in (
        "UPDATE storage SET drop_after = '1 second'",
        "DELETE FROM storage_guards",
        "UPDATE storage_guards SET table_name = 'candles' WHERE guard = 'archived'",
        "INSERT INTO storage_guards VALUES ('candles', 'mine', 'infinity', now())",
        "SELECT drop_chunks('quotes', now())",
        "SELECT set_chunk_time_interval('quotes', INTERVAL '1 hour')",
        "SELECT storage_hold(format('%I.%I', chunk_schema, chunk_name)) FROM timescaledb_information.chunks WHERE range_end > now()",
        "SELECT storage_drop('public.instruments')",
        "SELECT storage_drop(chunk) FROM storage_expired()",
    ):
        with writer.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(statement)
        writer.rollback()
    assert query("SELECT count(*) FROM quotes") == [(35,)]


def test_what_a_guard_said_yesterday_is_no_permission_today(writer: RawConnection, query: Query) -> None:
    fill(query)
    storage.apply(writer, "quotes", MONTH)
    with writer, writer.cursor() as cursor:
        cursor.execute("UPDATE storage_guards SET safe_until = 'infinity', checked_at = now()")
    with writer.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege, match="is held back: not archived, rolled up"):
        cursor.execute("SELECT storage_drop(chunk) FROM storage_expired()")


@pytest.mark.parametrize("role", [roles.READER, roles.CONSOLE])
def test_who_reads_may_look_and_do_nothing(fresh_database_url: str, query: Query, role: str) -> None:
    fill(query)
    roles.let_in(fresh_database_url, role)
    with closing(engine.connect(roles.url_of(fresh_database_url, role), name="test")) as reader, reader.cursor() as cursor:
        for name in ("storage_tables", "storage_growth", "storage_held"):
            storage.look(cursor, name)
        reader.rollback()
        cursor.execute("SET transaction_read_only = off")
        for call in ("storage_apply('quotes', '1 hour', NULL, NULL)", "storage_hold('x')", "storage_drop('x')"):
            cursor.execute("SAVEPOINT before")
            with pytest.raises(errors.InsufficientPrivilege, match="permission denied for function"):
                cursor.execute(f"SELECT {call}")
            cursor.execute("ROLLBACK TO before")


# --- kill -9 --------------------------------------------------------------------------------------------------------------
def _dropping(url: str, steps_left: int) -> None:
    """What a worker does, killed by itself with -9 after so many statements."""

    class Killed(Cursor):
        def execute(self, *arguments: Any) -> None:
            nonlocal steps_left
            if steps_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            steps_left -= 1
            super().execute(*arguments)

    connection = psycopg2.connect(url)
    connection.cursor_factory = Killed
    for chunk in storage.expired(connection):
        storage.drop(connection, chunk, ALL)


def test_a_kill_at_any_statement_leaves_whole_chunks_and_the_next_run_ends_as_without_it(
    fresh_database_url: str, writer: RawConnection, query: Query
) -> None:
    storage.apply(writer, "quotes", MONTH)
    url, ends = writer.dsn, set()
    for steps in range(100):
        fill(query, 31)
        child = os.fork()
        if child == 0:
            _dropping(url, steps)
            os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        (left,) = query("SELECT count(*) FROM quotes")[0]
        assert left in (30 + 2, 30 + 1) if killed else left == 31, f"after {steps} statements"
        for chunk in storage.expired(writer):
            assert storage.drop(writer, chunk, ALL) == []
        ends.add(
            tuple(
                query(
                    "SELECT count(*), max(event_at), min(event_at), (SELECT dropped_until FROM storage WHERE table_name = 'quotes') FROM quotes"
                )
            )
        )
        if not killed:
            break
    assert len(ends) == 1 and steps > 6, "and nothing was left to be done"
