"""What the journal has just been told, as ticks: entries read beside the writers, whose offsets this never touches, and decoded."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core import journal as journals
from core.journal import Entry, Journal, JournalError, StreamName
from core.venue import Decoded, Reply, Venue
from venues.errors import Unreadable

#: Entries of a stream that one look takes; a streamer appends no more than a hundred a second.
LOOK_ENTRIES = 32
#: Of what one look finds so many frames are decoded, the newest; nobody reads more, and the time between two looks stays short.
LOOK_FRAMES = 2_000
#: What only the replay of books needs.
_WITHIN = ("frame", "event_at", "received_at", "symbol")


@dataclass(frozen=True, slots=True)
class Tick:
    """A row before it is one. Times are microseconds since 1970; `values` leaves out what is absent."""

    channel: str
    kind: str
    symbol: str
    event_us: int
    received_us: int
    values: dict[str, Any]


@dataclass(slots=True)
class Missed:
    """What was not shown since the last time: frames passed over, batches that the journal forgot before they were looked at, and frames
    that could not be read, by reason."""

    frames: int = 0
    batches: int = 0
    unread: Counter[str] = field(default_factory=Counter)


class Ticks:
    """Follows the streams of a venue, or of one channel of it, from this moment on. Raises RedisError."""

    def __init__(
        self, journal: Journal, venue: Venue, channels: Collection[str], wanted: Callable[[str], bool], replica: str | None = None
    ) -> None:
        """`replica`: of this one alone; None: of the first that speaks."""
        self._journal, self._venue, self._channels, self._wanted = journal, venue, channels, wanted
        self._replica = replica
        self._batches: dict[str, int] = {}
        self.missed = Missed()
        self._offsets: dict[StreamName, str] = {
            stream: newest or journals.START for stream, newest in journal.last_ids(self._streams()).items()
        }

    @property
    def streams(self) -> Collection[StreamName]:
        return self._offsets.keys()

    def _streams(self) -> list[StreamName]:
        there = [one for one in self._journal.streams() if one.venue == self._venue.name and one.channel in self._channels]
        if there and self._replica is None:
            self._replica = min(one.replica for one in there)
        return [one for one in there if one.replica == self._replica]

    def look_for_streams(self) -> None:
        """A stream that was not there before is followed from its begin."""
        self._offsets |= {stream: journals.START for stream in self._streams() if stream not in self._offsets}

    def look(self, block_ms: int) -> Iterator[Tick]:
        """What came since the last look; waits at most so long for the first of it."""
        entries: list[tuple[StreamName, Entry]] = []
        for stream, raw in self._journal.read(self._offsets, block_ms=block_ms, max_entries=LOOK_ENTRIES):
            self._offsets[stream] = raw[-1][0].decode()
            entries += ((stream, entry) for entry in map(self._opened, raw) if entry is not None)
        # Numbers behind the millisecond of an id count within their own stream.
        entries.sort(key=lambda one: (journals.id_order(one[1].id)[0], one[1].header.first_us))
        for stream, entry in self._newest(entries):
            try:
                yield from self._ticks(stream, entry)
            except (JournalError, Unreadable) as exc:
                self.missed.unread[str(exc)] += entry.header.frames

    def _opened(self, raw: tuple[bytes, dict[bytes, bytes]]) -> Entry | None:
        try:
            entry = journals.decode_entry(*raw)
        except JournalError as exc:
            self.missed.unread[str(exc)] += 1
            return None
        header = entry.header
        last = self._batches.get(header.connection_id)
        self._batches[header.connection_id] = max(header.batch_no, last or 0)
        if len(self._batches) > 10_000:
            self._batches.clear()
        if last is not None and header.batch_no <= last:
            return None  # appended once more
        self.missed.batches += header.batch_no - last - 1 if last is not None else 0
        return entry if header.type in (journals.DATA, journals.REPLY) else None

    def _newest(self, entries: Sequence[tuple[StreamName, Entry]]) -> Sequence[tuple[StreamName, Entry]]:
        left = LOOK_FRAMES
        for place in range(len(entries) - 1, -1, -1):
            left -= entries[place][1].header.frames
            if left < 0 and place < len(entries) - 1:
                self.missed.frames += sum(entry.header.frames for _, entry in entries[: place + 1])
                return entries[place + 1 :]
        return entries

    def _ticks(self, stream: StreamName, entry: Entry) -> list[Tick]:
        decoded = self._decoded(stream.channel, entry)
        self.missed.unread.update(one.reason for one in decoded.rejected)
        found = []
        for kind, columns in decoded.rows.items():
            places = [place for place, symbol in enumerate(columns["symbol"]) if self._wanted(symbol)]
            if not places:
                continue
            shown = {name: _list(column) for name, column in columns.items() if column is not None}
            values = {name: column for name, column in shown.items() if name not in _WITHIN}
            for place in places:
                row = {name: column[place] for name, column in values.items() if column[place] is not None}
                times = (int(shown["event_at"][place]), int(shown["received_at"][place]))
                found.append(Tick(stream.channel, kind, shown["symbol"][place], *times, row))
        return sorted(found, key=lambda tick: tick.received_us)

    def _decoded(self, channel: str, entry: Entry) -> Decoded:
        frames = entry.frames()
        if entry.header.type == journals.REPLY:
            body, given = frames.split()[0], entry.header.context or {}
            return self._venue.poll(channel).parse(Reply(channel, given, body, entry.header.first_us))
        return self._venue.decode(channel, frames)


def _list(column: Any) -> list[Any]:
    found: list[Any] = column if isinstance(column, list) else column.tolist()
    return found
