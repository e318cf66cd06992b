"""What a database holds: its tables, how far back a dump of them reaches, and their rows in figures that a restored copy must meet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor

from db import queries
from db.backups.record import Digest, Origin


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a dump goes into hypertables. `since`: table -> (column of time, from when on its rows are dumped; None: none of them);
    `empty`: relations whose rows are left out."""

    since: Mapping[str, tuple[str, datetime | None]] = field(default_factory=dict)
    empty: tuple[str, ...] = ()

    @property
    def words(self) -> dict[str, str]:
        """table -> what is left out of it."""
        return {table: f"rows before {since:%Y-%m-%d %H:%M} UTC" if since else "all rows" for table, (_, since) in self.since.items()}


def tables(cursor: Cursor) -> list[str]:
    """Names with schema, quoted where needed. A database without TimescaleDB has its own alone."""
    cursor.execute(queries.sql("backup_tables"))
    found = {name for (name,) in cursor.fetchall()}
    cursor.execute("SELECT to_regclass('timescaledb_information.chunks')")
    if cursor.fetchone() != (None,):
        cursor.execute(queries.sql("backup_hypertables"))
        found |= {name for (name,) in cursor.fetchall()}
    return sorted(found)


def reach(cursor: Cursor, now: datetime, days: float) -> Reach:
    """With all chunks that reach into the last `days`; 0: those of this moment; below 0: none."""
    cursor.execute(queries.sql("backup_chunks"))
    since: dict[str, tuple[str, datetime | None]] = {}
    empty: list[str] = []
    cut = now - timedelta(days=min(days, 36_500))  # beyond a century the calendar ends
    for table, column, begin, end, chunk, compressed in cursor.fetchall():
        if days >= 0 and end > cut:
            if table in since and since[table][1] is None:
                since[table] = (column, begin)
            continue
        since[table] = (column, None)
        empty += [chunk, *([compressed] if compressed else [])]
    return Reach(since, tuple(empty))


def origin(cursor: Cursor) -> Origin:
    cursor.execute(queries.sql("backup_origin"))
    postgres, timescaledb, license_, roles = cursor.fetchone()  # type: ignore[misc]
    cursor.execute("SELECT to_regclass('public.alembic_version')")
    revision = ""
    if cursor.fetchone() != (None,):
        cursor.execute("SELECT coalesce(max(version_num), '') FROM public.alembic_version")
        (revision,) = cursor.fetchone()  # type: ignore[misc]
    return Origin(postgres.split()[0], timescaledb or "", license_ or "", revision, tuple(roles))


def digests(cursor: Cursor, reach: Reach) -> Iterator[tuple[str, Digest]]:
    """Of each table in turn, read on the server: (name, its rows within the reach); and of what TimescaleDB knows of them."""
    for table in tables(cursor):
        column, since = reach.since.get(table, ("", None))
        if table in reach.since and since is None:
            yield table, Digest(0, "0")
            continue
        where, values = (f" WHERE {column} >= %s", (since,)) if since else ("", None)
        # Of whole rows as the types compare them, at a third of the price of their text.
        cursor.execute(f"SELECT count(*), coalesce(sum(hash_record_extended(t.*, 0)), 0)::text FROM {table} t{where}", values)
        rows, total = cursor.fetchone()  # type: ignore[misc]
        yield table, Digest(rows, total)
    # A copy whose hypertables are plain tables holds the same rows.
    cursor.execute(queries.sql("backup_structure"))
    for name, rows, total in cursor.fetchall():
        yield name, Digest(rows, total)
