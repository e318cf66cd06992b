"""The roles of the database: migrations 0011 and 0016 make them and say what each may do, here they are let in."""

from contextlib import closing

from psycopg2.extensions import encrypt_password
from sqlalchemy.engine import make_url

from db import engine

WRITER, READER, CONSOLE, BACKUP = "tapefarm_writer", "tapefarm_reader", "tapefarm_console", "tapefarm_backup"


def url_of(url: str, role: str, password: str | None = None) -> str:
    """The same database as `role` sees it."""
    return make_url(url).set(username=role, password=password).render_as_string(hide_password=False)


def let_in(owner_url: str, role: str, password: str | None = None) -> None:
    """Allow the role to log in; without a password only where the server asks for none, as on the socket in our own data folder.

    The server is sent a verifier: the password itself could stand in its log. Raises psycopg2.Error.
    """
    with closing(engine.connect(owner_url, name="tapefarm roles")) as connection, connection, connection.cursor() as cursor:
        verifier = encrypt_password(password, role, connection, "scram-sha-256") if password else None
        cursor.execute(f"ALTER ROLE {role} LOGIN PASSWORD %s", (verifier,))
