"""A database with rows in it, and what is needed to back it up and to restore it."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pyrage
import pytest
from sqlalchemy.engine import make_url

from core.settings import Settings
from db.backups import restoring
from db.backups.restoring import Target
from ops.local.servers import Servers

Query = Callable[..., list[tuple[Any, ...]]]

DAYS = 4
ROWS = """
INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) SELECT 'v', 'S' || n, 'open', now(), now() FROM generate_series(1, 20) n;
INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side)
SELECT now() - n * INTERVAL '1 minute', now(), 1 + n % 20, n, 0.1 * n, 1, -1 FROM generate_series(0, 4 * 1440 - 1) n;
INSERT INTO system_metadata (key, value) VALUES ('canary:x', '{"a": [1, null, "ä"]}');
"""


@pytest.fixture(scope="session")
def postgres_programs(private_servers: Callable[[], Servers]) -> str:
    return str(Path(private_servers().postgres.server.argv[0]).parent)


@pytest.fixture
def knobs(fresh_database_url: str, query: Query, postgres_programs: str, tmp_path: Path) -> Settings:
    query(ROWS)
    (tmp_path / "data" / "backups").mkdir(mode=0o700, parents=True)
    return Settings(database_url=fresh_database_url, farm_data=str(tmp_path / "data"), postgres_programs=postgres_programs)


@pytest.fixture
def place(knobs: Settings) -> Path:
    return knobs.data / "backups"


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, Path]:
    """(public key, file with the private one)."""
    identity = pyrage.x25519.Identity.generate()
    path = tmp_path / "key.txt"
    path.touch(mode=0o600)
    path.write_text(f"# made for a test\n{identity}\n")
    return str(identity.to_public()), path


@pytest.fixture
def target(knobs: Settings, query: Query) -> Iterator[Target]:
    """A name that nobody has on the same server."""
    name = f"{make_url(knobs.database_url).database}_restored"
    yield Target(knobs.database_url, name, knobs.postgres_programs)
    query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def ask(target: Target) -> Callable[..., list[tuple[Any, ...]]]:
    """A question to what was restored."""

    def asked(sql: str) -> list[tuple[Any, ...]]:
        url = make_url(target.url).set(drivername="postgresql", database=target.into).render_as_string(hide_password=False)
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    return asked


@pytest.fixture
def drafts(query: Query) -> Callable[[], list[str]]:
    """Databases of restores that are under way, or were."""
    return lambda: [name for (name,) in query(f"SELECT datname FROM pg_database WHERE datname LIKE '{restoring.DRAFTS}%'")]


def sealed(knobs: Settings, public: str) -> Settings:
    return dataclasses.replace(knobs, backup_age_recipient=public)
