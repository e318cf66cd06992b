"""One channel's part of the raw archive: what waits in its journal streams goes, block by block, into the file of the open hour.

The files alone say how far the archive is: each block ends with what was known of every stream behind it. An entry goes into the hour of
its id or, where that is closed, into the open one, so that a closed file never changes and each stream stands in order over all files.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

from core import archive
from core.archive import ArchiveError, Record
from core.held import Held, Stretch
from core.journal import START, StreamName, id_order
from tasks.known import Known

#: Entries of one read; a block ends behind the one that fills it.
PAGE_ENTRIES = 64
#: A file that has grown so large is closed before its hour ends, and the hour goes on in another.
MAX_FILE_BYTES = 256 << 20
HOUR_MS = 3_600_000
#: Ids further ahead than this are of a clock that was set back since.
AHEAD_MS = 600_000
_NAME = re.compile(r"(\d\d)(?:-(\d{1,4}))?\.(part|zst)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class Due(NamedTuple):
    """The moment of a stream's first entry, and up to when it is taken; None: all of it."""

    first_ms: int
    upto_ms: int | None


class Hour(NamedTuple):
    """Of a channel's files: the hour since 1970, and which of its files."""

    hour: int
    number: int = 0

    @property
    def stem(self) -> str:
        at = datetime.fromtimestamp(self.hour * 3600, UTC)
        return f"{at:%Y-%m-%d/%H}" + (f"-{self.number}" if self.number else "")


def days(folder: Path) -> list[Path]:
    """Of a channel, in order."""
    return sorted(path for path in folder.glob("*") if _DATE.fullmatch(path.name))


def of_day(day: Path) -> list[tuple[Hour, Path]]:
    """The files of a day, closed or open, in order."""
    named = [(_NAME.fullmatch(path.name), path) for path in day.iterdir()]
    return sorted((Hour(_first_hour(day) + int(match[1]), int(match[2] or 0)), path) for match, path in named if match)


def files(folder: Path, since_hour: int = 0) -> list[tuple[Hour, Path]]:
    """All of a channel from an hour on, in order."""
    return [
        (hour, path) for day in days(folder) if _first_hour(day) + 24 > since_hour for hour, path in of_day(day) if hour.hour >= since_hour
    ]


def last_before(folder: Path, hour: int) -> Path | None:
    """The newest file of an earlier hour than this."""
    for day in reversed(days(folder)):
        if _first_hour(day) < hour and (found := [path for at, path in of_day(day) if at.hour < hour]):
            return found[-1]
    return None


def _first_hour(day: Path) -> int:
    return int(datetime.fromisoformat(f"{day.name}T00:00:00+00:00").timestamp()) // 3600


def folder_of(root: Path, venue: str, channel: str) -> Path:
    """Raises ArchiveError for names that are none of a folder's."""
    if not (_PLAIN.fullmatch(venue) and _PLAIN.fullmatch(channel)):
        raise ArchiveError(f"no folder can be called {venue!r} and {channel!r}")
    return root / venue / channel


class Channel:
    """Opened with what its files say. After any error it is not to be used any more, but opened anew."""

    def __init__(self, folder: Path, min_free_bytes: int = 0) -> None:
        self.folder, self._min_free_bytes = folder, min_free_bytes
        self.known: dict[StreamName, Known] = {}
        #: up to where each stream is archived that Redis had at the last look
        self.there: dict[StreamName, str] = {}
        self._at, self._part, self._size = Hour(0), None, 0  # type: tuple[Hour, Path | None, int]
        newest_first = ((hour, path) for day in reversed(days(folder)) for hour, path in reversed(of_day(day)))
        any(self._opened(hour, path) for hour, path in newest_first)

    def _opened(self, hour: Hour, path: Path) -> bool:
        """Whether it holds a block; a tail that is torn is cut off, and an open file without any goes. Raises ArchiveError."""
        is_open = path.suffix == ".part"
        with path.open("r+b" if is_open else "rb") as file:
            places = list(archive.walk(file))
            if is_open and places and not archive.is_whole(file, places[-1]):
                places.pop()
            end = places[-1].end if places else 0
            if is_open and archive.goes_on(file, end):
                raise ArchiveError(f"{path} is damaged at byte {end}, and goes on behind it")
            if is_open:
                file.truncate(end)
                os.fsync(file.fileno())
            if places:
                self._at, self._part, self._size = hour, path if is_open else None, end
                state = archive.block(file, places[-1]).state
                self.known = {StreamName.parse(name): Known.restore(kept) for name, kept in state.items()}
        if is_open and not places:
            path.unlink()
        elif not places:
            raise ArchiveError(f"{path} is no archive")
        return bool(places)

    # --- taking
    def waiting(self, held: Held, streams: list[StreamName], now_ms: int, upto_ms: int) -> dict[StreamName, Due]:
        """What is due of each stream that has something. Where ids are of a clock that was ahead, all is, as no age is known."""
        asked = {stream: (self._known(stream).last_id, "+") for stream in streams}
        found: dict[StreamName, Due] = {}
        self.there = {}
        heads = held.stretches(asked, 1)
        lost = [stream for stream, stretch in heads.items() if self._known(stream).is_of_another(stretch)]
        for stream in lost:
            self._known(stream).begin_anew()
        heads |= held.stretches(dict.fromkeys(lost, (START, "+")), 1)
        for stream, stretch in heads.items():
            self.there[stream] = self._known(stream).last_id
            if stretch.entries:
                first_ms, ahead = id_order(stretch.entries[0][0].decode())[0], id_order(stretch.last_id)[0] > now_ms + AHEAD_MS
                if first_ms <= upto_ms or ahead:
                    found[stream] = Due(first_ms, None if ahead else upto_ms)
        return found

    def take(self, held: Held, due: Mapping[StreamName, Due]) -> None:
        """Write a block of what is due. Raises OSError when the disk has no room."""
        hour = max(self._at.hour, min(one.first_ms for one in due.values()) // HOUR_MS)
        if self._part is not None and (hour > self._at.hour or self._size >= MAX_FILE_BYTES):
            self.seal()
        records: list[Record] = []
        size = 0
        for stream, (_, upto_ms) in sorted(due.items(), key=lambda item: item[1].first_ms):
            upto = "+" if upto_ms is None else str(min(upto_ms, (hour + 1) * HOUR_MS - 1))
            while size < archive.BLOCK_BYTES and (stretch := self._stretch(held, stream, upto)) is not None:
                size += self._take(stream, stretch, records)
        if records:
            self._write(hour, records)

    def _stretch(self, held: Held, stream: StreamName, upto: str) -> Stretch | None:
        stretch = held.stretches({stream: (self._known(stream).last_id, upto)}, PAGE_ENTRIES).get(stream)
        return stretch if stretch is not None and stretch.entries else None

    def _take(self, stream: StreamName, stretch: Stretch, records: list[Record]) -> int:
        known = self._known(stream)
        known.meet(stretch)
        size = 0
        for entry_id, fields in stretch.entries:
            records.append(Record(str(stream), entry_id.decode(), known.take(entry_id.decode(), fields)))
            size += archive.weight(records[-1].fields)
        known.count = min(known.count + len(stretch.entries), stretch.added)
        return size

    def _known(self, stream: StreamName) -> Known:
        return self.known.setdefault(stream, Known())

    # --- writing
    def _write(self, hour: int, records: list[Record]) -> None:
        data = archive.encode(records, {str(stream): known.stored() for stream, known in self.known.items()})
        if self._part is None:
            self._begin(hour)
        assert self._part is not None
        if shutil.disk_usage(self.folder).free < self._min_free_bytes + len(data):
            raise OSError(errno.ENOSPC, f"less than {self._min_free_bytes} bytes would be left to others", str(self._part))
        with self._part.open("r+b") as file:
            file.seek(self._size)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._size += len(data)

    def _begin(self, hour: int) -> None:
        self._at = Hour(hour) if hour > self._at.hour else Hour(self._at.hour, self._at.number + 1)
        self._part, self._size = self.folder / f"{self._at.stem}.part", 0
        day = self._part.parent
        day.mkdir(parents=True, exist_ok=True)
        self._part.touch()
        for folder in (day, day.parent, day.parent.parent, day.parent.parent.parent):
            _sync(folder)

    # --- closing
    def close_before(self, upto_ms: int) -> None:
        """Close the open file when its hour has passed and nothing of it waits any more."""
        if self._part is not None and (self._at.hour + 1) * HOUR_MS <= upto_ms:
            self.seal()

    def seal(self) -> None:
        """The manifest stands before the file has its last name: what is called .zst is closed and described."""
        assert self._part is not None
        manifest = self._part.with_suffix(".json")
        replace(manifest, json.dumps(self._manifest(self._part), indent=1).encode() + b"\n")
        self._part.rename(self._part.with_suffix(".zst"))
        _sync(self._part.parent)
        self._part, self._size = None, 0

    def _manifest(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            heads = [place.head for place in archive.walk(file)]
            file.seek(0)
            digest = file_digest(file, "sha256").hexdigest()
        times = [at for head in heads if head.last_us for at in (head.first_us, head.last_us)]
        return {
            "format": archive.FORMAT_VERSION,
            "file": f"{self._at.stem}.zst",
            "bytes": path.stat().st_size,
            "sha256": digest,
            "blocks": len(heads),
            "entries": sum(head.entries for head in heads),
            "frames": sum(head.frames for head in heads),
            "first_us": min(times, default=None),
            "last_us": max(times, default=None),
            "streams": {str(stream): {"last_id": known.last_id, "missed": known.missed} for stream, known in self.known.items()},
        }


def replace(path: Path, data: bytes) -> None:
    """All of it or nothing of it, whatever happens."""
    beside = path.with_name(f".{path.name}")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
