"""All trades of the exchange in one order, read back from the ledger's segments: the reason REST history equals the stream.

Numbers rise by one over the whole exchange, so that a page of it is a range, whatever market it is about.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sandbox.blocks import Blocks
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


class Tape(Blocks[Block]):
    def __init__(self, segments: Segments) -> None:
        super().__init__(segments, BLOCK, CACHED_BLOCKS)

    def _indexed(self, path: Path, first: int, records: np.ndarray) -> Block:
        return Block(path, first, len(records), int(records["number"][0]), int(records["created_us"][0]))

    def newest_first(self, before: int | None, max_us: int) -> Iterator[np.ndarray]:
        """Blocks of records, the latest first, each ascending: numbers below `before`, created no later than `max_us`."""
        yield self._cut(self._live, before, max_us)
        for block in reversed(self._blocks):
            if (before is None or block.first_number < before) and block.first_us <= max_us:
                yield self._cut(self._read(block), before, max_us)

    @staticmethod
    def _cut(records: np.ndarray, before: int | None, max_us: int) -> np.ndarray:
        end = len(records) if before is None else int(np.searchsorted(records["number"], before))
        return records[: min(end, int(np.searchsorted(records["created_us"], max_us, side="right")))]
