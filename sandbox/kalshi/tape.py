"""All trades of the exchange in one order, read back from the ledger's segments: the reason REST history equals the stream.

Numbers rise by one over the whole exchange, so that a page of it is a range, whatever market it is about.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sandbox.ledger import Segments

BLOCK = 16_384
CACHED_BLOCKS = 16  # about 2 MB each


@dataclass(frozen=True)
class Block:
    path: Path
    first: int  # place in the segment
    count: int
    first_number: int
    first_us: int


class Tape:
    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._blocks: list[Block] = []
        self._cache: OrderedDict[tuple[Path, int], np.ndarray] = OrderedDict()
        self._open = np.empty(BLOCK, segments.dtype)
        self._open_count = self._open_first = 0
        for path, records in segments.sealed():
            for first in range(0, len(records), BLOCK):
                self._index(path, first, records[first : first + BLOCK])

    def _index(self, path: Path, first: int, records: np.ndarray) -> None:
        self._blocks.append(Block(path, first, len(records), int(records["number"][0]), int(records["created_us"][0])))

    def append(self, batch: np.ndarray) -> None:
        """Write to the ledger and index; rotates segments and seals blocks as they fill."""
        while len(batch):
            room = min(BLOCK - self._open_count, self._segments.room)
            part, batch = batch[:room], batch[room:]
            self._segments.append(part)
            self._open[self._open_count : self._open_count + len(part)] = part
            self._open_count += len(part)
            if self._open_count == BLOCK or self._segments.full:
                self._seal()

    def _seal(self) -> None:
        self._index(self._segments.path, self._open_first, self._open[: self._open_count])
        self._open_first += self._open_count
        self._open_count = 0
        if self._segments.full:
            self._segments.rotate()
            self._open_first = 0
            gone = set(self._segments.deleted)
            self._segments.deleted.clear()
            self._blocks = [block for block in self._blocks if block.path not in gone]

    def newest_first(self, before: int | None, max_us: int) -> Iterator[np.ndarray]:
        """Blocks of records, the latest first, each ascending: numbers below `before`, created no later than `max_us`."""
        yield self._cut(self._open[: self._open_count], before, max_us)
        for block in reversed(self._blocks):
            if (before is None or block.first_number < before) and block.first_us <= max_us:
                yield self._cut(self._read(block), before, max_us)

    @staticmethod
    def _cut(records: np.ndarray, before: int | None, max_us: int) -> np.ndarray:
        end = len(records) if before is None else int(np.searchsorted(records["number"], before))
        return records[: min(end, int(np.searchsorted(records["created_us"], max_us, side="right")))]

    def _read(self, block: Block) -> np.ndarray:
        key = (block.path, block.first)
        if key not in self._cache:
            self._cache[key] = self._segments.read(block.path, block.first, block.count)
            if len(self._cache) > CACHED_BLOCKS:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]
