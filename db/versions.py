"""What a venue says of a thing, and when it said otherwise: one row of the present, one row of history a version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from db.moments import moment


@dataclass(frozen=True, slots=True)
class Described:
    """A table and its history. `columns`: name -> SQL type of what the venue says; `name` is the venue's own id of the thing."""

    table: str
    history: str
    key: str
    name: str
    columns: Mapping[str, str]

    @property
    def names(self) -> str:
        return ", ".join(self.columns)


def stage(cursor: Cursor, what: Described, rows: Sequence[tuple[Any, ...]]) -> None:
    """Put (name, *columns) into the temporary table `described_<table>`; of two rows of a name the last stands."""
    types = ", ".join(f"{name} {type}" for name, type in {what.name: "text", **what.columns}.items())
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS described_{what.table} ({types}) ON COMMIT DELETE ROWS")
    cursor.execute(f"TRUNCATE described_{what.table}")
    unique = {row[0]: row for row in rows}
    execute_values(cursor, f"INSERT INTO described_{what.table} VALUES %s", list(unique.values()), page_size=500)


def take_over(cursor: Cursor, what: Described, venue: str, at_us: int, *, always: str = "false") -> int:
    """Take over what is staged; returns how many things changed. Each change closes one row of history and opens the next.

    What is older than what is known (a late journal entry) changes nothing, but where `always` (a condition on `i`) holds.
    """
    at = moment(at_us)
    changes = ", ".join(f"{name} = d.{name}" for name in what.columns)
    old, new = ", ".join(f"i.{name}" for name in what.columns), ", ".join(f"d.{name}" for name in what.columns)
    cursor.execute(
        f"UPDATE {what.table} i SET {changes}, updated_at = %s FROM described_{what.table} d WHERE i.venue = %s AND i.{what.name} = d.{what.name} "
        f"AND ({old}) IS DISTINCT FROM ({new}) AND ({always} OR i.updated_at < %s) RETURNING i.{what.key}",
        (at, venue, at),
    )
    changed = [row[0] for row in cursor.fetchall()]
    if changed:
        write_history(cursor, what, changed, at)
    return len(changed)


def write_history(cursor: Cursor, what: Described, keys: Sequence[int], at: Any) -> None:
    cursor.execute(
        f"UPDATE {what.history} SET valid_to = %s WHERE {what.key} = ANY(%s) AND valid_to IS NULL AND valid_from < %s",
        (at, list(keys), at),
    )
    cursor.execute(
        f"INSERT INTO {what.history} ({what.key}, valid_from, {what.names}) SELECT {what.key}, %s, {what.names} FROM {what.table} "
        f"WHERE {what.key} = ANY(%s) ON CONFLICT ({what.key}, valid_from) DO NOTHING",
        (at, list(keys)),
    )
