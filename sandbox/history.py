"""Trades by instrument and id, read back from the ledger's segments: the reason REST history equals the stream.

Blocks of records carry each instrument's last id, so a search costs a bisection and at most a few sorted blocks.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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


class TradeHistory:
    def __init__(self, segments: Segments, instruments: int) -> None:
        self._segments = segments
        self._blocks: list[Block] = []
        self._sorted: OrderedDict[tuple[Path, int], np.ndarray] = OrderedDict()
        self._open = np.empty(BLOCK, segments.dtype)
        self._open_count = 0
        self._open_first = 0
        self.last_ids = np.zeros(instruments, np.int64)
        self.oldest_us = 0  # events before this may have been deleted
        sealed = list(segments.sealed())
        if sealed and not sealed[0][0].stem.endswith("-000001"):
            self.oldest_us = int(sealed[0][1]["event_us"][0])
        for path, records in sealed:
            for first in range(0, len(records), BLOCK):
                self._index(path, first, records[first : first + BLOCK])

    def extend(self, instruments: int) -> None:
        self.last_ids = np.append(self.last_ids, np.zeros(instruments - len(self.last_ids), np.int64))

    def _index(self, path: Path, first: int, records: np.ndarray) -> None:
        np.maximum.at(self.last_ids, records["symbol"], records["id"])
        last_us = int(records["event_us"][-1])
        self._blocks.append(Block(path, first, len(records), last_us, self.last_ids.copy()))

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
            self._forget_deleted()

    def _forget_deleted(self) -> None:
        gone = set(self._segments.deleted)
        self._segments.deleted.clear()
        while self._blocks and self._blocks[0].path in gone:
            self.oldest_us = self._blocks.pop(0).last_us + 1

    def _rows(self, position: int, symbol: int) -> np.ndarray:
        """One instrument's records in one block; the open block is searched unsorted."""
        if position == len(self._blocks):
            live = self._open[: self._open_count]
            return np.asarray(live[live["symbol"] == symbol])
        block = self._blocks[position]
        records = self._sorted.get((block.path, block.first))
        if records is None:
            raw = self._segments.read(block.path, block.first, block.count)
            records = raw[np.argsort(raw["symbol"], kind="stable")]
            self._sorted[block.path, block.first] = records
            if len(self._sorted) > CACHED_BLOCKS:
                self._sorted.popitem(last=False)
        self._sorted.move_to_end((block.path, block.first))
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
        yield self._open[: self._open_count]
        for block in reversed(self._blocks):
            yield self._segments.read(block.path, block.first, block.count)

    def latest_id(self, symbol: int) -> int:
        live = self._open[: self._open_count]
        ids = live["id"][live["symbol"] == symbol]
        return int(ids[-1]) if len(ids) else int(self.last_ids[symbol])
