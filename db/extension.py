"""TimescaleDB as PostgreSQL's own programs see it."""

from contextlib import closing

from psycopg2.extensions import cursor as Cursor

from db import engine, queries

#: pg_dump leaves out what has a lower number: it is taken for a part of PostgreSQL itself.
FIRST_DUMPED = 16_384


def is_dumped(cursor: Cursor) -> bool:
    """Whether a dump of this database brings TimescaleDB's catalog along."""
    cursor.execute("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb' AND oid < %s", (FIRST_DUMPED,))
    return cursor.fetchone() == (0,)


def make_dumpable(owner_url: str) -> None:
    """Put it right in a database made in single-user mode, as that of `./farm` is; again changes nothing. Raises psycopg2.Error."""
    with closing(engine.connect(owner_url, name="tapefarm schema")) as connection, connection, connection.cursor() as cursor:
        if not is_dumped(cursor):
            cursor.execute(queries.sql("make_dumpable"))
