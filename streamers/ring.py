"""What was appended lately, kept so that what Redis loses can be appended again.

A group of entries is appended together with a mark, the group's number: the mark that Redis holds says how much of the log it has,
as what it loses is the end of its log or all of it. It belongs to whoever appends: one of the two ways of a batch at a time.
"""

import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from core.journal import Batch as Entry
from core.journal import StreamName, id_order

#: Writers are milliseconds behind, and some ten seconds after a fault; what a database that is away holds back is not covered for ever.
RING_SECONDS = 120.0
#: Memory of an entry beyond its bytes.
ENTRY_OVERHEAD_BYTES = 600


class Group(NamedTuple):
    number: int
    at: float  # monotonic seconds
    bytes: int
    entries: Sequence[Entry]


class Ring:
    def __init__(self, *, max_bytes: int, seconds: float = RING_SECONDS) -> None:
        self._max_bytes, self._seconds = max_bytes, seconds
        self._incarnation = uuid.uuid4().hex
        self._groups: deque[Group] = deque()
        self._number = 0
        self._tops: dict[StreamName, str] = {}
        #: streams that Redis has, as far as we know; an append to one that it has no more fails
        self.known: set[StreamName] = set()
        self.bytes = 0

    def begin(self, entries: Sequence[Entry]) -> tuple[set[StreamName], str]:
        """(streams to be made, mark) for an append of these."""
        self._number += 1
        return {stream for stream, _ in entries} - self.known, self.mark(self._number)

    def mark(self, number: int) -> str:
        return f"{self._incarnation}:{number}"

    def confirm(self, entries: Sequence[Entry], ids: Iterable[bytes]) -> None:
        """What was begun last is in the journal."""
        size = sum(len(fields[b"h"]) + len(fields.get(b"b", b"")) + ENTRY_OVERHEAD_BYTES for _, fields in entries)
        now = monotonic()
        groups = self._groups
        groups.append(Group(self._number, now, size, entries))
        self.bytes += size
        self.note(entries, ids)
        while self.bytes > self._max_bytes or groups[0].at < now - self._seconds:
            self.bytes -= groups.popleft().bytes
            if not groups:
                return

    def note(self, entries: Sequence[Entry], ids: Iterable[bytes]) -> None:
        """Where entries stand in the journal now."""
        for (stream, _), entry_id in zip(entries, ids, strict=True):
            self._tops[stream] = entry_id.decode()
            self.known.add(stream)

    def forget_streams(self) -> None:
        """Redis lacks a stream that it had, so that its mark proves nothing."""
        self.known.clear()

    def held(self, mark: str | None) -> int:
        """Number of the last group that Redis holds, by its mark: none when it is not ours, and then no stream is there either."""
        incarnation, _, number = (mark or "").partition(":")
        if incarnation != self._incarnation:
            self.forget_streams()
        return int(number) if self.known else 0

    def missing(self, held: int, stretch_bytes: int) -> Iterator[Sequence[Group]]:
        """The groups behind this one, in order, in stretches."""
        stretch: list[Group] = []
        for group in [group for group in self._groups if group.number > held]:
            if stretch and sum(one.bytes for one in stretch) + group.bytes > stretch_bytes:
                yield stretch
                stretch = []
            stretch.append(group)
        if stretch:
            yield stretch

    def floors(self, tops: dict[StreamName, str | None]) -> dict[StreamName, str]:
        """Of streams with these last ids, those that count from lower ids than they did: the ids that they had reached."""
        reached = {stream: self._tops[stream] for stream in tops if stream in self._tops}
        return {stream: was for stream, was in reached.items() if (top := tops[stream]) is None or id_order(top) < id_order(was)}
