"""What the farm has stored that a trader must be told: statuses, results, pauses, and what a person has asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

HALT, RESUME = "halt", "resume"


@dataclass(frozen=True, slots=True)
class Result:
    """As in `resolutions`."""

    instrument_id: int
    source: str
    status: str
    payout: Decimal | None


@dataclass(frozen=True, slots=True)
class Ask:
    """`what`: HALT or RESUME. `scope`: as in paper.events."""

    number: int
    what: str
    scope: str
    reason: str
    by: str


def statuses(cursor: Cursor, market_keys: Collection[int]) -> dict[int, str]:
    cursor.execute("SELECT market_key, status FROM markets WHERE market_key = ANY(%s) ORDER BY market_key", (sorted(market_keys),))
    return dict(cursor.fetchall())


def results(cursor: Cursor, instruments: Collection[int]) -> list[Result]:
    """The last word of each source, in the order of their times."""
    cursor.execute(
        "SELECT instrument_id, source, status, payout::text FROM (SELECT DISTINCT ON (instrument_id, source) * FROM resolutions "
        "WHERE instrument_id = ANY(%s) ORDER BY instrument_id, source, event_at DESC, received_at DESC) last "
        "ORDER BY event_at, instrument_id, source",
        (sorted(instruments),),
    )
    return [Result(number, source, status, payout and Decimal(payout)) for number, source, status, payout in cursor.fetchall()]


def pauses(cursor: Cursor, venues: Collection[str]) -> dict[str, str]:
    """Venues that do not trade at this moment -> why."""
    cursor.execute(
        "SELECT venue, string_agg(reason, '; ' ORDER BY reason) FROM planned_pauses WHERE venue = ANY(%s) "
        "AND since_at <= now() AND (until_at IS NULL OR until_at > now()) GROUP BY venue",
        (sorted(venues),),
    )
    return dict(cursor.fetchall())


def ask(cursor: Cursor, what: str, scope: str, reason: str, by: str) -> int:
    """Leave word for the engine; returns the number of it."""
    cursor.execute("INSERT INTO paper_asks (what, scope, reason, by) VALUES (%s, %s, %s, %s) RETURNING ask_id", (what, scope, reason, by))
    return int(cursor.fetchone()[0])  # type: ignore[index]


def asked(cursor: Cursor) -> list[Ask]:
    """What nobody has taken yet, in order."""
    cursor.execute("SELECT ask_id, what, scope, reason, by FROM paper_asks WHERE taken_at IS NULL ORDER BY ask_id")
    return [Ask(*row) for row in cursor.fetchall()]


def take(cursor: Cursor, numbers: Sequence[int]) -> None:
    """In the transaction of what came of them."""
    cursor.execute("UPDATE paper_asks SET taken_at = clock_timestamp() WHERE ask_id = ANY(%s)", (list(numbers),))


def tell_halts(cursor: Cursor, halted: Mapping[str, Sequence[str]]) -> None:
    """For the watcher: scope -> why nothing new is taken in it. What it knows already is not written again."""
    reason = "; ".join(f"{scope}: {', '.join(halted[scope])}" for scope in sorted(halted)) or None
    cursor.execute(
        "INSERT INTO system_metadata AS known (key, value) VALUES ('halt:paper', jsonb_build_object('reason', %s::text)) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now() WHERE known.value <> excluded.value",
        (reason,),
    )
