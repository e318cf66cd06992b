"""Bars on the Apache edition: equal to plain SQL over raw rows, however late those come and whoever is killed meanwhile."""

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2
import pytest
from psycopg2.extensions import connection as RawConnection
from sqlalchemy import text

from db import engine, offsets, roles, rollups, writing
from db.offsets import Advance, Counts, Fenced, Offset
from db.touched import Touched, minutes
from db.writing import Work
from tests.rolling import at, compare, market, part, us

CHECKOUT = Path(__file__).resolve().parents[2]
Query = Callable[..., list[tuple[Any, ...]]]
Tables = dict[str, dict[str, Any]]


class Writer:
    """Writes batches of a stream of its own, as a drain does."""

    def __init__(self, connection: RawConnection, name: str = "v:c:0:a") -> None:
        self._connection, self._name, self._ids = connection, name, itertools.count(1)
        self._last, self.touched = "0-0", Touched()
        with connection, connection.cursor() as cursor:
            offsets.load(cursor, name, offsets.Place(*name.split(":")[:3]))

    def write(self, tables: Tables) -> None:
        after = f"{next(self._ids)}-0"
        step = Advance(self._name, self._last, Offset(after, {}), Counts())
        writing.commit(self._connection, writing.prepare([Work(step, list(tables.items()))]), self.touched)
        self._last = after


def roll(connection: RawConnection, most: int = 100) -> int:
    """All that is due, in small parts; returns how many notes that were."""
    newest = rollups.look(connection)
    count = 0
    for step in (lambda cursor: rollups.minutes(cursor, newest, most=most), lambda cursor: rollups.hours(cursor, most=most)):
        while True:
            with connection, connection.cursor() as cursor:
                done = step(cursor)
            count += done
            if not done:
                break
    return count


@pytest.fixture
def writer(connection: RawConnection) -> Writer:
    return Writer(connection)


@pytest.fixture
def roller(fresh_database_url: str) -> Any:
    with closing(engine.connect(fresh_database_url, name="roller")) as opened:
        yield opened


INSTRUMENTS = (
    "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) "
    "SELECT n, 'v', n::text, 'open', now(), now() FROM generate_series(1, 3) n"
)
#: The hour that goes on has no bar yet.
CLOSED = {"bars_1h": at(3 * 3600)}


@pytest.mark.parametrize("seed", range(3))
def test_bars_are_what_plain_sql_says_however_late_the_rows_are(query: Query, writer: Writer, roller: RawConnection, seed: int) -> None:
    random = np.random.default_rng(seed)
    tables = market(random, 4000, 2.2 * 3600)
    rounds = random.integers(0, 4, 4000)
    for number in range(4):
        writer.write(part(tables, rounds == number))
        roll(roller)
        assert compare(query, CLOSED) > 500
    assert query("SELECT count(*) FROM stale_bars") == [(0,)]
    shown = query("SELECT count(*), sum(updates) FROM bars_1s")
    query(INSTRUMENTS)
    assert query("SELECT count(*), sum(updates) FROM marketdata.bt_1s WHERE venue = 'v'") == shown


def test_rows_that_are_late_touch_their_minute_of_their_instrument_and_no_other(
    query: Query, writer: Writer, roller: RawConnection
) -> None:
    writer.write(market(np.random.default_rng(3), 1000, 600))
    roll(roller)
    query("UPDATE rollups.bars_1s SET updates = -1")
    query("UPDATE rollups.bars_1m SET updates = -1")
    late = part(market(np.random.default_rng(4), 9, 1, since=121, first=10_000), slice(0, 1))
    writer.write({"trades": late["trades"]})
    assert roll(roller) == 2, "a minute, and its hour"
    instrument = int(late["trades"]["instrument_id"][0])
    assert query("SELECT DISTINCT instrument_id, date_trunc('minute', bucket) FROM bars_1s WHERE updates <> -1") == [(instrument, at(120))]
    assert query(
        "SELECT count(*) FROM bars_1s WHERE updates = -1 AND instrument_id = %s AND bucket >= %s AND bucket < %s",
        (instrument, at(120), at(180)),
    ) == [(0,)]
    assert query("SELECT instrument_id, bucket FROM bars_1m WHERE updates <> -1") == [(instrument, at(120))]


def _move(tables: Tables, to_us: int) -> Tables:
    for columns in tables.values():
        columns["event_at"][:] = to_us
    return tables


def test_a_minute_that_goes_on_waits(query: Query, writer: Writer, roller: RawConnection) -> None:
    ((now_us,),) = query("SELECT (extract(epoch FROM now()) * 1000000)::bigint")
    writer.write(_move(market(np.random.default_rng(5), 10, 1), int(now_us)))
    assert roll(roller) == 0
    assert query("SELECT count(*) FROM bars_1s") == [(0,)]


def test_an_hour_that_goes_on_waits(query: Query, writer: Writer, roller: RawConnection) -> None:
    ((hour_us,),) = query("SELECT (extract(epoch FROM date_trunc('hour', now())) * 1000000)::bigint")
    writer.write(_move(market(np.random.default_rng(5), 10, 1), int(hour_us)))
    query("UPDATE rolled_bars SET closed_until = to_timestamp(%s / 1000000 + 60)", (hour_us,))
    assert roll(roller) > 0
    assert query("SELECT count(*) > 0, (SELECT count(*) FROM bars_1h) FROM bars_1s") == [(True, 0)]
    assert query("SELECT bars, instrument_id, from_at = date_trunc('hour', from_at) FROM stale_bars") == [("bars_1h", None, True)]


def test_what_a_broken_clock_says_of_the_future_is_rolled_up_at_once(query: Query, writer: Writer, roller: RawConnection) -> None:
    query(INSTRUMENTS)
    writer.write(_move(market(np.random.default_rng(5), 10, 1), int(us(10 * 365 * 86_400))))
    roll(roller)
    assert compare(query) > 0


# --- notes ------------------------------------------------------------------------------------------------------------------
def test_rows_and_notes_are_written_together_or_not_at_all(query: Query, connection: RawConnection, writer: Writer) -> None:
    tables = market(np.random.default_rng(6), 10, 1)
    step = Advance("v:c:0:a", "7-7", Offset("8-0", {}), Counts())
    batch = writing.prepare([Work(step, list(tables.items()))])
    for _ in range(2):
        with pytest.raises(Fenced):
            writing.commit(connection, batch, writer.touched)
        assert query("SELECT count(*) FROM stale_bars") == [(0,)]
    writer.write(tables)
    assert query("SELECT count(*) FROM stale_bars") == [(len(batch.touched),)]


def test_a_note_will_do_until_somebody_looks(query: Query, writer: Writer, roller: RawConnection) -> None:
    random = np.random.default_rng(7)
    noted = []
    for first in (0, 100, 200):
        writer.write(market(random, 100, 1, first=first))
        noted += query("SELECT count(*) FROM stale_bars")
    assert noted == [(3,), (3,), (3,)]
    rollups.look(roller)
    writer.write(market(random, 100, 1, first=300))
    assert query("SELECT count(*) FROM stale_bars") == [(6,)]
    roll(roller)
    assert compare(query, CLOSED) > 0


def test_notes_are_minutes_of_instruments() -> None:
    columns = {"event_at": np.array([0, 59_999_999, 60_000_000, -1]), "instrument_id": np.array([7, 7, 7, 2**31 - 1], np.int32)}
    assert minutes({"quotes": [columns], "candles": [columns]}) == {7, (1 << 31) | 7, (-1 << 31) | 2**31 - 1}


def test_minutes_before_1970_are_noted_as_they_are(query: Query, writer: Writer) -> None:
    tables = part(market(np.random.default_rng(8), 1, 1), slice(None))
    tables["quotes"]["event_at"][:] = -1
    writer.write({"quotes": tables["quotes"]})
    assert query("SELECT to_at = to_timestamp(0), to_at - from_at = INTERVAL '1 minute' FROM stale_bars") == [(True, True)]


def test_a_writer_that_stays_in_its_commit_keeps_looks_waiting_and_no_writer(
    query: Query, fresh_database_url: str, writer: Writer, roller: RawConnection
) -> None:
    with closing(engine.connect(fresh_database_url, name="stuck")) as stuck, stuck.cursor() as cursor:
        cursor.execute("SELECT rollups.looks()")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            rollups.look(roller)
        writer.write(market(np.random.default_rng(9), 10, 1))
    roll(roller)
    assert compare(query, CLOSED) > 0


def test_the_role_that_writes_may_roll_up(query: Query, fresh_database_url: str) -> None:
    roles.let_in(fresh_database_url, roles.WRITER)
    with closing(engine.connect(roles.url_of(fresh_database_url, roles.WRITER), name="test")) as connection:
        Writer(connection).write(market(np.random.default_rng(16), 100, 60))
        assert roll(connection) > 0
    assert compare(query, CLOSED) > 0


# --- many at once, and killed ones ------------------------------------------------------------------------------------------
def test_writers_and_rollers_side_by_side_forget_nothing(query: Query, fresh_database_url: str, roller: RawConnection) -> None:
    tables = market(np.random.default_rng(10), 3000, 1800)

    def write(number: int) -> None:
        with closing(engine.connect(fresh_database_url, name="test")) as connection:
            writer = Writer(connection, f"v:c:{number}:a")
            for begin in range(number, 3000, 60):
                writer.write(part(tables, slice(begin, begin + 60, 3)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        roll(roller)
    roll(roller)
    assert query("SELECT count(*) FROM quotes") == [(3000,)]
    assert compare(query, CLOSED) > 500


#: Says a word after each statement that may be the last, and goes on when it is answered.
_ROLLER = """
import sys
from contextlib import closing
from db import engine, rollups
def pause():
    print("here", flush=True)
    sys.stdin.readline()
with closing(engine.connect(sys.argv[1], name="killed")) as connection:
    newest = rollups.look(connection)
    pause()
    for step in (lambda cursor: rollups.minutes(cursor, newest, most=60), rollups.hours):
        done = True
        while done:
            with connection, connection.cursor() as cursor:
                done = step(cursor)
                pause()
            pause()
"""


def test_killed_anywhere_and_run_again_it_comes_to_the_same(
    query: Query, fresh_database_url: str, writer: Writer, roller: RawConnection
) -> None:
    tables = market(np.random.default_rng(11), 1000, 1.5 * 3600)
    for number in range(5):
        writer.write(part(tables, slice(number, None, 5)))
        argv = [sys.executable, "-c", _ROLLER, fresh_database_url]
        with subprocess.Popen(argv, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdin is not None and killed.stdout is not None
            for step in range(1 + number):
                assert killed.stdout.readline() == "here\n"
                if step < number:
                    killed.stdin.write("\n")
                    killed.stdin.flush()
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        roll(roller)
        assert compare(query, CLOSED) > 100


# --- what others ask ----------------------------------------------------------------------------------------------------------
def test_it_is_known_until_when_all_is_rolled_up(writer: Writer, roller: RawConnection) -> None:
    def until() -> Any:
        with roller, roller.cursor() as cursor:
            return rollups.rolled_until(cursor)

    assert until() is None
    roll(roller)
    assert until() > at(2.5 * 3600)
    writer.write(market(np.random.default_rng(12), 50, 1, since=60))
    assert until() == at(60)
    roll(roller)
    assert until() > at(2.5 * 3600)


def test_bars_of_rows_that_were_dropped_stay(query: Query, writer: Writer, roller: RawConnection) -> None:
    writer.write(market(np.random.default_rng(13), 300, 1000))
    roll(roller)
    before = query("SELECT * FROM bars_1s ORDER BY 1, 2")
    with roller, roller.cursor() as cursor:
        rollups.raw_dropped(cursor, at(86_400))
        cursor.execute("TRUNCATE quotes, trades")
    writer.write(market(np.random.default_rng(14), 5, 1000))
    roll(roller)
    assert query("SELECT * FROM bars_1s ORDER BY 1, 2") == before
    assert query("SELECT count(*) FROM stale_bars") == [(0,)]


def test_what_concerns_all_instruments_is_taken_in_small_parts(query: Query, roller: RawConnection) -> None:
    query(
        "INSERT INTO stale_bars (bars, from_at, to_at) SELECT 'bars_1m', at, at + INTERVAL '10 minutes' "
        "FROM generate_series(%s::timestamptz, %s, INTERVAL '10 minutes') at",
        (at(0), at(7200)),
    )
    newest = rollups.look(roller)
    taken = []
    for _ in range(3):
        with roller, roller.cursor() as cursor:
            taken.append(rollups.minutes(cursor, newest))
    assert taken == [2, 2, 2]


def test_rows_from_before_there_were_bars_are_rolled_up(
    migrate: Callable[..., None], empty_database: Callable[[], str], fresh_database_url: str
) -> None:
    url = empty_database()
    migrate(url, "0011")
    tables = market(np.random.default_rng(15), 500, 1.2 * 3600)
    with engine.engine(url).begin() as connection:
        connection.execute(text(INSTRUMENTS))
        for name, columns in tables.items():
            values = {column: array.tolist() for column, array in columns.items()}
            times = {"event_at": "to_timestamp(:event_at / 1000000.0)", "received_at": "to_timestamp(:received_at / 1000000.0)"}
            places = ", ".join(times.get(column, f":{column}") for column in values)
            rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
            connection.execute(text(f"INSERT INTO {name} ({', '.join(values)}) VALUES ({places})"), rows)
    migrate(url)
    with closing(engine.connect(url, name="test")) as opened:
        roll(opened)

        def ask(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
            with opened, opened.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall()

        assert compare(ask, CLOSED) > 200
    engine.engine(url).dispose()
