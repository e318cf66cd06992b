"""How whole each hour is, as rows: which hours have to be judged, and the judging. What a state means is in db/queries/judge_coverage.sql."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from psycopg2.extensions import cursor as Cursor

from db import days
from db.queries import sql

#: What was asked for on another connection within so long has moved there, and in between nobody asked for it.
MOVED = "1 hour"
#: Less is the time that one connection takes to say what another has said.
ALIKE = "1 second"
#: Of what was left out and not asked for again, when nobody waits for that any more: writers may be behind.
FORGOTTEN = "1 day"
#: Any number, the same in every worker.
_LOCK = 7_301_045


@dataclass(frozen=True, slots=True)
class Proof:
    """What can be said of a channel: `table` holds its rows, `proof` is the state of a time that was heard, `history` of one that was read
    again. `may_be_silent`: an instrument of it may have nothing to say for as long as it likes. `follows`: its ids rise by one, also behind
    a silence, where one of the `lookback_hours` before is known."""

    venue: str
    channel: str
    table: str
    proof: str
    history: str
    may_be_silent: bool
    follows: bool = False
    lookback_hours: float = 0.0


def lock(cursor: Cursor) -> bool:
    """Keep others from judging until the end of the connection."""
    cursor.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
    return bool(cursor.fetchone()[0])  # type: ignore[index]


def register(cursor: Cursor) -> int:
    """Instruments that were asked for before anybody knew them and are known now; returns how many rows that concerns."""
    cursor.execute(
        "WITH known AS (UPDATE subscriptions s SET instrument_id = i.instrument_id FROM instruments i "
        "  WHERE s.instrument_id IS NULL AND i.venue = s.venue AND i.symbol = s.symbol "
        "  RETURNING s.venue, s.channel, s.instrument_id, s.from_at, coalesce(s.to_at, now()) AS to_at) "
        "INSERT INTO stale_coverage (venue, channel, instrument_id, from_at, to_at) "
        "SELECT venue, channel, instrument_id, day, least(day + INTERVAL '1 day', to_at) "
        "FROM known, generate_series(from_at, to_at, INTERVAL '1 day') day"
    )
    return cursor.rowcount


def settle_moves(cursor: Cursor) -> int:
    """Instruments that a new connection left out and another one asked for later: nobody listened in between, which is a gap; returns
    how many. Until then they are taken for asked for where they were."""
    cursor.execute(
        "WITH left_out AS ("
        "  SELECT o.*, (SELECT min(n.from_at) FROM subscriptions n WHERE n.venue = o.venue AND n.channel = o.channel "
        "    AND n.instrument_id = o.instrument_id AND n.subscription_id <> o.subscription_id "
        "    AND coalesce(n.to_at, 'infinity') > o.to_at) AS next_at "
        "  FROM subscriptions o WHERE o.left_out), "
        "settled AS ("
        "  UPDATE subscriptions s SET left_out = false, to_at = CASE WHEN l.next_at BETWEEN l.to_at AND l.to_at + %(moved)s::interval "
        "    THEN l.next_at ELSE l.to_at END FROM left_out l WHERE s.subscription_id = l.subscription_id "
        "  AND (l.next_at IS NOT NULL OR l.to_at < now() - %(forgotten)s::interval)) "
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, received_from, received_to, state, detail) "
        "SELECT DISTINCT ON (venue, channel, instrument_id, next_at) venue, channel, shard, instrument_id, 'not subscribed', to_at, next_at, "
        "  'missing', 'another connection took it over, and asked for it later' FROM left_out "
        "WHERE next_at > to_at + %(alike)s::interval AND next_at <= to_at + %(moved)s::interval "
        "ORDER BY venue, channel, instrument_id, next_at, to_at DESC",
        {"moved": MOVED, "alike": ALIKE, "forgotten": FORGOTTEN},
    )
    return cursor.rowcount


def advance(cursor: Cursor) -> None:
    """Every stream may be judged up to where its journal is written, and while its shard is deaf up to now: the hours since the last time
    are stale."""
    cursor.execute(
        "CREATE TEMP TABLE advance ON COMMIT DROP AS "
        "SELECT o.stream, o.venue, o.channel, o.shard, j.proven_at IS NULL AS unproven, coalesce(j.judged_until, s.from_at) AS since, "
        "  CASE WHEN EXISTS (SELECT FROM data_gaps g WHERE (g.venue, g.channel, g.shard) = (o.venue, o.channel, o.shard) AND g.state = 'open' "
        "    AND g.instrument_id IS NULL) THEN now() "
        # A stream that is read anew from its start stands at no time.
        "  WHEN o.last_id = '0-0' THEN coalesce(j.judged_until, s.from_at) "
        "  ELSE to_timestamp(split_part(o.last_id, '-', 1)::float8 / 1000) END AS until, "
        "  coalesce(j.proven_at, (SELECT min(proven_at) FROM sessions e "
        "    WHERE (e.venue, e.channel, e.shard) = (o.venue, o.channel, o.shard))) AS proven_at "
        "FROM stream_offsets o JOIN (SELECT stream, min(from_at) AS from_at FROM subscriptions GROUP BY stream) s USING (stream) "
        "LEFT JOIN judged_streams j USING (stream)"
    )
    cursor.execute(
        "INSERT INTO stale_coverage (venue, channel, shard, from_at, to_at) "
        "SELECT venue, channel, shard, day, least(day + INTERVAL '1 day', until) "
        "FROM advance, generate_series(least(since, CASE WHEN unproven THEN proven_at END), until, INTERVAL '1 day') day WHERE until > since"
    )
    cursor.execute(
        "INSERT INTO judged_streams (stream, proven_at, judged_until) SELECT stream, proven_at, until FROM advance "
        "ON CONFLICT (stream) DO UPDATE SET proven_at = excluded.proven_at, judged_until = excluded.judged_until"
    )


def waiting(cursor: Cursor) -> int:
    """Stale rows that have not been looked after."""
    cursor.execute("SELECT count(*) FROM stale_coverage")
    return int(cursor.fetchone()[0])  # type: ignore[index]


def next_channel(cursor: Cursor, without: Collection[tuple[str, str]]) -> tuple[str, str] | None:
    """(venue, channel) of what has waited longest."""
    cursor.execute(
        "SELECT venue, channel FROM stale_coverage WHERE venue || ':' || channel <> ALL(%s) ORDER BY stale_id LIMIT 1",
        ([":".join(channel) for channel in without],),
    )
    return cursor.fetchone()


def take(cursor: Cursor, venue: str, channel: str, *, most: int) -> int:
    """Gather stale hours of a channel in judged_hours until there are `most` or none is left; returns how many. What was taken is stale no
    longer once this is committed."""
    cursor.execute(
        "CREATE TEMP TABLE judged_hours (instrument_id INTEGER, hour TIMESTAMPTZ, PRIMARY KEY (instrument_id, hour)) ON COMMIT DROP"
    )
    cursor.execute(
        "SELECT shard, instrument_id, date_trunc('hour', from_at, 'UTC'), max(to_at), array_agg(stale_id) FROM stale_coverage "
        "WHERE venue = %s AND channel = %s GROUP BY 1, 2, 3 ORDER BY min(stale_id)",
        (venue, channel),
    )
    taken, hours = [], 0
    for shard, instrument_id, since, until, numbers in cursor.fetchall():
        cursor.execute(
            "INSERT INTO judged_hours SELECT i, hour FROM generate_series(%(since)s, %(until)s, INTERVAL '1 hour') hour, ("
            "  SELECT %(instrument)s::int AS i WHERE %(instrument)s IS NOT NULL UNION "
            "  SELECT instrument_id FROM subscriptions WHERE %(instrument)s IS NULL AND venue = %(venue)s AND channel = %(channel)s "
            "    AND shard = %(shard)s AND instrument_id IS NOT NULL AND from_at < %(until)s AND coalesce(to_at, 'infinity') >= %(since)s) c "
            "ON CONFLICT DO NOTHING",
            {"venue": venue, "channel": channel, "shard": shard, "instrument": instrument_id, "since": since, "until": until},
        )
        hours += cursor.rowcount
        taken += numbers
        if hours >= most:
            break
    cursor.execute("DELETE FROM stale_coverage WHERE stale_id = ANY(%s)", (taken,))
    return hours


def judge(cursor: Cursor, proof: Proof) -> int:
    """Put what the hours in judged_hours can be called in the place of what was said before; returns the hours that were asked for."""
    cursor.execute("ANALYZE judged_hours")
    cursor.execute("SELECT min(hour), max(hour) + INTERVAL '1 hour' FROM judged_hours")
    since, until = cursor.fetchone()  # type: ignore[misc]
    if since is None:
        return 0
    words = {**asdict(proof), "since": since, "until": until}
    cursor.execute(
        "DELETE FROM coverage c USING judged_hours h WHERE c.venue = %(venue)s AND c.channel = %(channel)s "
        "AND c.instrument_id = h.instrument_id AND c.hour = h.hour AND c.hour >= %(since)s AND c.hour < %(until)s",
        words,
    )
    cursor.execute(sql("judge_coverage").replace("{table}", proof.table), words)
    hours = cursor.rowcount
    days.judged(cursor, proof.venue)
    return hours
