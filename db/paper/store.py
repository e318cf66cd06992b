"""What the paper engine knows and has decided, to and from the database. Rows, state and offset move in one transaction, the caller's."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values
from sqlalchemy import Column, Date, Table
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from db.moments import micros, moment
from db.queries import sql
from db.tables import paper as tables
from paper.audit import Entry, Verdict, verify
from paper.state import Changes, State, decode

_OFFSET = "offset"
#: Rows of these are only ever added: a second one of a number means that somebody else has gone on from the same state.
_ADDED = (tables.fills, tables.paper_settlements, tables.audit_logs)
_CHANGED = (tables.opportunities, tables.orders, tables.open_positions, tables.risk_states)
_PAGE = 1_000


def load(cursor: Cursor) -> State:
    """As it was saved last; empty at the beginning. Raises ValueError where it cannot be read."""
    cursor.execute("SELECT key, value FROM paper_state WHERE key <> %s", (_OFFSET,))
    return decode(dict(cursor.fetchall()))


def offset(cursor: Cursor) -> str:
    """How far events are read; empty at the beginning."""
    cursor.execute("SELECT value FROM paper_state WHERE key = %s", (_OFFSET,))
    found = cursor.fetchone()
    return str(found[0]) if found else ""


def save(cursor: Cursor, changes: Changes, *, offset: str) -> None:
    """Raises psycopg2.IntegrityError when another engine has gone on from the same state: nothing of this one may be kept then."""
    unknown = changes.rows.keys() - {table.name for table in (*_ADDED, *_CHANGED)}
    if unknown:
        raise ValueError(f"no rows of {', '.join(sorted(unknown))} are kept")
    for table in _ADDED:
        _insert(cursor, table, changes.rows.get(table.name, {}), replace=False)
    for table in _CHANGED:
        _insert(cursor, table, changes.rows.get(table.name, {}), replace=True)
    state = {**changes.state, _OFFSET: offset}
    kept = [(key, value) for key, value in state.items() if value is not None]
    execute_values(
        cursor,
        "INSERT INTO paper_state (key, value) VALUES %s ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        kept,
        page_size=_PAGE,
    )
    dropped = [key for key, value in state.items() if value is None]
    if dropped:
        cursor.execute("DELETE FROM paper_state WHERE key = ANY(%s)", (dropped,))


def _insert(cursor: Cursor, table: Table, rows: dict[Any, dict[str, Any] | None], *, replace: bool) -> None:
    (key,) = table.primary_key.columns
    adapters = {column.name: _adapter(column) for column in table.columns}
    values = [tuple(adapt(row[name]) for name, adapt in adapters.items()) for row in rows.values() if row is not None]
    if values:
        others = ", ".join(f"{name} = excluded.{name}" for name in adapters if name != key.name)
        conflict = f" ON CONFLICT ({key.name}) DO UPDATE SET {others}" if replace else ""
        execute_values(cursor, f"INSERT INTO {table.name} ({', '.join(adapters)}) VALUES %s{conflict}", values, page_size=_PAGE)
    dropped = [one for one, row in rows.items() if row is None]
    if dropped:
        cursor.execute(f"DELETE FROM {table.name} WHERE {key.name} = ANY(%s)", (dropped,))


def _adapter(column: Column[Any]) -> Callable[[Any], Any]:
    match column.type:
        case TIMESTAMP():
            return moment
        case Date():
            return _day
        case JSONB():
            return Json
    return _as_it_is


def _day(us: int) -> date:
    at = moment(us)
    assert at is not None
    return at.date()


def _as_it_is(value: Any) -> Any:
    return value


def profit(cursor: Cursor) -> list[dict[str, Any]]:
    """What each pair has won by fills and settlements alone, beside what the engine says (`realised`, `told`); db/queries/paper_profit.sql."""
    cursor.execute(sql("paper_profit"))
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# --- the chain of decisions -----------------------------------------------------------------------------------------------
def audit(cursor: Cursor) -> Verdict:
    """Walk the whole chain, a page of rows at a time, up to what the engine says to have written last. In one snapshot: the caller's
    transaction is repeatable read, or nobody writes."""
    cursor.execute("SELECT key, value FROM paper_state WHERE key = 'head '")
    head = decode(dict(cursor.fetchall())).head[""]
    return verify(_entries(cursor), (head.audits, head.hash))


def _entries(cursor: Cursor) -> Iterator[Entry]:
    last = 0
    while True:
        cursor.execute(
            "SELECT number, at, kind, subject, details, previous, hash FROM audit_logs WHERE number > %s ORDER BY number LIMIT %s",
            (last, _PAGE),
        )
        page = cursor.fetchall()
        for number, at, kind, subject, details, previous, digest in page:
            at_us = micros(at)
            assert at_us is not None
            yield Entry(number, at_us, kind, subject, details, bytes(previous), bytes(digest))
        if len(page) < _PAGE:
            return
        last = page[-1][0]
