"""What the paper engine came to in a time, from its tables alone."""

from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor

from db.queries import sql

#: part of a report -> its statement.
_PARTS = {
    "edges": "paper_report_edges",
    "lives": "paper_report_lives",
    "flagged": "paper_report_flagged",
    "costs": "paper_report_costs",
    "pairs": "paper_report_pairs",
    "days": "paper_report_days",
}


def report(cursor: Cursor, since: datetime, until: datetime, now: datetime) -> dict[str, Any]:
    """{"since", "until", "total": {...}, "edges": [{...}, ...], ...}: amounts are Decimal. `now` ends what is bound still."""
    asked = {"since": since, "until": until, "now": now}
    parts = {part: _rows(cursor, statement, asked) for part, statement in _PARTS.items()}
    return {"since": since, "until": until, "total": _rows(cursor, "paper_report_total", asked)[0], **parts}


def _rows(cursor: Cursor, statement: str, asked: dict[str, datetime]) -> list[dict[str, Any]]:
    cursor.execute(sql(statement), asked)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
