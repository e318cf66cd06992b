"""A bounded, crash-safe queue of records on disk. It knows nothing of Redis or of what a record says.

Segments `<number>.seg` hold records behind a length and a CRC-32 each; `cursor` says how far they have been read. One process
owns the folder. A record is safe once `append` has returned; after a crash the torn tail is cut off and counted.
"""

import fcntl
import logging
import os
import struct
import zlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from streamers.errors import SpoolBusy

log = logging.getLogger(__name__)

_HEAD = struct.Struct("<II")
#: A segment is deleted as a whole once it has been read: the smaller, the sooner room comes back.
MAX_SEGMENT_BYTES = 16 << 20
MIN_SEGMENTS = 16


class Spool:
    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Raises SpoolBusy while another process uses the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(MAX_SEGMENT_BYTES, max(max_bytes // MIN_SEGMENTS, 1))
        self._lock = _Lock(folder / "lock")
        # [number, size] of each segment, oldest first; the last one is written to
        self._segments: deque[list[int]] = deque()
        self._writer: int | None = None
        self._read_at = 0
        self._read_to = 0
        self._next_number = 1
        self.torn_bytes = 0
        self._refusal = ""  # why nothing could be written last, told once
        self._recover()

    @property
    def size_bytes(self) -> int:
        return sum(size for _, size in self._segments)

    @property
    def empty(self) -> bool:
        return not self._segments or (len(self._segments) == 1 and self._read_at >= self._segments[0][1])

    @property
    def roomy(self) -> bool:
        """Enough room to begin again after having been full, without stuttering at the brim."""
        return self.size_bytes <= self._max_bytes - self._max_bytes // 8

    def append(self, records: Sequence[bytes], *, beyond: bool = False) -> int:
        """How many of the records, from the first on, are now safe on disk.

        Fewer than given when the bound is met (`beyond` ignores it), none when the disk refuses.
        """
        room = self._max_bytes - self.size_bytes
        chunks: list[bytes] = []
        for record in records:
            room -= _HEAD.size + len(record)
            if room < 0 and not beyond:
                break
            chunks += (_HEAD.pack(len(record), zlib.crc32(record)), record)
        if not chunks:
            return 0
        return len(chunks) // 2 if self._write(b"".join(chunks)) else 0

    def read(self, max_bytes: int) -> list[bytes]:
        """The oldest records, about max_bytes of them; they stay until `advance`."""
        while self._segments:
            number, size = self._segments[0]
            records, end = _records(self._path(number), self._read_at, min(size, self._read_at + max_bytes), size)
            if records:
                self._read_to = end
                return records
            if end < size:
                self._torn(number, size - end)
            self._drop_oldest()
        return []

    def advance(self) -> None:
        """What `read` returned last is needed no more."""
        self._read_at = self._read_to
        if self._read_at >= self._segments[0][1]:
            self._drop_oldest()
        self._save_cursor()

    def close(self) -> None:
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None
        self._lock.close()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:016d}.seg"

    def _write(self, data: bytes) -> bool:
        try:
            if self._writer is None or self._segments[-1][1] >= self._segment_bytes:
                self._open_segment()
        except OSError as exc:
            return self._refused(exc)
        assert self._writer is not None
        segment = self._segments[-1]
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._writer, view) :]
            os.fsync(self._writer)
        except OSError as exc:
            self._cut(segment[1])
            return self._refused(exc)
        segment[1] += len(data)
        if self._refusal:
            log.info("spool can be written again folder=%s", self._folder)
            self._refusal = ""
        return True

    def _refused(self, exc: OSError) -> bool:
        """A full disk is asked a hundred times a second, and its log may lie on it too."""
        if str(exc) != self._refusal:
            log.error("spool cannot be written folder=%s error=%s", self._folder, exc)
            self._refusal = str(exc)
        return False

    def _cut(self, size: int) -> None:
        """What was half written must not stand before the next record."""
        assert self._writer is not None
        try:
            os.ftruncate(self._writer, size)
        except OSError:
            # Readers stop at the size we know of; the next record begins another segment.
            os.close(self._writer)
            self._writer = None

    def _open_segment(self) -> None:
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None
        number = self._next_number
        self._writer = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o644)
        self._next_number += 1
        self._segments.append([number, 0])
        _sync_folder(self._folder)

    def _drop_oldest(self) -> None:
        number, _ = self._segments.popleft()
        self._read_at = 0
        if not self._segments and self._writer is not None:
            os.close(self._writer)
            self._writer = None
        self._path(number).unlink(missing_ok=True)

    def _save_cursor(self) -> None:
        number = self._segments[0][0] if self._segments else self._next_number
        temporary = self._folder / "cursor.new"
        try:
            temporary.write_text(f"{number} {self._read_at}")
            temporary.replace(self._folder / "cursor")
        except OSError as exc:
            # An old cursor makes a later start repeat what was read, which is harmless.
            log.warning("spool cursor cannot be saved folder=%s error=%s", self._folder, exc)

    def _cursor(self) -> tuple[int, int]:
        try:
            number, _, offset = (self._folder / "cursor").read_text().partition(" ")
            return int(number), int(offset)
        except (FileNotFoundError, ValueError):
            return 0, 0  # reading a segment twice is harmless

    def _recover(self) -> None:
        cursor_number, cursor_offset = self._cursor()
        self._next_number = max(cursor_number, 1)
        for path in sorted(self._folder.glob("*.seg")):
            number, size = int(path.stem), path.stat().st_size
            if number < cursor_number:
                path.unlink()
                continue
            self._segments.append([number, size])
        if self._segments:
            # Numbers are never used twice: the cursor of a deleted segment must not skip fresh records.
            self._next_number = self._segments[-1][0] + 1
            self._read_at = cursor_offset if self._segments[0][0] == cursor_number else 0
            self._cut_tail()

    def _cut_tail(self) -> None:
        number, size = self._segments[-1]
        start = self._read_at if len(self._segments) == 1 else 0
        _, end = _records(self._path(number), start, size, size)
        if end < size:
            self._torn(number, size - end)
            os.truncate(self._path(number), end)
            self._segments[-1][1] = end

    def _torn(self, number: int, count: int) -> None:
        self.torn_bytes += count
        log.warning("spool segment is torn and cut folder=%s segment=%d bytes=%d", self._folder, number, count)


class _Lock:
    """Held as long as the process lives; the kernel drops it with a killed one."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise SpoolBusy(f"{path.parent} is in use by process {owner}: one streamer a venue, shard and replica") from None
        with suppress(OSError):  # a full disk: the lock holds without the name of its owner
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def _records(path: Path, start: int, stop: int, size: int) -> tuple[list[bytes], int]:
    """Whole, intact records that begin in [start, stop), and where the last of them ends."""
    records: list[bytes] = []
    with path.open("rb") as file:
        file.seek(start)
        while start < stop:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                break
            length, crc = _HEAD.unpack(head)
            if start + _HEAD.size + length > size:
                break
            record = file.read(length)
            if len(record) < length or zlib.crc32(record) != crc:
                break
            records.append(record)
            start += _HEAD.size + length
    return records, start


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
