"""What a drain holds of one stream while it reads it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.journal import StreamName
from core.venue import Venue
from tasks.books import Books
from tasks.continuity import Chain, Sockets
from tasks.continuity import Sequence as IdSequence

RawEntry = tuple[bytes, dict[bytes, bytes]]


@dataclass(slots=True)
class Reader:
    """Where a drain stands in one stream. `last_id` is what has been digested, which may be ahead of what is committed."""

    stream: StreamName
    venue: Venue
    sockets: Sockets
    last_id: str
    ids: Callable[[Sequence[str]], Any]  # symbols -> int32 array of instrument ids
    sequence: IdSequence | None = None
    chain: Chain | None = None
    books: Books | None = None
    #: symbols whose whole state should be asked for anew, "" for all; whoever drains asks and clears
    wishes: set[str] = field(default_factory=set)
    wants_rotation: bool = False  # asking did not help
    #: the readers of the same place's other replicas; `sequence` and `books` are shared with them
    twins: list["Reader"] = field(default_factory=list, repr=False)
    known: Callable[[Sequence[str]], Mapping[str, int]] = lambda symbols: {}  # symbols -> ids of those that are registered

    @property
    def live(self) -> list[str]:
        """Connections of the place that live, of all replicas."""
        return [name for reader in (self, *self.twins) for name in reader.sockets.live]


def join(readers: Sequence[Reader]) -> None:
    """Readers of one place's replicas share what is known of its rows: an id that one brings is not missing, and a book that one holds
    is known."""
    first = readers[0]
    for reader in readers:
        reader.twins = [other for other in readers if other is not reader]
        reader.sequence = first.sequence
        if reader.books is not None and first.books is not None and reader.books is not first.books:
            first.books.take_in(reader.books)
            reader.books = first.books
