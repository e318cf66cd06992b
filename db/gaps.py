"""The life of a gap that is over: missing, then filling, then filled, partly filled or unfillable. Each change is kept in `evidence`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor

from core.records import Kind
from db.moments import micros, moment

MISSING, FILLING, FILLED, PARTLY, UNFILLABLE = "missing", "filling", "filled", "partly filled", "unfillable"
#: What a gap may become; the last three are for good.
BECOMES = {MISSING: {FILLING, FILLED, UNFILLABLE}, FILLING: {FILLED, PARTLY, UNFILLABLE}}


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap that is over. `symbol` None: every instrument of the shard; times in us, the venue's clock where it is known."""

    gap_id: int
    venue: str
    channel: str
    cause: str
    symbol: str | None
    first_missing: int | None
    last_missing: int | None
    from_us: int | None
    to_us: int


def waiting(cursor: Cursor, *, ids_seconds: float, shard_seconds: float, limit: int) -> list[Gap]:
    """Gaps that are over and that nobody has looked after yet, the oldest first.

    Missing ids wait for so long, as they may come by another socket; a shard does, as most instruments speak again by themselves.
    """
    cursor.execute(
        "SELECT g.gap_id, g.venue, g.channel, g.cause, i.symbol, g.first_missing, g.last_missing, "
        "       coalesce(g.event_from, g.received_from), coalesce(g.event_to, g.received_to) "
        "FROM data_gaps g LEFT JOIN instruments i USING (instrument_id) "
        "WHERE g.state = 'missing' AND coalesce(g.event_to, g.received_to) IS NOT NULL "
        "AND CASE WHEN g.instrument_id IS NULL THEN coalesce(g.received_to, g.found_at) < now() - %s * INTERVAL '1 second' "
        "         ELSE g.found_at < now() - %s * INTERVAL '1 second' END "
        "ORDER BY g.gap_id LIMIT %s",
        (shard_seconds, ids_seconds, limit),
    )
    return [
        Gap(gap_id, venue, channel, cause, symbol, first, last, micros(start), micros(end) or 0)
        for gap_id, venue, channel, cause, symbol, first, last, start, end in cursor.fetchall()
    ]


def move(cursor: Cursor, gap_id: int, state: str, reason: str, **found: Any) -> bool:
    """Change the state and keep why; false when the gap is not in a state that may become this one."""
    before = [name for name, after in BECOMES.items() if state in after]
    cursor.execute(
        "UPDATE data_gaps SET state = %(state)s, evidence = evidence || jsonb_build_array("
        "  jsonb_build_object('at', now(), 'state', %(state)s, 'reason', %(reason)s) || %(found)s::jsonb) "
        "WHERE gap_id = %(gap_id)s AND state = ANY(%(before)s)",
        {"state": state, "reason": reason, "found": json.dumps(found, ensure_ascii=False), "gap_id": gap_id, "before": before},
    )
    return cursor.rowcount == 1


def concerned(
    cursor: Cursor, kind: Kind, gap: Gap, from_us: int, universe: Sequence[str], *, by_ids: bool, lookback_hours: float
) -> list[str]:
    """Symbols that may have lost something in a gap of the whole shard: those of the universe, and who had rows in the time before it.

    `by_ids`: but not who has a row before and one behind it. What such a one lost is told by its own ids, as a gap of its own.
    """
    one = f"EXISTS (SELECT FROM {kind.name} t WHERE t.instrument_id = i.instrument_id AND t.event_at"
    cursor.execute(
        f"SELECT symbol FROM (SELECT i.symbol, i.symbol = ANY(%(universe)s) AS wanted, "
        f"  {one} > %(from)s - %(hours)s * INTERVAL '1 hour' AND t.event_at <= %(from)s) AS before, {one} >= %(to)s) AS after "
        "  FROM (SELECT symbol, instrument_id FROM instruments WHERE venue = %(venue)s UNION ALL "
        "        SELECT u, NULL FROM unnest(%(universe)s::text[]) u WHERE u NOT IN "
        "               (SELECT symbol FROM instruments WHERE venue = %(venue)s)) i) s "
        "WHERE (wanted OR before) AND NOT (%(by_ids)s AND before AND after) ORDER BY symbol",
        {
            "universe": list(universe),
            "venue": gap.venue,
            "from": moment(from_us),
            "to": moment(gap.to_us),
            "hours": lookback_hours,
            "by_ids": by_ids,
        },
    )
    return [row[0] for row in cursor.fetchall()]


def of_ids_within(cursor: Cursor, gap_id: int) -> dict[str, int]:
    """state -> gaps of single instruments' ids that the time of this gap of a shard touches; of another gap, none."""
    cursor.execute(
        "SELECT o.state, count(*) FROM data_gaps g JOIN data_gaps o ON o.venue = g.venue AND o.channel = g.channel "
        "AND o.cause = 'sequence' AND o.instrument_id IS NOT NULL "
        "AND coalesce(o.event_from, o.event_to) <= coalesce(g.event_to, g.received_to) "
        "AND o.event_to >= coalesce(g.event_from, g.received_from) WHERE g.gap_id = %s AND g.instrument_id IS NULL GROUP BY 1",
        (gap_id,),
    )
    return dict(cursor.fetchall())
