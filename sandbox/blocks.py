"""Records of a ledger's segments in blocks that know where they lie: written once, read back for REST."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from sandbox.ledger import Segments


class Block(Protocol):
    @property
    def path(self) -> Path: ...
    @property
    def first(self) -> int: ...  # place in the segment
    @property
    def count(self) -> int: ...


B = TypeVar("B", bound=Block)


class Blocks(ABC, Generic[B]):
    """`size`: records of a block; `cached`: how many blocks that were read are kept."""

    def __init__(self, segments: Segments, size: int, cached: int) -> None:
        self._segments, self._size, self._cached = segments, size, cached
        self._blocks: list[B] = []
        self._cache: OrderedDict[tuple[Path, int], np.ndarray] = OrderedDict()
        self._open = np.empty(size, segments.dtype)
        self._open_count = self._open_first = 0
        for path, records in segments.sealed():
            for first in range(0, len(records), size):
                self._blocks.append(self._indexed(path, first, records[first : first + size]))

    @abstractmethod
    def _indexed(self, path: Path, first: int, records: np.ndarray) -> B:
        """What is to be known of a full block."""

    def _arranged(self, records: np.ndarray) -> np.ndarray:
        """A block as it is kept in the cache."""
        return records

    @property
    def _live(self) -> np.ndarray:
        """The block that is not full yet."""
        return self._open[: self._open_count]

    def append(self, batch: np.ndarray) -> None:
        """Write to the ledger and index; rotates segments and seals blocks as they fill."""
        while len(batch):
            room = min(self._size - self._open_count, self._segments.room)
            part, batch = batch[:room], batch[room:]
            self._segments.append(part)
            self._open[self._open_count : self._open_count + len(part)] = part
            self._open_count += len(part)
            if self._open_count == self._size or self._segments.full:
                self._seal()

    def _seal(self) -> None:
        self._blocks.append(self._indexed(self._segments.path, self._open_first, self._live))
        self._open_first += self._open_count
        self._open_count = 0
        if self._segments.full:
            self._segments.rotate()
            self._open_first = 0
            gone = set(self._segments.deleted)
            self._segments.deleted.clear()
            self._blocks, forgotten = [b for b in self._blocks if b.path not in gone], [b for b in self._blocks if b.path in gone]
            self._forgot(forgotten)

    def _forgot(self, blocks: list[B]) -> None:
        """Blocks whose segments were deleted, the oldest first."""

    def _raw(self, block: B) -> np.ndarray:
        return self._segments.read(block.path, block.first, block.count)

    def _read(self, block: B) -> np.ndarray:
        """The block as it is arranged, read once."""
        key = (block.path, block.first)
        if key not in self._cache:
            self._cache[key] = self._arranged(self._raw(block))
            if len(self._cache) > self._cached:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]
