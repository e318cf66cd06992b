"""What each stream asks its venue for, and when: rows that change only when that does. Written in the transaction of the data."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from db.moments import moment


@dataclass(frozen=True, slots=True)
class Wish:
    """Names that a stream asks for from this moment on, or, not `asked`, no longer. `whole`: the names are all that it asks for. Who was
    asked for and is not named any more has been left out, and may have moved to another connection; no names at all: it has been given up."""

    stream: str
    names: tuple[str, ...]
    at_us: int
    asked: bool = True
    whole: bool = False


def write(cursor: Cursor, wishes: Sequence[Wish]) -> None:
    """In their order. A wish that holds already writes nothing."""
    for wish in wishes:
        changed = 0
        if wish.whole:
            changed += _end(cursor, wish, "<> ALL", left_out=bool(wish.names))
        elif not wish.asked:
            changed += _end(cursor, wish, "= ANY")
        if wish.asked and wish.names:
            changed += _begin(cursor, wish)
        if changed:
            _make_stale(cursor, wish)


def give_up(cursor: Cursor, stream: str, at_us: int) -> int:
    """End what a stream asks for whose shard nobody serves any more; returns how many symbols that concerns. Others may have taken them."""
    wish = Wish(stream, (), at_us, asked=False, whole=True)
    ended = _end(cursor, wish, "<> ALL", left_out=True)
    if ended:
        _make_stale(cursor, wish)
    return ended


def asking(cursor: Cursor) -> list[str]:
    """Streams that ask for something now."""
    cursor.execute("SELECT DISTINCT stream FROM subscriptions WHERE to_at IS NULL")
    return [stream for (stream,) in cursor.fetchall()]


def _end(cursor: Cursor, wish: Wish, which: str, *, left_out: bool = False) -> int:
    cursor.execute(
        "UPDATE subscriptions SET to_at = greatest(from_at, %s), left_out = %s WHERE stream = %s AND to_at IS NULL "
        f"AND symbol {which}(%s::text[])",
        (moment(wish.at_us), left_out, wish.stream, list(wish.names)),
    )
    return cursor.rowcount


def _begin(cursor: Cursor, wish: Wish) -> int:
    venue, channel, shard, _ = wish.stream.split(":")
    cursor.execute(
        "INSERT INTO subscriptions (stream, venue, channel, shard, symbol, instrument_id, from_at) "
        "SELECT %s, %s, %s, %s, n, i.instrument_id, %s FROM unnest(%s::text[]) n LEFT JOIN instruments i ON i.venue = %s AND i.symbol = n "
        "ON CONFLICT (stream, symbol) WHERE to_at IS NULL DO NOTHING",
        (wish.stream, venue, channel, shard, moment(wish.at_us), list(wish.names), venue),
    )
    return cursor.rowcount


def _make_stale(cursor: Cursor, wish: Wish) -> None:
    """What was judged already as if this had not changed: a spool tells late, and a full hour may pass between the two."""
    cursor.execute(
        "INSERT INTO stale_coverage (venue, channel, shard, from_at, to_at) "
        "SELECT split_part(stream, ':', 1), split_part(stream, ':', 2), split_part(stream, ':', 3), day, least(day + INTERVAL '1 day', judged_until) "
        "FROM judged_streams, generate_series(%(at)s, judged_until, INTERVAL '1 day') day WHERE stream = %(stream)s AND judged_until > %(at)s",
        {"stream": wish.stream, "at": moment(wish.at_us)},
    )
