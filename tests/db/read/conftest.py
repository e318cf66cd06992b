"""A database with two days of rows, and every closed day of it as files; both for all tests of the folder."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from db.read import Source
from tests.db.parquet.recorded import exported, fill

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def ask(template: str, empty_database: Callable[[str], str]) -> Iterator[Query]:
    """Look into, or change, the database of this module."""
    url = empty_database(template)
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(plain)) as connection:
        connection.autocommit = True

        def query(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []

        query("SET timezone = 'UTC'")
        query.url = url  # type: ignore[attr-defined]
        yield query


@pytest.fixture(scope="module")
def url(ask: Query) -> str:
    fill(ask)
    # Some rows come late, by minutes or by days.
    ask("UPDATE quotes SET received_at = event_at + (update_id % 7) * INTERVAL '5 minutes' WHERE update_id % 3 = 0")
    ask("UPDATE trades SET received_at = event_at + INTERVAL '2 days' WHERE trade_id % 5 = 0")
    ask("UPDATE quotes SET ask_price = 0 WHERE update_id % 11 = 0")
    ask("UPDATE trades SET side = -1 WHERE trade_id % 2 = 0")
    return ask.url  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="module")
def files(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All closed days."""
    folder = tmp_path_factory.mktemp("parquet")
    exported(url, folder)
    return folder


@pytest.fixture(scope="module")
def database(url: str) -> Source:
    """Nothing but the database."""
    return Source(url, None)
