"""Journal entries of one stream into what must be written: rows, notes, and the new offset. No I/O but the symbol registry."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from core import journal, records
from core.journal import Entry, Header, StreamName
from core.venue import Decoded, Frames, Rejected, Reply
from db.evidence import Note, NumberGap, Place, Silent, Unread
from db.instruments import TooManyInstruments
from db.offsets import Advance, Counts, Offset
from db.subscriptions import Wish
from db.witnesses import Witnessed
from db.writing import Listing, Work
from tasks import subscriptions
from tasks.bookkeeping import ended, follow, mended, number_gaps, once, replay, witnessed
from tasks.continuity import first_moment, last_word
from tasks.reader import RawEntry, Reader
from tasks.tally import Received
from venues.errors import Unreadable

log = logging.getLogger(__name__)

#: Frames decoded by one call. The decoder holds the interpreter while it works, and the commit thread waits for it at every step.
RUN_FRAMES = 2_000


@dataclass(slots=True)
class _Page:
    """What one call of `digest` gathers."""

    counts: Counts
    rows: list[tuple[str, records.Columns]]
    notes: list[Note]
    listings: list[Listing]
    wishes: list[Wish]
    received: Received


def digest(reader: Reader, raw_entries: Sequence[RawEntry], *, condemned: str | None = None) -> tuple[Work, Received]:
    """(work, when its data came). Moves the reader on.

    Consecutive data entries of a connection are decoded as one batch; an event, or data that ends a gap, begins a new one. `condemned` puts
    every frame into quarantine with that reason: the database has refused what they decode to.
    """
    page = _Page(Counts(entries=len(raw_entries)), [], [], [], [], Received())
    before, heard_us = reader.last_id, reader.sockets.heard_to_us
    if reader.books is not None:
        reader.books.beside = reader.sockets.connections
    run: list[Entry] = []
    for entry_id, fields in raw_entries:
        if (entry := _opened(reader, page, entry_id, fields)) is None:
            continue
        if reader.sockets.is_repeat(entry.header):
            page.counts.repeated += entry.header.frames
            continue
        is_data = entry.header.type == journal.DATA
        if run and not (is_data and reader.sockets.continues(entry.header) and entry.header.connection_id == run[0].header.connection_id):
            _read_run(reader, page, run, condemned)
            run = []
        if entry.header.type == journal.WITNESS:
            _hear_witness(reader, page, entry.header)
            continue
        page.notes += reader.sockets.take_number(entry.header)
        if is_data:
            run.append(entry)
            if sum(waiting.header.frames for waiting in run) >= RUN_FRAMES:
                _read_run(reader, page, run, condemned)
                run = []
        elif entry.header.type == journal.REPLY:
            _read_reply(reader, page, entry, condemned)
        elif entry.header.type == journal.REFUSED:
            _note(page, [subscriptions.refusal(reader.sockets.place, entry.header)])
        else:
            _hear_event(reader, page, entry.header)
            page.counts.lost += int((entry.header.context or {}).get("frames", 0)) if entry.header.type == journal.LOST else 0
    if run:
        _read_run(reader, page, run, condemned)
    reader.last_id = raw_entries[-1][0].decode()
    sockets = reader.sockets
    times = (sockets.last_event_us, sockets.last_received_us, sockets.heard_from_us, sockets.heard_to_us)
    after = Offset(reader.last_id, sockets.stored(), *times)
    step = Advance(str(reader.stream), before, after, page.counts, bool(reader.twins), heard_us)
    return Work(step, page.rows, page.notes, page.listings, page.wishes), page.received


def _opened(reader: Reader, page: _Page, entry_id: bytes, fields: dict[bytes, bytes]) -> Entry | None:
    try:
        return journal.decode_entry(entry_id, fields)
    except journal.JournalError as exc:
        page.counts.quarantined += 1
        at_us = int(entry_id.partition(b"-")[0]) * 1000
        page.notes.append(Unread(reader.sockets.place, entry_id.decode(), 0, -1, at_us, str(exc), b"".join(fields.values())))
        return None


def _read_run(reader: Reader, page: _Page, run: list[Entry], condemned: str | None) -> None:
    """Decode consecutive data entries as one batch."""
    head = run[0].header
    readable: list[tuple[Header, Frames]] = []
    for entry in run:
        try:
            readable.append((entry.header, entry.frames()))
            page.received.take(entry)
        except journal.JournalError as exc:
            page.counts.quarantined += entry.header.frames
            page.notes.append(_unread(reader, entry.header, -1, str(exc), entry.body))
    if readable:
        frames = Frames.joined([frames for _, frames in readable])
        page.counts.frames += frames.count
        page.received.frames.append(frames.received_us)
        reader.sockets.last_received_us = max(reader.sockets.last_received_us or 0, int(frames.received_us[-1]))
        waiting = reader.sockets.awaits_data(head.connection_id)
        decoded = _decoded(lambda: reader.venue.decode(reader.stream.channel, frames), frames.count, condemned)
        try:
            first, last = _store(reader, page, decoded, frames.received_us, head.connection_id)
        except TooManyInstruments as exc:
            decoded, first, last = _all_rejected(frames.count, str(exc)), None, None
        if waiting:
            page.notes += reader.sockets.hear(head, first)
        if last is not None:
            reader.sockets.last_event_us = max(reader.sockets.last_event_us or 0, last)
        if decoded.rejected:
            _quarantine(reader, page, readable, frames, decoded.rejected)


def _read_reply(reader: Reader, page: _Page, entry: Entry, condemned: str | None) -> None:
    header = entry.header
    try:
        frames = entry.frames()
    except journal.JournalError as exc:
        page.counts.quarantined += 1
        page.notes.append(_unread(reader, header, -1, str(exc), entry.body))
        return
    page.counts.frames += 1
    page.received.take(entry)
    page.notes += reader.sockets.answered(header)
    reply = Reply(reader.stream.channel, header.context or {}, frames.split()[0], header.first_us)
    decoded = _decoded(lambda: reader.venue.poll(reader.stream.channel).parse(reply), 1, condemned)
    _store(reader, page, decoded, frames.received_us)
    reader.sockets.last_received_us = header.last_us
    if decoded.rejected:
        page.counts.quarantined += 1
        page.notes.append(_unread(reader, header, 0, "; ".join(r.reason for r in decoded.rejected), reply.body))


def _note(page: _Page, notes: Sequence[Note]) -> None:
    page.counts.quarantined += sum(isinstance(note, Unread) for note in notes)
    page.notes += notes


def _hear_event(reader: Reader, page: _Page, header: Header) -> None:
    page.notes += reader.sockets.event(header)
    told = subscriptions.notes_of(reader.sockets.place, header, reader.known)
    _note(page, told)
    page.wishes += subscriptions.wishes_of(str(reader.stream), header)
    if reader.books is not None:
        reader.books.want(header.connection_id, header.context or {})
        if anew := (header.context or {}).get("resync"):
            reader.books.ask(header.connection_id, reader.known(anew).values(), header.first_us)
        page.notes += ended(reader.books, reader.sockets.place, reader.live)
        reader.books.doubted.update(note.instrument_id for note in told if isinstance(note, Silent))


def _hear_witness(reader: Reader, page: _Page, header: Header) -> None:
    claims = [tuple(claim) for claim in (header.context or {}).get("claims", ())]
    if reader.books is None or not claims:
        return
    numbers = reader.ids([symbol for symbol, *_ in claims])
    notes, wishes, in_vain = witnessed(reader.books, reader.sockets.place, claims, numbers, header.first_us)
    again = reader.books.heard_before(header.connection_id, str(reader.stream))
    page.notes += [note for note in notes if not (again and isinstance(note, Witnessed))]
    reader.wishes |= wishes
    reader.wants_rotation |= in_vain


def _decoded(decode: Callable[[], Decoded], count: int, condemned: str | None) -> Decoded:
    if condemned is not None:
        return _all_rejected(count, condemned)
    try:
        return decode()
    except Unreadable as exc:
        return _all_rejected(count, f"{type(exc).__name__}: {exc}")
    except Exception as exc:  # a decoder's bug must not stop the stream: the frames are kept, counted and told
        log.exception("decoder failed")
        return _all_rejected(count, f"decoder failed: {type(exc).__name__}: {exc}")


def _all_rejected(count: int, reason: str) -> Decoded:
    return Decoded(rejected=[Rejected(i, reason) for i in range(count)])


def _store(reader: Reader, page: _Page, decoded: Decoded, received_us: Any, connection_id: str = "") -> tuple[int | None, int | None]:
    """Take over what was decoded of frames received at these times; returns (first, last) event time of the rows."""
    page.counts.ignored += sum(decoded.ignored.values())
    if decoded.instruments or decoded.markets or decoded.pauses is not None:
        at_us, listed = int(received_us[-1]), (decoded.instruments, decoded.complete)
        page.listings.append(Listing(reader.venue.name, *listed, at_us, decoded.markets, decoded.pauses, provisional=decoded.provisional))
    known = {name: _of_known(reader, page, decoded.rows[name]) for name in decoded.of_known if name in decoded.rows}
    told = {name: columns for name, columns in {**decoded.rows, **known}.items() if len(columns["event_at"])}
    rows: Mapping[str, records.Columns] = {
        name: {**columns, "instrument_id": reader.ids(columns["symbol"])} for name, columns in told.items()
    }
    holes: list[tuple[int, NumberGap]] = []
    if decoded.numbered is not None:
        holes, again = number_gaps(reader.sockets, connection_id, decoded.numbered, rows, received_us)
        page.notes += [gap for _, gap in holes]
        rows, repeated = once(rows, again)
        page.counts.ignored += repeated
    if connection_id and reader.books is not None:
        replayed = replay(reader.books, reader.sockets.place, connection_id, rows, holes)
        rows = replayed.rows
        page.notes += replayed.notes
        page.counts.ignored += replayed.unknown
        reader.wishes |= replayed.wishes
    stored = {name: columns for name, columns in rows.items() if name in records.KINDS}
    for name, columns in stored.items():
        page.rows.append((name, columns))
        page.counts.rows += len(columns["event_at"])
        if reader.sequence is not None and (kind := records.KINDS[name]).sequence:
            page.notes += reader.sequence.gaps(reader.sockets.place, columns["instrument_id"], columns[kind.sequence], columns["event_at"])
    if reader.chain is not None:
        notes, wishes = follow(reader.chain, reader.sockets.place, stored)
        page.notes += [*notes, *mended([reader, *reader.twins])]
        reader.wishes |= wishes
    if connection_id and (newest := last_word(stored)) is not None:
        reader.wants_rotation |= reader.sockets.connections[connection_id].drift.add(int(received_us[-1]), newest)
    return first_moment(told), max((int(np.max(columns["event_at"])) for columns in stored.values()), default=None)


def _of_known(reader: Reader, page: _Page, columns: records.Columns) -> records.Columns:
    """The rows of instruments that are registered; the others are ignored."""
    known = reader.known(columns["symbol"])
    mine = np.array([symbol in known for symbol in columns["symbol"]], bool)
    page.counts.ignored += int((~mine).sum())
    return {name: list(compress(column, mine)) if isinstance(column, list) else column[mine] for name, column in columns.items()}


def _quarantine(
    reader: Reader, page: _Page, readable: Sequence[tuple[Header, Frames]], frames: Frames, rejected: Sequence[Rejected]
) -> None:
    """Put rejected frames aside whole, each under the batch it came in."""
    starts = np.cumsum([0, *(part.count for _, part in readable)])
    raw = frames.split()
    for frame in rejected:
        batch = int(np.searchsorted(starts, frame.frame, side="right")) - 1
        header, part = readable[batch]
        number = frame.frame - int(starts[batch])
        note = _unread(reader, header, number, frame.reason, raw[frame.frame])
        page.notes.append(replace(note, received_us=int(part.received_us[number])))
    page.counts.quarantined += len(rejected)


def _unread(reader: Reader, header: Header, frame_no: int, reason: str, raw: bytes) -> Unread:
    return Unread(reader.sockets.place, header.connection_id, header.batch_no, frame_no, header.first_us, reason, raw)


def place_of(stream: StreamName) -> Place:
    return Place(*stream)
