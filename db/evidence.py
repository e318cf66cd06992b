"""What the farm knows of its own holes, as rows: sockets' lives, gaps, unreadable frames. Written in the transaction of the data."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from db import outages, witnesses
from db.moments import moment
from db.witnesses import Witnessed

#: A frame above this is cut in quarantine; no documented frame comes near it.
MAX_RAW_BYTES = 1 << 20
MAX_REASON_CHARS = 500
#: Why nothing comes from an instrument that is asked for, in words.
UNHEARD = {"silent": "subscribed, and no frame came", "not subscribed": "asked for twice, and the venue left it out of what it granted"}


@dataclass(frozen=True, slots=True)
class Place:
    venue: str
    channel: str
    shard: str
    replica: str = "a"

    @property
    def key(self) -> outages.PlaceKey:
        """What its replicas have in common."""
        return self.venue, self.channel, self.shard


@dataclass(frozen=True, slots=True)
class SocketOpened:
    place: Place
    connection_id: str
    at_us: int


@dataclass(frozen=True, slots=True)
class SocketProven:
    connection_id: str
    at_us: int


@dataclass(frozen=True, slots=True)
class SocketEnded:
    connection_id: str
    at_us: int
    cause: str


@dataclass(frozen=True, slots=True)
class GapOpened:
    """The replica hears nothing of the shard, or frames were shed, from here on."""

    place: Place
    cause: str
    event_us: int | None
    received_us: int | None
    frames: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class GapClosed:
    """The replica hears again: every outage of it at the place ends here."""

    place: Place
    event_us: int | None
    received_us: int


@dataclass(frozen=True, slots=True)
class SequenceGap:
    """Ids the venue must have used and that did not come; None where it is only known that there are some."""

    place: Place
    instrument_id: int
    first_missing: int | None
    last_missing: int | None
    event_from_us: int | None
    event_to_us: int


@dataclass(frozen=True, slots=True)
class Silent:
    """An instrument that is asked for and from which nothing comes: `silent` (no frame within its deadline) or `not subscribed` (the
    venue leaves it out of what it grants). settle_gaps ends it with its first row, Unwanted without one."""

    place: Place
    instrument_id: int
    at_us: int
    cause: str = "silent"


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Instruments that are no longer asked for on a shard: with `listed`, all but those in `symbols`; else those."""

    place: Place
    symbols: tuple[str, ...]
    at_us: int
    listed: bool = False


@dataclass(frozen=True, slots=True)
class NumberGap:
    """Numbers that the venue counts on a connection (`scope`: a subscription) and that did not come: any instrument of it may lack something."""

    place: Place
    scope: int
    first_missing: int
    last_missing: int
    event_from_us: int | None
    event_to_us: int | None
    received_from_us: int | None
    received_to_us: int


@dataclass(frozen=True, slots=True)
class BookDoubted:
    """The replayed book is not what the venue holds, since then (venue's clock) at the latest."""

    place: Place
    instrument_id: int
    since_us: int
    cause: str


@dataclass(frozen=True, slots=True)
class BookTrusted:
    """A whole state has come: doubts end here, and the silence of one that never spoke."""

    place: Place
    instrument_id: int
    event_us: int


@dataclass(frozen=True, slots=True)
class BookHeld:
    """Another replica has brought the changes whose lack was the doubt."""

    place: Place
    instrument_id: int


@dataclass(frozen=True, slots=True)
class Unread:
    place: Place
    connection_id: str
    batch_no: int
    frame_no: int
    received_us: int
    reason: str
    raw: bytes


_Outage = GapOpened | GapClosed | NumberGap
_Gap = Silent | Unwanted | BookDoubted | BookTrusted | BookHeld
_Single = SocketOpened | SocketProven | SocketEnded | _Gap
Note = _Single | _Outage | SequenceGap | Unread | Witnessed


def doubted(cursor: Cursor, place: Place, causes: Collection[str] = ("book",)) -> set[int]:
    """Instruments of a channel that are in doubt now, or silent where `causes` say so."""
    cursor.execute(
        "SELECT instrument_id FROM data_gaps WHERE venue = %s AND channel = %s AND cause = ANY(%s) AND state = 'open'",
        (place.venue, place.channel, list(causes)),
    )
    return {number for (number,) in cursor.fetchall()}


def doubted_for(cursor: Cursor, place: Place, seconds: float) -> list[str]:
    """Symbols of a shard whose books have been in doubt for so long."""
    cursor.execute(
        "SELECT symbol FROM data_gaps g JOIN instruments USING (instrument_id) WHERE g.venue = %s AND channel = %s AND shard = %s "
        "AND cause = 'book' AND state = 'open' AND found_at < now() - %s * INTERVAL '1 second'",
        (place.venue, place.channel, place.shard, seconds),
    )
    return [symbol for (symbol,) in cursor.fetchall()]


def write(cursor: Cursor, notes: Sequence[Note]) -> None:
    """Write notes in their order, those of whole shards first, the frequent ones in bulk."""
    touched: dict[outages.PlaceKey, list[int]] = {}
    for note in notes:
        if isinstance(note, _Outage):
            touched.setdefault(note.place.key, []).extend(_write_outage(cursor, note))
    for place, numbers in touched.items():
        outages.settle(cursor, place, numbers)
    for note in notes:
        if not isinstance(note, _Outage | SequenceGap | Unread | Witnessed):
            _write_one(cursor, note)
    gaps = [note for note in notes if isinstance(note, SequenceGap)]
    if gaps:
        _write_sequence_gaps(cursor, gaps)
    witnesses.count(cursor, [note for note in notes if isinstance(note, Witnessed)])
    unread = [note for note in notes if isinstance(note, Unread)]
    if unread:
        _write_unread(cursor, unread)


def _write_one(cursor: Cursor, note: _Single) -> None:
    match note:
        case SocketOpened(place, connection_id, at_us):
            cursor.execute(
                "INSERT INTO sessions (connection_id, venue, channel, shard, replica, connected_at) VALUES (%s, %s, %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                (connection_id, *place.key, place.replica, moment(at_us)),
            )
        case SocketProven(connection_id, at_us):
            cursor.execute(
                "UPDATE sessions SET proven_at = coalesce(proven_at, %s) WHERE connection_id = %s", (moment(at_us), connection_id)
            )
        case SocketEnded(connection_id, at_us, cause):
            cursor.execute(
                "UPDATE sessions SET ended_at = coalesce(ended_at, %s), cause = coalesce(cause, %s) WHERE connection_id = %s",
                (moment(at_us), cause, connection_id),
            )
        case _:
            _write_gap(cursor, note)


def _write_outage(cursor: Cursor, note: _Outage) -> list[int]:
    """Numbers of the outages that begin or end."""
    place, replica = note.place.key, note.place.replica
    match note:
        case GapOpened(_, cause, event_us, received_us, frames, detail):
            began = outages.begin(
                cursor, place, replica, cause, event_us=(event_us, None), received_us=(received_us, None), frames=frames, detail=detail
            )
            return [began]
        case NumberGap(_, scope, first, last):
            events, received = (note.event_from_us, note.event_to_us), (note.received_from_us, note.received_to_us)
            told = f"numbers of subscription {scope}"
            return [
                outages.begin(cursor, place, replica, "sequence", event_us=events, received_us=received, missing=(first, last), detail=told)
            ]
        case GapClosed(_, event_us, received_us):
            return outages.end(cursor, place, replica, event_us, received_us)


def _write_gap(cursor: Cursor, note: _Gap) -> None:
    match note:
        case Silent():
            _silent(cursor, note)
        case BookDoubted(place, instrument_id, since_us, cause):
            cursor.execute(
                "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, event_from, detail) SELECT %s, %s, %s, %s, 'book', %s, %s "
                "WHERE NOT EXISTS (SELECT FROM data_gaps WHERE venue = %s AND channel = %s AND instrument_id = %s AND cause = 'book' AND state = 'open')",
                (
                    *(place.venue, place.channel, place.shard),
                    instrument_id,
                    moment(since_us),
                    cause,
                    place.venue,
                    place.channel,
                    instrument_id,
                ),
            )
        case BookTrusted(place, instrument_id, event_us):
            cursor.execute(
                "UPDATE data_gaps SET event_to = %s, state = CASE cause WHEN 'book' THEN 'missing' ELSE 'filled' END, evidence = CASE cause "
                "  WHEN 'book' THEN evidence ELSE evidence || jsonb_build_array("
                "    jsonb_build_object('at', now(), 'state', 'filled', 'reason', 'its first whole state has come')) END "
                "WHERE venue = %s AND channel = %s AND instrument_id = %s AND cause = ANY(%s) AND state = 'open'",
                (moment(event_us), place.venue, place.channel, instrument_id, ["book", *UNHEARD]),
            )
        case Unwanted():
            _unwanted(cursor, note)
        case BookHeld(place, instrument_id):
            cursor.execute(
                "DELETE FROM data_gaps WHERE venue = %s AND channel = %s AND instrument_id = %s AND cause = 'book' AND state = 'open'",
                (place.venue, place.channel, instrument_id),
            )


def _silent(cursor: Cursor, note: Silent) -> None:
    place = (note.place.venue, note.place.channel, note.place.shard)
    about = (note.place.venue, note.place.channel, note.instrument_id, note.cause)
    cursor.execute(
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, received_from, state, detail) "
        "SELECT %s, %s, %s, %s, %s, %s, 'open', %s WHERE NOT EXISTS ("
        "  SELECT FROM data_gaps WHERE venue = %s AND channel = %s AND instrument_id = %s AND cause = %s AND state = 'open')",
        (*place, note.instrument_id, note.cause, moment(note.at_us), UNHEARD[note.cause], *about),
    )


def _unwanted(cursor: Cursor, note: Unwanted) -> None:
    cursor.execute(
        "UPDATE data_gaps g SET received_to = %s, state = 'missing' FROM instruments i WHERE g.instrument_id = i.instrument_id "
        "AND g.venue = %s AND g.channel = %s AND g.shard = %s AND g.state = 'open' AND g.cause = ANY(%s) AND (i.symbol = ANY(%s)) <> %s",
        (moment(note.at_us), note.place.venue, note.place.channel, note.place.shard, [*UNHEARD, "book"], list(note.symbols), note.listed),
    )


def _write_sequence_gaps(cursor: Cursor, gaps: Sequence[SequenceGap]) -> None:
    rows = [
        (
            g.place.venue,
            g.place.channel,
            g.place.shard,
            g.instrument_id,
            "sequence",
            g.first_missing,
            g.last_missing,
            moment(g.event_from_us),
            moment(g.event_to_us),
            "missing",
        )
        for g in gaps
    ]
    execute_values(
        cursor,
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, first_missing, last_missing, event_from, event_to, state) VALUES %s",
        rows,
    )


def _write_unread(cursor: Cursor, unread: Sequence[Unread]) -> None:
    rows = [
        (
            u.place.venue,
            u.place.channel,
            u.place.shard,
            u.connection_id,
            u.batch_no,
            u.frame_no,
            moment(u.received_us),
            plain(u.reason),
            u.raw[:MAX_RAW_BYTES],
        )
        for u in unread
    ]
    execute_values(
        cursor,
        "INSERT INTO quarantine (venue, channel, shard, connection_id, batch_no, frame_no, received_at, reason, raw) VALUES %s ON CONFLICT DO NOTHING",
        rows,
    )


def plain(reason: str) -> str:
    """PostgreSQL's text holds no NUL and no lone surrogate; a venue's words may."""
    return reason.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:MAX_REASON_CHARS]
