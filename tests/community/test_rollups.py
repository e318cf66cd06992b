"""Continuous aggregates on the community edition: bars equal to plain SQL, refreshed where rows came and nowhere else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2.extensions import connection as RawConnection
from psycopg2.extras import execute_values

from db import rollups
from db.moments import moment
from db.touched import Touched, minutes
from tests.rolling import at, compare, market, part, us

Ask = Callable[..., list[tuple[Any, ...]]]
Write = Callable[[dict[str, dict[str, Any]]], None]
AGGREGATES = [f"rollups.{kind}_{width}" for width in ("1s", "1m", "1h") for kind in ("quotes", "trades")]


@pytest.fixture
def write(community: RawConnection, ask: Ask) -> Write:
    """Rows and the notes of what they touch, in one transaction, as writers do it but for COPY; into tables that are empty at first."""
    for statement in ("TRUNCATE quotes, trades", "TRUNCATE stale_bars", "UPDATE rolled_bars SET raw_from = NULL"):
        ask(statement)
    for aggregate in AGGREGATES:
        ask(f"CALL refresh_continuous_aggregate('{aggregate}', NULL, NULL)")

    def insert(tables: dict[str, dict[str, Any]]) -> None:
        with community.cursor() as cursor:
            cursor.execute("BEGIN")
            for name, columns in tables.items():
                times = {column: [moment(us) for us in columns[column].tolist()] for column in ("event_at", "received_at")}
                values = {column: array.tolist() for column, array in columns.items()} | times
                execute_values(
                    cursor, f"INSERT INTO {name} ({', '.join(values)}) VALUES %s", list(zip(*values.values(), strict=True)), page_size=1000
                )
            Touched().note(cursor, minutes({name: [columns] for name, columns in tables.items()}))
            cursor.execute("COMMIT")

    return insert


@pytest.fixture
def roll_up(ask: Ask) -> Callable[[], None]:
    """The job, as the database runs it; here it has no background workers."""
    ((job,),) = ask("SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'roll_up'")
    return lambda: ask(f"CALL run_job({job})") and None


@pytest.mark.parametrize("seed", [1, 2])
def test_bars_are_what_plain_sql_says_however_late_the_rows_are(ask: Ask, write: Write, roll_up: Callable[[], None], seed: int) -> None:
    random = np.random.default_rng(seed)
    tables = market(random, 1500, 2.2 * 3600)
    rounds = random.integers(0, 3, 1500)
    for number in range(3):
        write(part(tables, rounds == number))
        roll_up()
        assert compare(ask, {"bars_1h": at(3 * 3600)}) > 200
    assert ask("SELECT count(*) FROM stale_bars WHERE bars = 'bars_1m'") == [(0,)]


def test_rows_that_are_late_refresh_the_time_they_touched_and_no_other(ask: Ask, write: Write, roll_up: Callable[[], None]) -> None:
    tables = market(np.random.default_rng(3), 400, 600)
    write(tables)
    roll_up()
    ((relation,),) = ask(
        "SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) "
        "FROM timescaledb_information.continuous_aggregates WHERE view_name = 'trades_1s'"
    )
    ask(f"UPDATE {relation} SET trades = -1")
    late = part(market(np.random.default_rng(4), 1, 1, since=121, first=10_000), slice(None))
    write(late)
    roll_up()
    assert ask("SELECT DISTINCT bucket FROM bars_1s WHERE trades > 0") == [(at(121),)]


def test_rows_that_come_late_into_what_is_compressed_are_rolled_up_too(ask: Ask, write: Write, roll_up: Callable[[], None]) -> None:
    tables = market(np.random.default_rng(9), 400, 3000)
    write(part(tables, slice(0, 300)))
    roll_up()
    for table in ("quotes", "trades"):
        ask(f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id')")
        ask(f"SELECT compress_chunk(c) FROM show_chunks('{table}') c")
    write(part(tables, slice(300, 400)))
    roll_up()
    assert compare(ask, {"bars_1h": at(3 * 3600)}) > 100


def test_a_job_that_dies_before_it_has_forgotten_does_it_again(ask: Ask, write: Write, roll_up: Callable[[], None]) -> None:
    write(market(np.random.default_rng(10), 300, 3000))
    ask("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'dead'; END $$")
    ask("CREATE TRIGGER dies BEFORE DELETE ON stale_bars FOR EACH STATEMENT EXECUTE FUNCTION die()")
    ((notes,),) = ask("SELECT count(*) FROM stale_bars")
    with pytest.raises(psycopg2.Error, match="dead"):
        roll_up()
    assert ask("SELECT count(*) FROM stale_bars") == [(notes,)]
    ask("DROP FUNCTION die CASCADE")
    roll_up()
    assert compare(ask, {"bars_1h": at(3 * 3600)}) > 100


def test_policies_alone_keep_what_goes_on(ask: Ask, write: Write) -> None:
    tables = market(np.random.default_rng(5), 200, 60)
    ((now_us,),) = ask("SELECT (extract(epoch FROM date_trunc('minute', now())) * 1000000)::bigint")
    for columns in tables.values():
        columns["event_at"] = columns["event_at"] - us(0) + int(now_us) - 120_000_000
    write(tables)
    jobs = ask(
        "SELECT j.job_id FROM timescaledb_information.jobs j JOIN timescaledb_information.continuous_aggregates c "
        "ON c.view_name = j.hypertable_name WHERE j.proc_name = 'policy_refresh_continuous_aggregate' ORDER BY j.job_id"
    )
    assert len(jobs) == len(AGGREGATES)
    for (job,) in jobs:
        ask(f"CALL run_job({job})")
    assert compare(ask, {"bars_1h": moment(int(now_us) - 3600_000_000)}) > 20  # type: ignore[dict-item]


def test_bars_of_rows_that_were_dropped_stay(ask: Ask, community: RawConnection, write: Write, roll_up: Callable[[], None]) -> None:
    write(market(np.random.default_rng(6), 300, 1000))
    roll_up()
    before = ask("SELECT * FROM bars_1s ORDER BY 1, 2")
    with community.cursor() as cursor:
        rollups.raw_dropped(cursor, at(86_400))
    for table in ("quotes", "trades"):
        ask(f"SELECT drop_chunks('{table}', %s::timestamptz)", (at(3 * 86_400),))
    write(market(np.random.default_rng(7), 5, 1000))
    roll_up()
    assert (ask("SELECT count(*) FROM quotes"), ask("SELECT * FROM bars_1s ORDER BY 1, 2") == before) == ([(5,)], True)


def test_it_is_known_until_when_all_is_rolled_up(ask: Ask, community: RawConnection, write: Write, roll_up: Callable[[], None]) -> None:
    roll_up()
    with community.cursor() as cursor:
        assert rollups.by_the_database(cursor)
        assert (rollups.rolled_until(cursor) or at(0)) > at(2.5 * 3600)
        write(market(np.random.default_rng(8), 50, 1, since=60))
        assert rollups.rolled_until(cursor) == at(60)
        roll_up()
        assert (rollups.rolled_until(cursor) or at(0)) > at(2.5 * 3600)
