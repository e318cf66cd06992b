"""The archive in the journal's place: what a drain asks of its journal and its board, and nothing more."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from core.board import Board
from core.journal import Journal, StreamName
from core.matched import Matched
from ops.rebuild.tape import Reel

#: Streams are read side by side in steps of so much: what one of them tells of another's rows comes in the order in which it came then.
STEP_MS = 100

RawEntry = tuple[bytes, dict[bytes, bytes]]


class Replayed(Journal):
    """Streams come up at the moment of their first entry, as they did then."""

    def __init__(self, reels: Mapping[StreamName, Reel]) -> None:
        self._reels = dict(reels)
        self._up: set[StreamName] = set()
        self._states: dict[StreamName, Mapping[str, Any]] = {}
        self.at_ms = 0

    def come_up(self) -> bool:
        """Whether streams have come up since the last time."""
        self.at_ms = min((ms for reel in self._reels.values() if (ms := reel.next_ms()) is not None), default=self.at_ms)
        up = {stream for stream, reel in self._reels.items() if stream not in self._up and self._begins(reel)}
        self._up |= up
        return bool(up)

    def _begins(self, reel: Reel) -> bool:
        first = reel.next_ms()
        return first is not None and first <= self.at_ms + STEP_MS

    def streams(self) -> list[StreamName]:
        return sorted(self._up)

    def read(self, offsets: Mapping[StreamName, str], *, block_ms: int, max_entries: int) -> list[tuple[StreamName, list[RawEntry]]]:
        """What was appended next, within a step of all streams."""
        found = []
        for stream, offset in offsets.items():
            records = self._reels[stream].read(offset, self.at_ms + STEP_MS, max_entries)
            if records:
                found.append((stream, [(record.id.encode(), dict(record.fields)) for record in records]))
        return found

    def register(self, streams: Iterable[StreamName]) -> None:
        """They stand in the archive."""

    def last_ids(self, streams: Iterable[StreamName]) -> dict[StreamName, str | None]:
        """None: nothing is ever lost here."""
        return dict.fromkeys(streams)

    def between(self, stream: StreamName, after: str, upto: str, page: int) -> Iterator[Sequence[Any]]:  # type: ignore[override]
        yield [(record.id.encode(), dict(record.fields)) for record in self._reels[stream].again(after, upto)]

    def keep_state(self, stream: StreamName, state: Mapping[str, Any]) -> None:
        self._states[stream] = deepcopy(state)  # as if it had gone to Redis and back
        self._reels[stream].forget(str(state["offset"]))

    def drop_state(self, stream: StreamName) -> None:
        self._states.pop(stream, None)

    def state(self, stream: StreamName) -> dict[str, Any] | None:
        found = self._states.get(stream)
        return None if found is None else dict(deepcopy(found))

    def trim(self, offsets: Mapping[StreamName, str]) -> None:
        for stream, offset in offsets.items():
            self._reels[stream].forget(offset)


class Unwatched(Matched):
    """What happened long ago is told to nobody who trades now."""

    def __init__(self) -> None:
        pass

    def watched(self) -> frozenset[int]:
        return frozenset()


class Silent(Board):
    """Nobody can be asked for anything any more."""

    def __init__(self) -> None:
        pass

    def ask_resync(self, stream: str, symbols: Sequence[str]) -> None:
        pass

    def ask_rotation(self, stream: str) -> None:
        pass

    def report(self, who: str, vital: dict[str, Any], *, seconds: int = 0) -> None:
        pass
