"""The archive as one tape: the blocks of each stream that a range of time needs, read in order and merged as they were appended."""

import json
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core import archive
from core.archive import ArchiveError, Block, Place, Record
from core.journal import id_order
from tasks.archiving import HOUR_MS, files, last_before

#: Blocks of a channel that are held unpacked: its streams stand side by side in each, and not quite at the same moment.
HELD_BLOCKS = 3
#: An entry may be appended so much later than it was received: streamers spool while Redis is away.
LATE_HOURS = 48


class Stop(NamedTuple):
    path: Path
    place: Place


class Channel:
    """The blocks of one channel from an hour to the last one that holds anything received before `to_us`."""

    def __init__(self, folder: Path, from_hour: int, to_us: int) -> None:
        self._held: OrderedDict[int, Block] = OrderedDict()
        self._stops: list[Stop] = []
        to_hour, needed = -(-to_us // (HOUR_MS * 1000)), 0
        for (hour, _), path in files(folder, from_hour):
            if hour > to_hour + LATE_HOURS:
                break
            if hour >= to_hour and (_first_us(path) or 0) >= to_us:
                continue
            begin = len(self._stops)
            self._stops += _stops(path)
            needed = max([needed, *(n + 1 for n in range(begin, len(self._stops)) if self._stops[n].place.head.first_us < to_us)])
        del self._stops[needed:]
        before = last_before(folder, from_hour)
        #: what was known of each stream before the first block
        self.before: Mapping[str, Any] = {} if before is None else _read(_stops(before)[-1]).state

    @property
    def streams(self) -> list[str]:
        return sorted({name for stop in self._stops for name in stop.place.head.streams})

    @property
    def bytes(self) -> int:
        return sum(stop.place.end - stop.place.begin for stop in self._stops)

    def records(self, stream: str) -> Iterator[Record]:
        """In the order of the stream. Raises ArchiveError."""
        for number, stop in enumerate(self._stops):
            if stream in stop.place.head.streams:
                yield from (record for record in self._block(number).records if record.stream == stream)

    def _block(self, number: int) -> Block:
        if number not in self._held:
            self._held[number] = _read(self._stops[number])
            while len(self._held) > HELD_BLOCKS:
                self._held.popitem(last=False)
        self._held.move_to_end(number)
        return self._held[number]


def _stops(path: Path) -> list[Stop]:
    """Raises ArchiveError."""
    with path.open("rb") as file:
        stops = [Stop(path, place) for place in archive.walk(file)]
    if path.suffix == ".zst" and (stops[-1].place.end if stops else 0) != path.stat().st_size:
        raise ArchiveError(f"{path} ends in what is no block of ours")
    return stops


def _read(stop: Stop) -> Block:
    try:
        # A file that was open when its blocks were looked for may be closed by now.
        path = stop.path if stop.path.exists() else stop.path.with_suffix(".zst")
        with path.open("rb") as file:
            return archive.block(file, stop.place)
    except ArchiveError as exc:
        raise ArchiveError(f"{stop.path}: {exc}") from exc


def _first_us(path: Path) -> int | None:
    """When the first of a file was received; None: its heads must be asked, as it is not closed."""
    try:
        return json.loads(path.with_suffix(".json").read_bytes())["first_us"] if path.suffix == ".zst" else None
    except (OSError, ValueError, KeyError) as exc:
        raise ArchiveError(f"{path} has no manifest that can be read: {exc}") from exc


class Reel:
    """One stream, read on. What was given is kept until it is forgotten: a reader may begin again behind any of it."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._ahead: deque[Record] = deque()
        self._given: deque[Record] = deque()

    def next_ms(self) -> int | None:
        """The moment of the next entry; None at the end."""
        if not self._ahead and (record := next(self._records, None)) is not None:
            self._ahead.append(record)
        return id_order(self._ahead[0].id)[0] if self._ahead else None

    def read(self, after: str, upto_ms: int, count: int) -> Sequence[Record]:
        while self._given and self._given[-1].id != after:
            self._ahead.appendleft(self._given.pop())
        found: list[Record] = []
        while len(found) < count and (at_ms := self.next_ms()) is not None and at_ms <= upto_ms:
            found.append(self._ahead.popleft())
        self._given.extend(found)
        return found

    def again(self, after: str, upto: str) -> list[Record]:
        """What was given behind one id, up to another."""
        ids = [record.id for record in self._given]
        begin = ids.index(after) + 1 if after in ids else 0
        return list(self._given)[begin : ids.index(upto) + 1] if upto in ids else []

    def forget(self, upto: str) -> None:
        """All up to this id but for the last, which says where a reader stands."""
        if any(record.id == upto for record in self._given):
            while self._given[0].id != upto:
                self._given.popleft()
