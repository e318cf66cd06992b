"""ops.docker.migrate: the newest schema, and roles that may log in with the passwords of the environment."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from db import engine, roles
from ops.local.servers import Postgres, Servers

ROOT = Path(__file__).resolve().parents[1]


def test_a_role_logs_in_with_its_password_and_without_one_not_at_all(
    private_servers: Callable[[], Servers], empty_database: Callable[[], str]
) -> None:
    server = private_servers().postgres.server
    assert isinstance(server, Postgres)
    owner = make_url(server.tcp_url).set(database=make_url(empty_database()).database).render_as_string(hide_password=False)
    passwords = {"POSTGRES_WRITER_PASSWORD": "wr1ter", "POSTGRES_READER_PASSWORD": ""}
    environment = {"DATABASE_URL": roles.url_of(owner, roles.WRITER, "wr1ter"), "DATABASE_OWNER_URL": owner, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "ops.docker.migrate"], cwd=ROOT, env=environment | passwords, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "wr1ter" not in done.stdout + done.stderr
    with closing(engine.connect(environment["DATABASE_URL"], name="test")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        assert cursor.fetchone() == ((ROOT / "migrations" / "HEAD").read_text().strip(),)
    with pytest.raises(psycopg2.OperationalError):
        engine.connect(roles.url_of(owner, roles.CONSOLE, ""), name="test")
