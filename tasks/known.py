"""What the archive knows of one journal stream: up to where it has it, and which batches, so that none is kept twice. Pure."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from core.held import Stretch
from core.journal import CONNECTED, DISCONNECTED, START, WITNESS, Header, JournalError, id_order, read_header

#: Connections whose repeats are known, the latest heard; no more than a reader knows (tasks/continuity.py), to which a body that is
#: not kept must be one that it does not read.
MAX_CONNECTIONS = 16
#: Stretches of numbers of a connection that have not come; beyond, what comes late of the oldest is kept as a repeat.
MAX_HOLES = 64


@dataclass(slots=True)
class Heard:
    """Of a connection: its highest batch, [first, last] of those below that have not come, whose it is, and whether it lives."""

    highest: int = 0
    holes: list[list[int]] = field(default_factory=list)
    incarnation: str = ""
    live: bool = False


@dataclass(slots=True)
class Known:
    """`count`: entries that the stream has had up to `last_id`; `missed`: those of them that were trimmed before they were archived."""

    last_id: str = START
    count: int = 0
    missed: int = 0
    heard: dict[str, Heard] = field(default_factory=dict)  # those heard longest ago stand first

    @classmethod
    def restore(cls, kept: Any) -> "Known":
        last_id, count, missed, heard = kept
        return cls(last_id, count, missed, {name: Heard(*words) for name, words in heard.items()})

    def stored(self) -> list[Any]:
        return [self.last_id, self.count, self.missed, {name: list(astuple(one)) for name, one in self.heard.items()}]

    def is_of_another(self, stretch: Stretch) -> bool:
        """Whether Redis has lost the stream that this was known of, and counts anew."""
        return stretch.added < self.count or id_order(stretch.last_id) < id_order(self.last_id)

    def begin_anew(self) -> None:
        """What is read once more is known by its numbers."""
        self.last_id, self.count = START, 0

    def meet(self, stretch: Stretch) -> None:
        """Count what is gone between what is known and this stretch; of a stream that was never read nothing is told."""
        if self.last_id != START:
            self.missed += max(0, stretch.trimmed - self.count)
        self.count = max(self.count, stretch.trimmed)

    def take(self, entry_id: str, fields: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """What is to be kept of the entry: of a batch that is here already its header alone, which is all that readers count it by."""
        self.last_id = entry_id
        try:
            header = read_header(fields)
        except JournalError:
            return fields
        if header.type == WITNESS or self._is_new(header):
            return fields
        return {b"h": fields[b"h"]}

    def _is_new(self, header: Header) -> bool:
        name, number = header.connection_id, header.batch_no
        one = self.heard.pop(name) if name in self.heard else Heard()
        self.heard[name] = one
        if number > one.highest:
            if number > one.highest + 1:
                one.holes.append([one.highest + 1, number - 1])
                del one.holes[:-MAX_HOLES]
            one.highest = number
            if header.type in (CONNECTED, DISCONNECTED):
                one.live = header.type == CONNECTED
                one.incarnation = str((header.context or {}).get("incarnation", one.incarnation))
            while len(self.heard) > MAX_CONNECTIONS:
                del self.heard[next(iter(self.heard))]
            return True
        for place, (first, last) in enumerate(one.holes):
            if first <= number <= last:
                one.holes[place : place + 1] = [hole for hole in ([first, number - 1], [number + 1, last]) if hole[0] <= hole[1]]
                return True
        return False
