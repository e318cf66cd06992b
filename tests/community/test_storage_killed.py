"""A server of the community edition that is killed while it compresses: nothing is lost, and the next run does what this one did not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as RawConnection

from core.storage import KEPT
from db import engine, storage
from tests.community import quotes
from tests.community.conftest import community_process

LAST_YEAR_US = 1_750_000_000_000_000
INSTRUMENTS, ROWS = 4, 3000
#: A compression takes some 0.1 s.
KILLED_AFTER = (0.03, 0.07)
LOAD = "DO $$ BEGIN EXECUTE format('LOAD %L', '$libdir/timescaledb-tsl-' || extversion) FROM pg_extension WHERE extname = 'timescaledb'; END $$"
POLICY = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_name = 'quotes'"


@contextmanager
def _server(packages: Path, data: Path) -> Iterator[tuple[Callable[..., list[tuple[Any, ...]]], Any]]:
    """A server that finds its data there: such a one does not load the licensed half by itself, and reads nothing of what is compressed."""
    with community_process(packages, data) as (url, server), closing(engine.connect(url, name="test")) as connection:
        connection.autocommit = True
        ask = _asking(connection)
        ask("SELECT _timescaledb_functions.tsl_loaded()")  # loads the other half
        ask(LOAD)
        yield ask, server


def _asking(connection: RawConnection) -> Callable[..., list[tuple[Any, ...]]]:
    def ask(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    return ask


def test_rows_are_the_same_whenever_it_was_killed(packages: Path, migrate: Callable[..., None], tmp_path: Path) -> None:
    data = tmp_path / "data"
    columns = quotes.many(quotes.like_the_recorded(), INSTRUMENTS, ROWS, from_us=LAST_YEAR_US)
    wanted = list(dict.fromkeys(quotes.rows_of(columns)))
    with community_process(packages, data) as (url, _):
        migrate(url)
        with closing(engine.connect(url, name="test")) as connection:
            storage.apply(connection, "quotes", KEPT["quotes"])
            connection.autocommit = True
            quotes.load(_asking(connection), columns)
    for kill_after in KILLED_AFTER:
        with _server(packages, data) as (ask, server):
            assert quotes.rows_in(ask) == wanted
            threading.Timer(kill_after, server.kill).start()
            with suppress(psycopg2.OperationalError):  # or just behind its end
                ask(f"CALL run_job({ask(POLICY)[0][0]})")
            server.wait()
    with _server(packages, data) as (ask, _):
        ask(f"CALL run_job({ask(POLICY)[0][0]})")
        assert ask("SELECT bool_and(is_compressed) FROM timescaledb_information.chunks WHERE hypertable_name = 'quotes'") == [(True,)]
        assert quotes.rows_in(ask) == wanted
