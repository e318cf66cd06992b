"""What each replica of a place missed, and the gaps that are left of it: the times in which none heard (db/replicas.py).

A place is (venue, channel, shard). Its gaps are worked out anew from its outages whenever one begins or ends, or a replica has been read
on, so that it does not matter which replica's news is committed first. What a backfill or a pause has taken over stays as it is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from math import inf
from typing import Any

from psycopg2.extensions import cursor as Cursor

from core.records import Kind
from db.moments import micros, moment
from db.replicas import Deaf, Hearing, Outage, Span, deaf, without

PlaceKey = tuple[str, str, str]

#: First half of the advisory lock's key; the second is made of the place. Any number, the same in every writer.
PLACE_LOCK = 7_301_046
#: A streamer that lives writes a heartbeat every ten seconds into each of its streams.
FRESH_SECONDS = 60
#: A hole in a sequence above this is left to a backfill: the writer does not count so many rows.
MAX_IDS = 10_000
#: Gaps that are not taken over by anybody yet.
DERIVED = ("open", "missing")

_PLACE = "venue = %s AND channel = %s AND shard = %s"


def lock(cursor: Cursor, place: PlaceKey) -> None:
    """Until the end of the transaction: two writers of a place's replicas see each other's news."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (PLACE_LOCK, ":".join(place)))


def begin(
    cursor: Cursor,
    place: PlaceKey,
    replica: str,
    cause: str,
    *,
    event_us: tuple[int | None, int | None],
    received_us: tuple[int | None, int | None],
    frames: int | None = None,
    missing: tuple[int | None, int | None] = (None, None),
    detail: str | None = None,
) -> int:
    """Note an outage, (from, to) in us; returns its number. A clock may be set back in the meantime: no end lies before its beginning."""
    start_us, end_us = received_us
    if start_us is not None and end_us is not None:
        received_us = start_us, max(start_us, end_us)
    cursor.execute(
        "INSERT INTO outages (venue, channel, shard, replica, cause, event_from, event_to, received_from, received_to, frames, first_missing, "
        "last_missing, detail) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING outage_id",
        (*place, replica, cause, *map(moment, (*event_us, *received_us)), frames, *missing, detail),
    )
    return int(cursor.fetchone()[0])  # type: ignore[index]


def end(cursor: Cursor, place: PlaceKey, replica: str, event_us: int | None, received_us: int) -> list[int]:
    """The replica hears again: returns the numbers of the outages that end."""
    cursor.execute(
        f"UPDATE outages SET event_to = %s, received_to = greatest(received_from, %s) WHERE {_PLACE} AND replica = %s "
        "AND received_to IS NULL RETURNING outage_id",
        (moment(event_us), moment(received_us), *place, replica),
    )
    return [number for (number,) in cursor.fetchall()]


def give_up(cursor: Cursor, place: PlaceKey, replica: str, at_us: int) -> int:
    """Nobody asks the replica's shard for anything any more: what it misses ends there. Returns how many outages that concerns."""
    numbers = end(cursor, place, replica, None, at_us)
    if numbers:
        settle(cursor, place, numbers)
    return len(numbers)


def settle(cursor: Cursor, place: PlaceKey, touched: Collection[int]) -> None:
    """Bring the gaps of the place to what is left of these outages, and of those at the same time."""
    lock(cursor, place)
    hearings = _hearings(cursor, place)
    outages = _outages(cursor, place, touched)
    spans = [one.span for one in outages if one.outage_id in touched]
    near = {one.outage_id: one for one in outages if any(one.from_us <= stop and one.to_us >= start for start, stop in spans)}
    rows = _rows(cursor, near)
    for one in near.values():
        taken = [
            row.span for row in rows if not row.derived and (row.outage_id == one.outage_id or near[row.outage_id].replica != one.replica)
        ]
        wanted = []
        for part in deaf(one, outages, hearings):
            left: Sequence[Span] = [(part.from_us, part.to_us)]
            for span in taken:
                left = without(left, span)
            wanted += [_kept(part, span) for span in left]
        _write(cursor, one.outage_id, wanted, [row for row in rows if row.derived and row.outage_id == one.outage_id])


def read_on(cursor: Cursor, place: PlaceKey, replica: str, since_us: int | None) -> None:
    """A replica has been read on from there: what others missed since may be no gap."""
    cursor.execute(
        f"SELECT DISTINCT outage_id FROM data_gaps g WHERE {_PLACE} AND state = ANY(%s) "
        "AND coalesce(received_to, 'infinity') >= coalesce(%s, '-infinity'::timestamptz) "
        "AND EXISTS (SELECT FROM outages o WHERE o.outage_id = g.outage_id AND o.replica <> %s)",
        (*place, list(DERIVED), moment(since_us), replica),
    )
    if pending := [number for (number,) in cursor.fetchall()]:
        settle(cursor, place, pending)


def forget_brought(cursor: Cursor, place: PlaceKey, kind: Kind) -> None:
    """Ids that one replica left out and that are there, as another brought them, were never missing to the farm."""
    number = kind.sequence
    cursor.execute(
        f"DELETE FROM data_gaps g WHERE {_PLACE} AND cause = 'sequence' AND state = 'missing' AND instrument_id IS NOT NULL "
        f"AND last_missing - first_missing < %s AND (SELECT count(DISTINCT {number}) FROM {kind.name} t WHERE t.instrument_id = g.instrument_id "
        f"AND t.event_at BETWEEN g.event_from AND g.event_to AND t.{number} BETWEEN g.first_missing AND g.last_missing) "
        "= last_missing - first_missing + 1",
        (*place, MAX_IDS),
    )


def _hearings(cursor: Cursor, place: PlaceKey) -> list[Hearing]:
    cursor.execute(
        "SELECT split_part(stream, ':', 4), heard_from, heard_to, last_event_at, heard_to > now() - %s * INTERVAL '1 second' "
        f"FROM stream_offsets WHERE {_PLACE}",
        (FRESH_SECONDS, *place),
    )
    return [
        Hearing(replica, _us(first, inf), _us(last, -inf), micros(event), bool(fresh))
        for replica, first, last, event, fresh in cursor.fetchall()
    ]


def _outages(cursor: Cursor, place: PlaceKey, touched: Collection[int]) -> list[Outage]:
    """These, those at the same time, and all that were at the time of any of them."""
    cursor.execute(
        f"WITH place AS (SELECT *, coalesce(received_from, '-infinity') AS since, coalesce(received_to, 'infinity') AS until FROM outages WHERE {_PLACE}) "
        "SELECT outage_id, replica, received_from, received_to, event_from, event_to FROM place WHERE until >= ("
        "  SELECT min(o.since) FROM place o JOIN place t ON t.outage_id = ANY(%s) AND o.since <= t.until AND o.until >= t.since) ORDER BY outage_id",
        (*place, list(touched)),
    )
    return [
        Outage(number, replica, _us(start, -inf), _us(stop, inf), micros(event_from), micros(event_to))
        for number, replica, start, stop, event_from, event_to in cursor.fetchall()
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A gap as it stands in the table."""

    gap_id: int
    outage_id: int
    derived: bool
    gap: Deaf

    @property
    def span(self) -> Span:
        return self.gap.from_us, self.gap.to_us


def _rows(cursor: Cursor, outages: Collection[int]) -> list[_Row]:
    cursor.execute(
        "SELECT gap_id, outage_id, state, received_from, received_to, event_from, event_to FROM data_gaps WHERE outage_id = ANY(%s) ORDER BY gap_id",
        (list(outages),),
    )
    return [
        _Row(gap_id, outage_id, state in DERIVED, Deaf(_us(start, -inf), _us(stop, inf), micros(event_from), micros(event_to)))
        for gap_id, outage_id, state, start, stop, event_from, event_to in cursor.fetchall()
    ]


def _kept(part: Deaf, left: Span) -> Deaf:
    """What is left of a part, with what is known of its ends."""
    start, stop = left
    return Deaf(start, stop, part.event_from_us if start == part.from_us else None, part.event_to_us if stop == part.to_us else None)


# A backfill may take a row over between our look and our word: then it is left to it.
def _write(cursor: Cursor, outage_id: int, wanted: Sequence[Deaf], rows: Sequence[_Row]) -> None:
    for part, row in zip_longest(wanted, rows):
        if part is None:
            cursor.execute("DELETE FROM data_gaps WHERE gap_id = %s AND state = ANY(%s)", (row.gap_id, list(DERIVED)))
        elif row is None:
            cursor.execute(
                "INSERT INTO data_gaps (venue, channel, shard, cause, first_missing, last_missing, frames, detail, outage_id, "
                "  event_from, event_to, received_from, received_to, state) "
                "SELECT venue, channel, shard, cause, first_missing, last_missing, frames, detail, outage_id, %s, %s, %s, %s, %s "
                "FROM outages WHERE outage_id = %s",
                (*_columns(part), outage_id),
            )
        elif part != row.gap:
            cursor.execute(
                "UPDATE data_gaps SET event_from = %s, event_to = %s, received_from = %s, received_to = %s, state = %s "
                "WHERE gap_id = %s AND state = ANY(%s)",
                (*_columns(part), row.gap_id, list(DERIVED)),
            )


def _columns(part: Deaf) -> tuple[Any, ...]:
    start, stop = (None if abs(at) == inf else int(at) for at in (part.from_us, part.to_us))
    return (*map(moment, (part.event_from_us, part.event_to_us, start, stop)), "open" if stop is None else "missing")


def _us(at: datetime | None, absent: float) -> float:
    found = micros(at)
    return absent if found is None else found
