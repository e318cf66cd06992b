"""What is missing, told from what came: holes in a venue's ids, and times when no socket of a shard could hear. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core import journal
from core.records import BOOK_STATES, KINDS, Columns, Kind
from core.venue import Numbered
from db.evidence import BookDoubted, BookTrusted, GapClosed, GapOpened, Note, Place, SequenceGap, SocketEnded, SocketOpened, SocketProven
from tasks.drift import Drift
from tasks.subscriptions import GIVEN_UP

#: Ended connections whose late repeats are still recognised; a producer repeats at most what one outage held back.
MAX_ENDED = 16
#: A connection whose first entry has a higher number was known to the journal before.
FIRST_BATCH = 1
#: Why a streamer gives up a connection that is open and says nothing.
FROZEN = ("idle", "no first frame")
#: Kinds whose rows tell how a book stands; each since its own last change, which may be long ago.
STATES = frozenset({BOOK_STATES, *(kind.states for kind in KINDS.values() if kind.states)})


class _Followed:
    """The last number of every instrument of one channel. `known`: (instrument_id, last number, its event_at in us)."""

    def __init__(self, known: list[tuple[int, int, int]]) -> None:
        size = max((instrument for instrument, _, _ in known), default=0) + 1
        self._last = np.zeros(size, np.int64)
        self._event = np.zeros(size, np.int64)
        for instrument, last, event in known:
            if last > self._last[instrument]:
                self._last[instrument], self._event[instrument] = last, event

    def _holes(self, instruments: Any, numbers: Any, previous: Any, events: Any) -> list[tuple[int, int, int, int | None, int]]:
        """Take in a batch (int arrays of equal length): (instrument, number before, number, event before, event) wherever `previous`
        of a number lies above the number before it. Reordering inside a batch is no hole, and a repeat is none."""
        self._grow(int(instruments.max()) + 1)
        order = np.lexsort((numbers, instruments))
        instrument, number, event = instruments[order], numbers[order], events[order]
        first = np.ones(len(order), bool)
        first[1:] = instrument[1:] != instrument[:-1]
        before, before_event = self._last[instrument], self._event[instrument]
        # Late rows do not move back what an earlier batch has reached.
        follows = np.flatnonzero(~first & (np.roll(number, 1) > before))
        before[follows], before_event[follows] = number[follows - 1], event[follows - 1]
        holes = np.flatnonzero((previous[order] > before) & (before > 0))
        last = np.append(first[1:], True)
        newer = last & (number > self._last[instrument])
        self._last[instrument[newer]], self._event[instrument[newer]] = number[newer], event[newer]
        return [(int(instrument[i]), int(before[i]), int(number[i]), int(before_event[i]) or None, int(event[i])) for i in holes]

    def _grow(self, size: int) -> None:
        if size > len(self._last):
            more = np.zeros(size + 256 - len(self._last), np.int64)
            self._last, self._event = np.append(self._last, more), np.append(self._event, more)


class Sequence(_Followed):
    """Ids that rise by one. A jump of more than one is a gap of just the ids between; an id at or below the last is a repeat."""

    def gaps(self, place: Place, instruments: Any, ids: Any, events: Any) -> list[SequenceGap]:
        """Take in a batch (int arrays of equal length) and tell the ids that it leaves out."""
        holes = self._holes(instruments, ids, ids - 1, events)
        return [SequenceGap(place, instrument, before + 1, number - 1, since, event) for instrument, before, number, since, event in holes]


class Chain(_Followed):
    """Updates that name the one before them. One that names an update above the last we know proves a loss, whose size nobody knows:
    what they change is in doubt until its next whole state. `broken`: instruments that are.

    One that names an older update overlaps: a second connection may cut the same changes into other updates. A whole state at or
    above the last update is where the chain goes on.
    """

    def __init__(self, kind: Kind, known: list[tuple[int, int, int]], broken: Collection[int] = ()) -> None:
        super().__init__(known)
        assert kind.chain is not None
        self._kind, (self._previous, self._own) = kind, kind.chain
        self._broken = set(broken)
        self._begun = {instrument: last for instrument, last, _ in known}  # instrument -> number from which on nothing is left out
        self._lacks: dict[int, tuple[int, int]] = {}  # of the broken ones: the numbers around the hole

    def follow(self, place: Place, rows: Mapping[str, Columns]) -> tuple[list[Note], set[int]]:
        """Take in a batch (kind -> columns with instrument_id): (what is doubted and trusted again, whose state is to be asked for)."""
        parts = {name: self._updates(columns) for name, columns in rows.items() if name in (self._kind.name, self._kind.states)}
        if not parts:
            return [], set()
        holes = self._holes(*(np.concatenate(column) for column in zip(*parts.values(), strict=True)))
        told = [(number, False, instrument, since or event) for instrument, _, number, since, event in holes]
        self._note_runs(parts, holes)
        concerned, before = self._broken.union(instrument for _, _, instrument, _ in told), set(self._broken)
        if concerned and self._kind.states in parts:
            instruments, numbers, _, events = (column.tolist() for column in parts[self._kind.states])
            states = zip(numbers, instruments, events, strict=True)
            told += [(number, True, instrument, event) for number, instrument, event in states if instrument in concerned]
        notes: list[Note] = []
        for _, whole, instrument, event in sorted(told):
            if whole and instrument in self._broken:
                self._broken.remove(instrument)
                self._lacks.pop(instrument, None)
                notes.append(BookTrusted(place, instrument, event))
            elif not whole and instrument not in self._broken:
                self._broken.add(instrument)
                notes.append(BookDoubted(place, instrument, event, "a change does not follow the one before it"))
        return notes, self._broken - before

    def mend(self, others: "Iterable[Chain]") -> set[int]:
        """Instruments of which another replica's chain has all that this one lacks: they are broken no more."""
        mended = {instrument for instrument, lack in self._lacks.items() if any(other._has(instrument, *lack) for other in others)}
        self._broken -= mended
        for instrument in mended:
            del self._lacks[instrument]
        return mended

    def _has(self, instrument: int, first: int, last: int) -> bool:
        begun = self._begun.get(instrument)
        return begun is not None and begun <= first and instrument not in self._broken and bool(self._last[instrument] >= last)

    def _note_runs(self, parts: Mapping[str, Any], holes: Iterable[tuple[int, int, int, int | None, int]]) -> None:
        """A whole state may stand far above what was before it: the run is told to begin there."""
        for instrument, before, number, _, _ in holes:
            first, last = self._lacks.get(instrument, (before, number))
            self._lacks[instrument] = min(first, before), max(last, number)
            self._begun[instrument] = number
        if (states := parts.get(self._kind.states or "")) is not None:
            instruments, numbers, _, _ = states
            self._begun |= dict(zip(instruments.tolist(), numbers.tolist(), strict=True))

    def _updates(self, columns: Columns) -> tuple[Any, Any, Any, Any]:
        """One row an update; a state follows nothing."""
        instrument, own = np.asarray(columns["instrument_id"]), np.asarray(columns[self._own])
        begins = np.ones(len(own), bool)
        begins[1:] = (own[1:] != own[:-1]) | (instrument[1:] != instrument[:-1])
        previous = np.asarray(columns[self._previous])[begins] if self._previous in columns else np.zeros(int(begins.sum()), np.int64)
        return instrument[begins], own[begins], previous, np.asarray(columns["event_at"])[begins]


def first_moment(told: Mapping[str, Columns]) -> int | None:
    """Event time in us from which on a stream is heard again: of its first word, or where only whole states came, of the newest of
    them."""
    words = [int(np.min(columns["event_at"])) for name, columns in told.items() if name not in STATES]
    return min(words) if words else max((int(np.max(columns["event_at"])) for columns in told.values()), default=None)


def last_word(told: Mapping[str, Columns]) -> int | None:
    """Event time in us of the newest row that tells of something that has just happened."""
    return max((int(np.max(columns["event_at"])) for name, columns in told.items() if name not in STATES), default=None)


@dataclass(slots=True)
class Connection:
    batch_no: int
    incarnation: str = ""
    live: bool = False
    proven: bool = False
    numbers: dict[str, int] = field(default_factory=dict)  # what the venue counts on it -> the last number
    drift: Drift = field(default_factory=Drift)

    def count(self, numbered: Numbered) -> tuple[list[tuple[int, int, int, int]], list[int]]:
        """Take in the numbers of a batch: ([(scope, first missing, last missing, frame after them)], frames that came once more). A late
        one is neither."""
        holes, again = [], []
        for scope in np.unique(numbered.scopes).tolist():
            mine = numbered.scopes == scope
            numbers, frames = numbered.numbers[mine], numbered.frames[mine]
            before = np.maximum.accumulate(np.append(self.numbers.get(str(scope), int(numbers[0]) - 1), numbers[:-1]))
            holes += [
                (scope, int(before[i]) + 1, int(numbers[i]) - 1, int(frames[i])) for i in np.flatnonzero(numbers > before + 1).tolist()
            ]
            again += frames[numbers == before].tolist()
            self.numbers[str(scope)] = max(int(before[-1]), int(numbers[-1]))
        return holes, again


@dataclass(slots=True)
class Sockets:
    """The connections of one stream as its log tells them. A shard is deaf when no proven connection lives."""

    place: Place
    connections: dict[str, Connection] = field(default_factory=dict)
    last_event_us: int | None = None
    last_received_us: int | None = None
    deaf: bool = False
    heard_from_us: int | None = field(default=None, compare=False)  # the first frame ever
    heard_to_us: int | None = field(default=None, compare=False)  # newest moment of any entry

    @classmethod
    def restore(cls, place: Place, stored: Mapping[str, Any], last_event_us: int | None, last_received_us: int | None) -> "Sockets":
        kept = stored.get("connections", {})
        connections = {name: Connection(*values[:5], *(Drift(*drift) for drift in values[5:])) for name, values in kept.items()}
        return cls(place, connections, last_event_us, last_received_us, bool(stored.get("deaf", False)))

    @property
    def live(self) -> list[str]:
        return [name for name, connection in self.connections.items() if connection.live]

    def stored(self) -> dict[str, Any]:
        """What `restore` needs, as JSON; nothing of it changes afterwards, as it is written while the next batch is counted."""
        rows = {
            name: [c.batch_no, c.incarnation, c.live, c.proven, dict(c.numbers), c.drift.stored()] for name, c in self.connections.items()
        }
        return {"connections": rows, "deaf": self.deaf}

    def is_repeat(self, header: journal.Header) -> bool:
        known = self.connections.get(header.connection_id)
        return known is not None and header.batch_no <= known.batch_no

    def continues(self, header: journal.Header) -> bool:
        """Whether a data entry just goes on: a proven connection of a hearing shard, its very next batch."""
        known = self.connections.get(header.connection_id)
        return known is not None and known.proven and not self.deaf and header.batch_no == known.batch_no + 1

    def take_number(self, header: journal.Header) -> list[Note]:
        """Advance the connection's batch number; a jump means that the journal itself lost entries."""
        self.heard_to_us = max(self.heard_to_us or 0, header.last_us)
        known = self.connections.get(header.connection_id)
        if known is None:
            self._forget_ended()
            known = self.connections[header.connection_id] = Connection(min(header.batch_no, FIRST_BATCH) - 1)
        expected, known.batch_no = known.batch_no + 1, header.batch_no
        if header.batch_no == expected:
            return []
        context = header.context or {}
        if header.type == journal.LOST and int(context.get("first_batch", expected)) <= expected:
            known.batch_no = max(header.batch_no, int(context.get("last_batch", header.batch_no)))
            return []
        return self._deafen(
            "journal", None, f"batches {expected} to {header.batch_no - 1} of {header.connection_id} are not in the journal"
        )

    def hear(self, header: journal.Header, first_event_us: int | None) -> list[Note]:
        """A data entry of a connection, whose first row has this event time: what was deaf hears again."""
        notes: list[Note] = []
        connection = self.connections[header.connection_id]
        self.heard_from_us = self.heard_from_us or header.first_us
        if not connection.proven:
            connection.proven = True
            notes.append(SocketProven(header.connection_id, header.first_us))
        if self.deaf:
            self.deaf = False
            # What comes first may be a state of before the gap.
            ends_us = None if first_event_us is None else max(first_event_us, self.last_event_us or 0)
            notes.append(GapClosed(self.place, ends_us, header.first_us))
        return notes

    def answered(self, header: journal.Header) -> list[Note]:
        """A reply of REST: what asks has no socket, and hears again with the next answer."""
        was_deaf, self.deaf = self.deaf, False
        return [GapClosed(self.place, None, header.first_us)] if was_deaf else []

    def awaits_data(self, connection_id: str) -> bool:
        """Whether the next data entry of this connection ends a gap or proves the connection."""
        return self.deaf or not self.connections[connection_id].proven

    def event(self, header: journal.Header) -> list[Note]:
        """A session event, at its place in the log."""
        context = header.context or {}
        connection = self.connections[header.connection_id]
        match header.type:
            case journal.CONNECTED:
                notes = self._end_others(str(context.get("incarnation", "")), header.first_us)
                connection.live, connection.incarnation = True, str(context.get("incarnation", ""))
                return [*notes, SocketOpened(self.place, header.connection_id, header.first_us)]
            case journal.DISCONNECTED:
                return self._end(header.connection_id, str(context.get("cause", "disconnected")), header.first_us)
            case journal.LOST:
                frames = int(context.get("frames", 0))
                return self._deafen("lost", frames, str(context.get("cause", "")))
        return []

    def _end_others(self, incarnation: str, at_us: int) -> list[Note]:
        """A streamer that starts anew speaks for its predecessor, which died without a word."""
        notes: list[Note] = []
        for name, other in list(self.connections.items()):
            if other.live and other.incarnation != incarnation:
                notes += self._end(name, "streamer died", self.last_received_us or at_us)
        return notes

    def _end(self, name: str, cause: str, at_us: int) -> list[Note]:
        connection = self.connections[name]
        was_live, connection.live = connection.live, False
        notes: list[Note] = [SocketEnded(name, at_us, cause)]
        if cause == GIVEN_UP and not self.live:
            return notes + self._give_up(at_us)
        if was_live and connection.proven and not any(c.live and c.proven for c in self.connections.values()):
            notes += self._deafen("frozen" if cause in FROZEN else "disconnected", None, cause)
        return notes

    def _give_up(self, at_us: int) -> list[Note]:
        """Nothing is asked for any more: from here on nothing can be missed."""
        was_deaf, self.deaf = self.deaf, False
        return [GapClosed(self.place, None, at_us)] if was_deaf else []

    def _deafen(self, cause: str, frames: int | None, detail: str) -> list[Note]:
        self.deaf = True
        return [GapOpened(self.place, cause, self.last_event_us, self.last_received_us, frames, detail)]

    def _forget_ended(self) -> None:
        ended = [name for name, connection in self.connections.items() if not connection.live]
        for name in ended[: max(0, len(ended) - MAX_ENDED + 1)]:
            del self.connections[name]
