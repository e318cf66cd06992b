"""A small farm's rows of two closed days, as the writer would have left them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from db.parquet import turn, wanted
from db.parquet.turn import Step

Query = Callable[..., list[tuple[Any, ...]]]
FIRST, SECOND, AFTER = date(2026, 11, 3), date(2026, 11, 4), date(2026, 11, 5)
START = datetime(2026, 11, 3, tzinfo=UTC)
DAY_US = 86_400_000_000
START_US = 1_793_664_000_000_000


def fill(query: Query) -> None:
    """Instruments 1 to 3 of venue v: 60 quotes and 20 trades of each and day, all hours of both days verified; one of w on the first day."""
    query("UPDATE rolled_bars SET closed_until = now()")
    query(
        "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
        "SELECT i, v, s, 'active', now(), now() FROM (VALUES (1, 'v', 'A'), (2, 'v', 'B'), (3, 'v', 'C'), (4, 'w', 'A')) t(i, v, s)"
    )
    query(
        "INSERT INTO quotes SELECT at, at + INTERVAL '20 ms', i, n, 100 + n, 1, 100.5 + n, 2 FROM generate_series(0, 119) n, generate_series(1, 3) i, "
        "LATERAL (SELECT %s + n * INTERVAL '1440 seconds' + i * INTERVAL '1 second' AS at) t",
        (START,),
    )
    query(
        "INSERT INTO trades SELECT at, at + INTERVAL '20 ms', i, n, 100 + n, 1, 1 FROM generate_series(0, 39) n, generate_series(1, 3) i, "
        "LATERAL (SELECT %s + n * INTERVAL '4320 seconds' + i * INTERVAL '1 second' AS at) t",
        (START,),
    )
    query("INSERT INTO trades SELECT %s, %s, 4, 1, 1, 1, 1", (START, START))
    query(
        "INSERT INTO rollups.bars_1s SELECT date_trunc('second', event_at), instrument_id, m, m, m, m, 1, 0.5, 0.5, -0.33, 1, 1, 0, 0, 0, 0 "
        "FROM quotes, LATERAL (SELECT (bid_price + ask_price) / 2 AS m) t"
    )
    query(
        "INSERT INTO coverage SELECT 'v', c, i, %s + n * INTERVAL '1 hour', 'verified', 3600, 0, 0, 0, 0, NULL, now() "
        "FROM generate_series(0, 47) n, generate_series(1, 3) i, unnest(ARRAY['q', 't']) c",
        (START,),
    )
    query(
        "INSERT INTO recorded_days (venue, kind, day) VALUES ('v', 'quotes', %(first)s), ('v', 'trades', %(first)s), ('v', 'quotes', %(second)s), "
        "('v', 'trades', %(second)s), ('w', 'trades', %(first)s)",
        {"first": FIRST, "second": SECOND},
    )


def exported(url: str, folder: Path, *, again: bool = False, until: date = AFTER) -> list[Step]:
    with turn.alone(folder):
        days = wanted.closed(url, FIRST, until)
        return list(turn.go(url, folder, days, again=again))


def came_of(steps: list[Step]) -> dict[tuple[str, str, str], str]:
    return {
        (step.one.dataset, step.one.venue, step.one.day.isoformat()[-2:]): step.outcome.what if step.outcome else step.failure
        for step in steps
    }


def tree(folder: Path) -> dict[str, bytes]:
    """Every file with its content, hidden ones too, but for the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"
    }
