"""db.engine: the timeouts that every statement has, and what counts as "away"."""

from contextlib import closing

import psycopg2
import pytest
from sqlalchemy import text

from db import engine


def test_every_connection_has_timeouts_and_utc(fresh_database_url: str) -> None:
    with closing(engine.connect(fresh_database_url, name="a name")) as raw, raw.cursor() as cursor:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        cursor.execute("SELECT current_setting(name) FROM unnest(%s) AS name", (list(names),))
        assert [value for (value,) in cursor.fetchall()] == ["2min", "20s", "5min", "UTC"]
        cursor.execute("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert cursor.fetchone() == ("a name",)
    with engine.engine(fresh_database_url).connect() as pooled:
        assert pooled.scalar(text("SHOW statement_timeout")) == "2min"


def test_a_database_that_is_away_is_unreachable_not_refused() -> None:
    with pytest.raises(engine.UNREACHABLE):
        engine.connect("postgresql+psycopg2://nobody:x@127.0.0.1:1/none", name="test")


def test_a_row_that_does_not_fit_is_refused_not_unreachable(fresh_database_url: str) -> None:
    with closing(engine.connect(fresh_database_url, name="test")) as raw, raw.cursor() as cursor:
        with pytest.raises(engine.REFUSED) as caught:
            cursor.execute("INSERT INTO stream_offsets (stream) VALUES (NULL)")
        assert isinstance(caught.value, psycopg2.errors.NotNullViolation)
