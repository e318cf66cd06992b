"""How much room market data takes and in which form it lies there, what is held back, and when a disk is full."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from psycopg2.extensions import cursor as Cursor

from core.storage import Kept
from db import engine
from db import storage as kept_data

#: A line through less than this says nothing of a day.
LEAST_SEEN = timedelta(hours=1)
#: What is further off is as good as never, and may be no date at all.
FARTHEST_DAYS = 3650
NO_COMPRESSION = "the Apache edition of TimescaleDB cannot compress: compress_after waits for the community edition"
Row = Mapping[str, Any]


def report(url: str, wanted: Mapping[str, Kept]) -> dict[str, Any]:
    """{"edition", "note", "tables", "pending", "held", "disks"}; times are aware, lengths of time are timedeltas."""
    with closing(engine.connect(url, name="tapefarm storage")) as connection, connection, connection.cursor() as cursor:
        edition, rows, held = kept_data.edition(cursor), kept_data.look(cursor, "storage_tables"), kept_data.look(cursor, "storage_held")
        growth = {row["subject"]: row for row in kept_data.look(cursor, "storage_growth")}
        tables = [_table(cursor, row, growth.get(row["table_name"])) for row in rows]
    return {
        "edition": edition,
        "note": NO_COMPRESSION if edition == "apache" else None,
        "tables": tables,
        "pending": pending(rows, wanted, compresses=edition == "community"),
        "held": held,
        "disks": [_disk(name.removeprefix("disk "), row) for name, row in growth.items() if name.startswith("disk ")],
    }


def _table(cursor: Cursor, row: Row, growth: Row | None) -> dict[str, Any]:
    """`rows` and what is derived of it are absent while nobody has counted."""
    oldest = newest = None
    if row["chunks"]:
        first, last = (row["first_chunk"], row["first_chunk_end"]), (row["last_chunk"], row["last_chunk_end"])
        oldest, newest = kept_data.ends(cursor, row["table_name"], first, last)
    return {
        "table": row["table_name"],
        **{name: row[name] for name in ("chunk", "compress_after", "drop_after", "dropped_until", "chunks", "compressed_chunks")},
        "bytes": row["raw_bytes"] + row["compressed_bytes"],
        "rows": (row["raw_rows"] + row["compressed_rows"]) or None,
        "raw_bytes": row["raw_bytes"],
        "raw_bytes_per_row": _share(row["raw_bytes"], row["raw_rows"]),
        "compressed_bytes": row["compressed_bytes"],
        "compressed_bytes_per_row": _share(row["compressed_bytes"], row["compressed_rows"]),
        "ratio": _share(row["bytes_before"], row["compressed_bytes"]),
        "oldest": oldest,
        "newest": newest,
        "bytes_per_day": _per_day(growth),
    }


def _share(whole: int, parts: int) -> float | None:
    return round(whole / parts, 2) if parts else None


def _per_day(growth: Row | None) -> int | None:
    return round(growth["bytes_per_day"]) if growth and growth["bytes_per_day"] is not None and growth["seen"] >= LEAST_SEEN else None


def _disk(path: str, row: Row) -> dict[str, Any]:
    """`full_at` is absent where it does not fill up, or not within ten years, or is not known yet (then so is `bytes_per_day`)."""
    pace = _per_day(row)
    days = row["free_bytes"] / pace if pace and pace > 0 else None
    full_at = row["measured_at"] + timedelta(days=days) if days is not None and days < FARTHEST_DAYS else None
    return {
        "path": path,
        **{name: row[name] for name in ("bytes", "free_bytes", "measured_at", "seen")},
        "bytes_per_day": pace,
        "full_at": full_at,
    }


def pending(rows: Sequence[Row], wanted: Mapping[str, Kept], *, compresses: bool) -> list[str]:
    """What farm.toml says and is not in force yet, as storage.TABLE.KEY."""
    keys = ("chunk", "compress_after", "drop_after") if compresses else ("chunk", "drop_after")
    return [
        f"storage.{row['table_name']}.{key}"
        for row in rows
        for key in keys
        if row["table_name"] in wanted and getattr(wanted[row["table_name"]], key) != row[key]
    ]
