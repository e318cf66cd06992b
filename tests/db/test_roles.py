"""The roles of migration 0011: each may do its work in the database, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor
from sqlalchemy.engine import make_url

from core.records import KINDS, TRADES
from db import copy, engine, roles
from ops.local.servers import Postgres, Servers

ROLES = (roles.WRITER, roles.READER, roles.CONSOLE, roles.BACKUP)
NOW_US = 1_790_000_000_000_000
Query = Callable[..., list[tuple[Any, ...]]]


@contextmanager
def acting_as(url: str, role: str) -> Iterator[Cursor]:
    """A connection without the timeouts of our own programs, as psql and other clients make it."""
    roles.let_in(url, role)
    plain = make_url(roles.url_of(url, role)).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(plain)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


def trades(first: int, count: int) -> dict[str, Any]:
    columns = {name: np.arange(first, first + count) for name in ("trade_id", "first_trade_id", "last_trade_id")}
    return columns | {
        "event_at": NOW_US + np.arange(count) * 86_400_000_000,  # a chunk of its own for each
        "received_at": np.full(count, NOW_US),
        "instrument_id": np.full(count, 1),
        "price": np.full(count, 0.1),
        "quantity": np.full(count, 1.0),
        "side": np.full(count, 1),
    }


def test_the_writer_writes_rows_into_new_chunks_and_takes_them_back(fresh_database_url: str, query: Query) -> None:
    with acting_as(fresh_database_url, roles.WRITER) as cursor:
        copy.copy(cursor, TRADES, copy.encode(TRADES, [trades(1, 3)]))
        cursor.execute("BEGIN")  # the staging table lives as long
        assert copy.copy_once(cursor, TRADES, copy.encode(TRADES, [trades(2, 3)])) > 0
        cursor.execute("COMMIT")
        cursor.execute("UPDATE trades SET price = 0.2")
        cursor.execute("DELETE FROM trades WHERE trade_id = 1")
        # triggers, identities
        cursor.execute(
            "INSERT INTO data_gaps (venue, channel, shard, cause, received_from) VALUES ('v', 'c', '0', 'x', now() - INTERVAL '1 h')"
        )
        cursor.execute("SELECT count(*) FROM stale_coverage")
        assert cursor.fetchone() != (0,)
    assert query("SELECT count(DISTINCT price) FROM trades") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE trades",
        "ALTER TABLE trades ADD COLUMN x INT",
        "TRUNCATE trades",
        "CREATE TABLE mine (x INT)",
        "CREATE ROLE another",
        "ALTER ROLE tapefarm_writer SUPERUSER",
        "SELECT drop_chunks('trades', now())",
        "UPDATE alembic_version SET version_num = '0001'",
        "COPY trades TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
        "SET ROLE tapefarm_console",
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_nobody_but_the_owner_changes_what_the_database_is(fresh_database_url: str, role: str, statement: str) -> None:
    if role == roles.CONSOLE and statement.startswith("SET ROLE"):
        pytest.skip("itself")
    with acting_as(fresh_database_url, role) as cursor:
        cursor.execute("SET default_transaction_read_only = off")  # a setting is no right
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(statement)


@pytest.mark.parametrize("role", [roles.READER, roles.CONSOLE, roles.BACKUP])
def test_who_reads_reads_everything_and_writes_nothing(fresh_database_url: str, query: Query, role: str) -> None:
    query("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('v', 'A', 'open', now(), now())")
    query("INSERT INTO trades SELECT now(), now(), instrument_id, 1, 1, 1, 1 FROM instruments")
    tables = [row[0] for row in query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")]
    views = [row[0] for row in query("SELECT 'marketdata.' || table_name FROM information_schema.views WHERE table_schema = 'marketdata'")]
    assert len(tables) > len(KINDS) and views
    with acting_as(fresh_database_url, role) as cursor:
        for name in [*tables, *views]:
            cursor.execute(f"SELECT count(*) FROM {name}")
        cursor.execute("SELECT count(*) FROM marketdata.agg_trades")
        assert cursor.fetchone() == (1,)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            cursor.execute("CREATE TEMP TABLE t (x INT); INSERT INTO instruments SELECT * FROM instruments")
        cursor.execute("SET default_transaction_read_only = off")
        for statement in ("DELETE FROM trades", "UPDATE instruments SET venue = ''", "INSERT INTO system_metadata VALUES ('x', '1')"):
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(statement)


def test_a_statement_of_who_reads_has_a_bound(fresh_database_url: str) -> None:
    bounds = {}
    for role in ROLES:
        with acting_as(fresh_database_url, role) as cursor:
            cursor.execute("SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')")
            bounds[role] = cursor.fetchone()
    # A writer has the server's own.
    assert bounds == {
        roles.WRITER: ("1h", "10min"),
        roles.READER: ("15min", "10min"),
        roles.CONSOLE: ("15s", "30s"),
        roles.BACKUP: ("1h", "10min"),  # and its programs take them off
    }


def test_what_later_migrations_make_is_covered(fresh_database_url: str, query: Query) -> None:
    query("CREATE TABLE later (at TIMESTAMPTZ NOT NULL, id BIGINT GENERATED BY DEFAULT AS IDENTITY)")
    query("SELECT create_hypertable('later', 'at')")
    query("CREATE VIEW marketdata.later AS SELECT * FROM later")
    with acting_as(fresh_database_url, roles.WRITER) as cursor:
        cursor.execute("INSERT INTO later VALUES (now()), (now() - INTERVAL '90 days')")
    with acting_as(fresh_database_url, roles.READER) as cursor:
        cursor.execute("SELECT count(*) FROM marketdata.later")
        assert cursor.fetchone() == (2,)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            cursor.execute("DELETE FROM later")


def test_over_the_network_a_role_needs_its_password(private_servers: Callable[[], Servers]) -> None:
    server = private_servers().postgres.server
    assert isinstance(server, Postgres)
    with closing(engine.connect(server.url, name="test")) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regrole('tapefarm_reader') IS NOT NULL")
        if cursor.fetchone() != (True,):
            cursor.execute("CREATE ROLE tapefarm_reader")
    reader = roles.url_of(server.tcp_url, roles.READER, "it's a p%ssword")
    for password in (None, "another"):
        roles.let_in(server.tcp_url, roles.READER, password)
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed") as caught:
            engine.connect(reader, name="test")
        assert "p%ssword" not in str(caught.value)
    roles.let_in(server.tcp_url, roles.READER, "it's a p%ssword")
    engine.connect(reader, name="test").close()
    roles.let_in(server.url, roles.READER)
