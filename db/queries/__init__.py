"""Small statements that tasks and commands ask, each a named function over one .sql file or a line of SQL."""

from pathlib import Path
from typing import Any

from sqlalchemy import text

from core.records import Kind
from db.engine import engine

_FOLDER = Path(__file__).parent


def sql(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def rows(url: str, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """Run the statement of <name>.sql and return its rows as dictionaries."""
    with engine(url).begin() as connection:
        return [dict(row._mapping) for row in connection.execute(text(sql(name)), parameters)]


def run(url: str, name: str, **parameters: Any) -> int:
    """Run the statement of <name>.sql; returns how many rows it changed."""
    with engine(url).begin() as connection:
        return connection.execute(text(sql(name)), parameters).rowcount


def offsets(url: str) -> dict[str, str]:
    """stream -> id of the last committed entry."""
    return {row["stream"]: row["last_id"] for row in rows(url, "stream_offsets")}


#: table -> the time from which it counts how old a row is; what has not ended has none.
_RECORDS = {
    "platform_health_logs": "checked_at",
    "sessions": "ended_at",
    "alerts": "ended_at",
    "backfills": "ended_at",
    "quarantine": "received_at",
}


def forget(url: str, seconds: float, most: int) -> dict[str, int]:
    """Drop what the farm knew of itself so long ago, at most so many rows of each table; returns table -> how many went."""
    gone = {}
    for table, at in _RECORDS.items():
        with engine(url).begin() as connection:
            statement = text(sql("forget_records").format(table=table, at=at))
            gone[table] = connection.execute(statement, {"seconds": seconds, "most": most}).rowcount
    return gone


def settle_silent(url: str, venue: str, channel: str, kind: Kind) -> int:
    """Instruments of a channel that never spoke and have since; returns how many. `kind`: what the channel's frames become."""
    statements = [sql("settle_silent_gaps").format(table=table) for table in (kind.name, kind.states) if table]
    with engine(url).begin() as connection:
        return sum(connection.execute(text(statement), {"venue": venue, "channel": channel}).rowcount for statement in statements)
