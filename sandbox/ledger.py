"""Everything a venue emitted, on disk: record segments per kind, and one line per socket event and per fault.

    symbols.json           index -> symbol, append-only: an index keeps its meaning for ever
    <kind>.dtype.json      NumPy dtype description of one record
    <kind>-000001.bin      raw records in the order of emission
    sockets.jsonl          opened, subscribed, unsubscribed, closed
    faults.jsonl           asked for, injected, ended
    checkpoint.json        what cannot be read off the kept segments once old ones are deleted

Records are written before the sockets are, so that nothing is ever sent that the ledger does not know.
"""

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

log = logging.getLogger(__name__)


def write_json(path: Path, value: Any) -> None:
    """Replace a file in one step, so that a kill leaves the old or the new one."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, ensure_ascii=False))
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """None where there is no such file."""
    return json.loads(path.read_text()) if path.exists() else None


class Segments:
    """Numbered files of fixed-size records of one kind; bounded in number, oldest deleted first."""

    def __init__(self, folder: Path, kind: str, dtype: np.dtype, *, segment_bytes: int, keep: int) -> None:
        self.folder, self.kind, self.dtype, self.keep = folder, kind, dtype, keep
        self.capacity = max(1, segment_bytes // dtype.itemsize)
        self.deleted: list[Path] = []  # emptied by whoever indexes the segments
        write_json(folder / f"{kind}.dtype.json", dtype.descr)
        self.paths = sorted(folder.glob(f"{kind}-*.bin"))
        for path in self.paths:
            self._drop_torn_tail(path)
        # a new process begins a new segment: the old ones stay as they were sealed
        number = int(re.findall(r"\d+", self.paths[-1].stem)[-1]) if self.paths else 0
        self._open(number + 1)

    def _drop_torn_tail(self, path: Path) -> None:
        size = path.stat().st_size
        if size % self.dtype.itemsize:
            os.truncate(path, size - size % self.dtype.itemsize)
            log.warning("cut an incomplete record off a segment", extra={"segment": path.name})

    def _open(self, number: int) -> None:
        self.number = number
        self.path = self.folder / f"{self.kind}-{number:06d}.bin"
        self._file = self.path.open("ab", buffering=0)
        self.paths.append(self.path)
        self.count = 0
        while len(self.paths) > self.keep:
            oldest = self.paths.pop(0)
            oldest.unlink()
            self.deleted.append(oldest)
            log.info("deleted the oldest segment", extra={"segment": oldest.name})

    @property
    def full(self) -> bool:
        return self.count >= self.capacity

    @property
    def room(self) -> int:
        return self.capacity - self.count

    def rotate(self) -> None:
        self._file.close()
        self._open(self.number + 1)

    def append(self, batch: np.ndarray) -> None:
        self._file.write(batch.tobytes())
        self.count += len(batch)

    def read(self, path: Path, first: int, count: int) -> np.ndarray:
        return np.fromfile(path, self.dtype, count, offset=first * self.dtype.itemsize)

    def sealed(self) -> Iterator[tuple[Path, np.ndarray]]:
        """Earlier segments, oldest first, mapped rather than loaded."""
        for path in self.paths[:-1]:
            if path.stat().st_size:
                yield path, np.memmap(path, self.dtype, "r")

    def close(self) -> None:
        self._file.close()


class Lines:
    """An append-only file of JSON lines, each written at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def add(self, us: int, event: str, **fields: Any) -> None:
        self._file.write(json.dumps({"us": us, "event": event, **fields}, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        self._file.close()


class Ledger:
    """The folder of one venue."""

    def __init__(self, folder: Path, kinds: dict[str, np.dtype], *, segment_bytes: int, keep: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.kinds = {kind: Segments(folder, kind, dtype, segment_bytes=segment_bytes, keep=keep) for kind, dtype in kinds.items()}
        self.sockets = Lines(folder / "sockets.jsonl")
        self.faults = Lines(folder / "faults.jsonl")

    def load(self, name: str) -> Any:
        return read_json(self.folder / name)

    def save(self, name: str, value: Any) -> None:
        write_json(self.folder / name, value)

    def close(self) -> None:
        for segments in self.kinds.values():
            segments.close()
        self.sockets.close()
        self.faults.close()
