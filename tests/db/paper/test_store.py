"""The paper engine in a real database: stopped anywhere it goes on as if nothing had been, and its figures are those of plain SQL."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor

from db import engine as database
from db import roles
from db.paper import store
from paper.engine import Engine
from paper.events import Event, Halted, ResultSaid
from tests.paper.market import RULES, START_US, Trader, events, pair

Query = Callable[..., list[tuple[Any, ...]]]
TABLES = ["opportunities", "orders", "fills", "open_positions", "paper_settlements", "risk_states", "audit_logs", "paper_state"]


@pytest.fixture(scope="module")
def cursor(migrated_database_url: str) -> Iterator[Cursor]:
    """Of a transaction that nobody else ever sees."""
    with closing(database.connect(migrated_database_url, name="test")) as connection, connection.cursor() as opened:
        yield opened
        connection.rollback()


def run(cursor: Cursor, told: list[Event], cuts: set[int]) -> None:
    """Tell everything; at each cut what is known is stored, forgotten and loaded again."""
    engine = Engine(RULES, store.load(cursor))
    for number, event in enumerate(told):
        if number in cuts:
            store.save(cursor, engine.take(), offset=f"{number}-0")
            assert store.offset(cursor) == f"{number}-0"
            engine = Engine(RULES, store.load(cursor))
        engine.handle(event)
    store.save(cursor, engine.take(), offset="end")


def everything(cursor: Cursor) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for table in TABLES:
        cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
        found[table] = cursor.fetchall()
    return found


@contextmanager
def undone(cursor: Cursor) -> Iterator[None]:
    cursor.execute("SAVEPOINT before")
    try:
        yield
    finally:
        cursor.execute("ROLLBACK TO before")


def rows_of(cursor: Cursor, told: list[Event], cuts: set[int]) -> dict[str, list[tuple[Any, ...]]]:
    with undone(cursor):
        run(cursor, told, cuts)
        return everything(cursor)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), cuts=st.sets(st.integers(0, 399), min_size=1, max_size=12))
@example(seed=3007, cuts={178})  # a pair is withdrawn while its order is under way, and comes back
def test_stopped_anywhere_it_goes_on_as_if_nothing_had_been(cursor: Cursor, seed: int, cuts: set[int]) -> None:
    told = list(events(seed, 400))
    assert rows_of(cursor, told, cuts) == rows_of(cursor, told, set())


def test_stopped_between_all_events_it_does_the_same(cursor: Cursor) -> None:
    told = list(events(11, 250))
    found = rows_of(cursor, told, set(range(len(told))))
    assert found == rows_of(cursor, told, set())
    assert all(found[table] for table in ("orders", "fills", "audit_logs")), "a day on which something happened"


# --- figures --------------------------------------------------------------------------------------------------------------
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_profit_is_what_plain_sql_makes_of_fills_and_settlements(cursor: Cursor, seed: int) -> None:
    with undone(cursor):
        run(cursor, list(events(seed, 600)), set())
        found = store.profit(cursor)
        assert [row["realised"] for row in found] == [row["told"] for row in found]
        traded = {
            int(name[5:])
            for name, scope in store.load(cursor).scopes.items()
            if name.startswith("pair ") and (scope.bound or scope.realised)
        }
        assert traded <= {row["pair_id"] for row in found}
        cursor.execute("SELECT scope, cash, realised - bound FROM risk_states WHERE scope LIKE 'venue %'")
        assert all(cash == RULES.cash.get(scope[6:], 0) + earned for scope, cash, earned in cursor.fetchall())


def figures(cursor: Cursor) -> dict[str, Decimal]:
    (row,) = store.profit(cursor)
    return {name: row[name] for name in ("cash", "fees", "settled", "at_cost", "realised")}


def test_a_lock_to_its_settlement(cursor: Cursor) -> None:
    """Worked by hand: 10 YES at 0.40 and 10 NO at 0.50 cost 9 dollars and pay 10."""
    with undone(cursor):
        trader = Trader(pair(sources=1))
        trader.offer(ask="0.40", bid="0.50", shares=10)
        trader.wait(5)
        store.save(cursor, trader.engine.take(), offset="1-0")
        assert figures(cursor) == {"cash": -9, "fees": 0, "settled": 0, "at_cost": 9, "realised": 0}
        cursor.execute(
            "SELECT venue, outcome, quantity, cost, opened_at > to_timestamp(%s) FROM open_positions ORDER BY venue", (START_US / 1e6,)
        )
        assert cursor.fetchall() == [("east", "yes", 10, 4, True), ("west", "no", 10, 5, True)]

        for number in (11, 12):
            trader.tell(ResultSaid(trader.now, number, "exchange", "resolved", Decimal(1)))
        store.save(cursor, trader.engine.take(), offset="2-0")
        cursor.execute("SELECT count(*) FROM open_positions")
        assert cursor.fetchall() == [(0,)]
        assert figures(cursor) == {"cash": 1, "fees": 0, "settled": 10, "at_cost": 0, "realised": 1}


# --- the chain ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def writer(fresh_database_url: str) -> Iterator[RawConnection]:
    """As the farm's workers are where it has roles."""
    roles.let_in(fresh_database_url, roles.WRITER)
    with closing(database.connect(roles.url_of(fresh_database_url, roles.WRITER), name="test")) as opened:
        yield opened


def lived(connection: RawConnection, count: int = 300) -> None:
    with connection, connection.cursor() as cursor:
        run(cursor, list(events(5, count)), {100, 200})


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_logs SET kind = 'x' WHERE number = 2", "DELETE FROM audit_logs WHERE number = 2", "TRUNCATE audit_logs"]
)
def test_decisions_are_neither_changed_nor_taken_away(writer: RawConnection, connection: RawConnection, statement: str) -> None:
    lived(writer)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), writer, writer.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(psycopg2.errors.RestrictViolation, match="audit_logs only grows"), connection, connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ('UPDATE audit_logs SET details = details || \'{"reason": "none"}\' WHERE number = 20', "row 20 is not what was written"),
        ("UPDATE audit_logs SET at = at + INTERVAL '1 microsecond' WHERE number = 20", "row 20 is not what was written"),
        ("DELETE FROM audit_logs WHERE number = 20", "row 20 is missing: the next is 21"),
        ("DELETE FROM audit_logs WHERE number > 20", "of 20 is not its last"),
    ],
)
def test_who_does_it_nevertheless_is_found_out(connection: RawConnection, harm: str, words: str) -> None:
    lived(connection)
    with connection, connection.cursor() as cursor:
        whole = store.audit(cursor)
        assert whole.broken is None
        assert whole.rows > 20
        cursor.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL")
        cursor.execute(harm)
        found = store.audit(cursor)
    assert found.broken is not None
    assert words in found.broken


def test_a_second_engine_that_goes_on_from_the_same_state_is_refused(connection: RawConnection) -> None:
    lived(connection)
    with connection, connection.cursor() as cursor:
        one, other = Engine(RULES, store.load(cursor)), Engine(RULES, store.load(cursor))
    later = list(events(5, 300))[-1].at_us + 10_000_000

    for engine in (one, other):
        engine.handle(Halted(later, "pair 99", "a second one"))
    with connection, connection.cursor() as cursor:
        store.save(cursor, one.take(), offset="a")
    with pytest.raises(psycopg2.IntegrityError), connection, connection.cursor() as cursor:
        store.save(cursor, other.take(), offset="b")
    with connection, connection.cursor() as cursor:
        assert store.offset(cursor) == "a"


def test_a_state_that_cannot_be_read_is_an_error(cursor: Cursor) -> None:
    with undone(cursor):
        cursor.execute("INSERT INTO paper_state VALUES ('novelty 7', '{}')")
        with pytest.raises(ValueError, match="'novelty 7' is no entry"):
            store.load(cursor)
