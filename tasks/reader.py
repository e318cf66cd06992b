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
    known: Callable[[Sequence[str]], Mapping[str, int]] = lambda symbols: {}  # symbols -> ids of those that are registered
