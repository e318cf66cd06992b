"""Trades by instrument and id, read back from the ledger's segments: the reason REST history equals the stream.

Blocks of records carry each instrument's last id, so a search costs a bisection and at most a few sorted blocks.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sandbox.blocks import Blocks
from sandbox.ledger import Segments

BLOCK = 65_536
CACHED_BLOCKS = 24  # about 5 MB each, sorted by instrument


@dataclass(frozen=True)
class Block:
    path: Path
    first: int
    count: int
    last_us: int
    last_ids: np.ndarray  # per instrument, through this block; 0 = none yet

    def last_id(self, symbol: int) -> int:
        return int(self.last_ids[symbol]) if symbol < len(self.last_ids) else 0


class TradeHistory(Blocks[Block]):
    def __init__(self, segments: Segments, instruments: int) -> None:
        self.last_ids = np.zeros(instruments, np.int64)
        super().__init__(segments, BLOCK, CACHED_BLOCKS)
        self.oldest_us = 0  # events before this may have been deleted
        if self._blocks and not self._blocks[0].path.stem.endswith("-000001"):
            self.oldest_us = int(self._raw(self._blocks[0])[0]["event_us"])

    def extend(self, instruments: int) -> None:
        self.last_ids = np.append(self.last_ids, np.zeros(instruments - len(self.last_ids), np.int64))

    def _indexed(self, path: Path, first: int, records: np.ndarray) -> Block:
        np.maximum.at(self.last_ids, records["symbol"], records["id"])
        return Block(path, first, len(records), int(records["event_us"][-1]), self.last_ids.copy())

    def _arranged(self, records: np.ndarray) -> np.ndarray:
        return records[np.argsort(records["symbol"], kind="stable")]

    def _forgot(self, blocks: list[Block]) -> None:
        if blocks:
            self.oldest_us = blocks[-1].last_us + 1

    def _rows(self, position: int, symbol: int) -> np.ndarray:
        """One instrument's records in one block; the open block is searched unsorted."""
        if position == len(self._blocks):
            return np.asarray(self._live[self._live["symbol"] == symbol])
        records = self._read(self._blocks[position])
        low, high = np.searchsorted(records["symbol"], (symbol, symbol + 1))
        return records[low:high]

    def by_id(self, symbol: int, from_id: int, limit: int) -> np.ndarray:
        """At most `limit` trades with ids from `from_id` on, ascending."""
        position = bisect_left(self._blocks, from_id, key=lambda block: block.last_id(symbol))
        found: list[np.ndarray] = []
        wanted = limit
        while wanted > 0 and position <= len(self._blocks):
            rows = self._rows(position, symbol)
            rows = rows[rows["id"] >= from_id][:wanted]
            found.append(rows)
            wanted -= len(rows)
            position += 1
        return np.concatenate(found) if found else self._open[:0]

    def id_at(self, symbol: int, us: int) -> int:
        """The first id at or after a time; one more than the last id if there is none yet."""
        position = bisect_left(self._blocks, us, key=lambda block: block.last_us)
        rows = self._rows(position, symbol)
        rows = rows[rows["event_us"] >= us]
        if len(rows):
            return int(rows["id"][0])
        if position < len(self._blocks):
            return self._blocks[position].last_id(symbol) + 1
        return self.latest_id(symbol) + 1

    def newest_first(self) -> Iterator[np.ndarray]:
        """All records in blocks of emission order, the latest block first."""
        yield self._live
        for block in reversed(self._blocks):
            yield self._raw(block)

    def latest_id(self, symbol: int) -> int:
        live = self._live
        ids = live["id"][live["symbol"] == symbol]
        return int(ids[-1]) if len(ids) else int(self.last_ids[symbol])
