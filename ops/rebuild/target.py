"""The database that is made anew. What it is stands in its comment, so that nothing else is ever dropped."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

from psycopg2 import sql
from psycopg2.extensions import connection as RawConnection
from sqlalchemy.engine import make_url

from db import engine
from ops.cli.errors import Refused
from ops.cli.migrate import upgrade

UNFINISHED, FINISHED = "tapefarm rebuild: unfinished", "tapefarm rebuild: finished"
_OF_THE_SERVER = ("postgres", "template0", "template1")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def url_of(owner_url: str, name: str) -> str:
    return make_url(owner_url).set(database=name).render_as_string(hide_password=False)


def make(owner_url: str, name: str, *, again: bool = False) -> str:
    """A new database beside the farm's own, migrated; returns its URL. One that was not finished is made anew; a finished one with
    `again`, and no other. Raises Refused."""
    if not _NAME.fullmatch(name) or name in (make_url(owner_url).database, *_OF_THE_SERVER):
        raise Refused(f"{name!r} cannot be the database to rebuild into: give a new name of lower-case letters, digits and _.", status=2)
    with _administration(owner_url) as connection:
        comment = _comment(connection, name)
        if comment == FINISHED and not again:
            raise Refused(f"The database {name} holds a finished rebuild: give another name, or --again to replace it.", status=2)
        if comment is not None:
            if comment not in (UNFINISHED, FINISHED) and (comment or not _is_empty(owner_url, name)):
                raise Refused(f"There is a database {name} already, which no rebuild has made: give another name.", status=2)
            _run(connection, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        _run(connection, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        mark(connection, name, UNFINISHED)
    url = url_of(owner_url, name)
    upgrade({"DATABASE_URL": url, "DATABASE_OWNER_URL": url})
    return url


def finish(owner_url: str, name: str) -> None:
    with _administration(owner_url) as connection:
        mark(connection, name, FINISHED)


def is_finished(owner_url: str, name: str) -> bool:
    with _administration(owner_url) as connection:
        return _comment(connection, name) == FINISHED


def mark(connection: RawConnection, name: str, words: str) -> None:
    _run(connection, sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(words)))


def _comment(connection: RawConnection, name: str) -> str | None:
    """None: there is no such database; "" where it has no comment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = %s", (name,))
        found = cursor.fetchone()
    return None if found is None else str(found[0])


def _is_empty(owner_url: str, name: str) -> bool:
    """As it is left where a rebuild died between making the database and marking it."""
    with _administration(url_of(owner_url, name)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        return cursor.fetchone() == (0,)


def _run(connection: RawConnection, statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def _administration(url: str) -> Iterator[RawConnection]:
    with closing(engine.connect(url, name="tapefarm rebuild")) as connection:
        connection.autocommit = True
        yield connection
