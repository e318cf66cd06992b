"""db.engine: the timeouts that every statement has, and what counts as "away"."""

from contextlib import closing

import psycopg2
import pytest
from sqlalchemy import text

from db import engine, roles


def test_every_connection_has_timeouts_and_utc(fresh_database_url: str) -> None:
    with closing(engine.connect(fresh_database_url, name="a name")) as raw, raw.cursor() as cursor:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", engine.UNCOMPRESSED_ROWS)
        cursor.execute("SELECT current_setting(name) FROM unnest(%s) AS name", (list(names),))
        assert [value for (value,) in cursor.fetchall()] == ["2min", "20s", "5min", "UTC", "0"]
        cursor.execute("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert cursor.fetchone() == ("a name",)
    with engine.engine(fresh_database_url).connect() as pooled:
        assert pooled.scalar(text("SHOW statement_timeout")) == "2min"


def test_the_console_keeps_the_tighter_limits_of_its_role(fresh_database_url: str) -> None:
    assert engine.TIGHTER == roles.CONSOLE
    assert "statement_timeout" not in engine._options(roles.url_of(fresh_database_url, roles.CONSOLE))
    assert "statement_timeout" in engine._options(roles.url_of(fresh_database_url, roles.READER))


def _pid(connection: engine.Connection) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])  # type: ignore[index]


def test_a_kept_connection_serves_again(fresh_database_url: str) -> None:
    with engine.kept(fresh_database_url, name="kept") as first:
        before = _pid(first)
    with engine.kept(fresh_database_url, name="kept") as again, engine.kept(fresh_database_url, name="another") as another:
        assert _pid(again) == before != _pid(another)


def test_a_kept_connection_that_was_cut_while_it_waited_is_replaced(fresh_database_url: str) -> None:
    with engine.kept(fresh_database_url, name="cut") as first:
        before = _pid(first)
    with closing(engine.connect(fresh_database_url, name="test")) as other, other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    with engine.kept(fresh_database_url, name="cut") as again:
        assert _pid(again) != before


def test_a_connection_under_which_something_failed_is_not_kept(fresh_database_url: str) -> None:
    with pytest.raises(ZeroDivisionError), engine.kept(fresh_database_url, name="failed") as first:
        1 / 0  # noqa: B018
    assert first.closed
    with engine.kept(fresh_database_url, name="open") as torn, torn.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert torn.closed, "it was left within a transaction"


def test_a_database_that_is_away_is_unreachable_not_refused() -> None:
    with pytest.raises(engine.UNREACHABLE):
        engine.connect("postgresql+psycopg2://nobody:x@127.0.0.1:1/none", name="test")


def test_a_row_that_does_not_fit_is_refused_not_unreachable(fresh_database_url: str) -> None:
    with closing(engine.connect(fresh_database_url, name="test")) as raw, raw.cursor() as cursor:
        with pytest.raises(engine.REFUSED) as caught:
            cursor.execute("INSERT INTO stream_offsets (stream) VALUES (NULL)")
        assert isinstance(caught.value, psycopg2.errors.NotNullViolation)
