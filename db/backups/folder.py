"""The folder of backups. A backup is there when its file and its record are, under their final names; whatever else a killed run left is
swept by the next one. Files are for the owner alone."""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from db.backups import BackupError, record
from db.backups.record import Record

_DRAFT, _SENT = ".part", ".sent"
_NAME = re.compile(r"(hourly|daily)-\d{8}T\d{6}\.\d{3}Z\.dump(\.age)?")
#: Left to the database and the others on the same disk, of which this is a part: whatever is less.
_ROOM_BYTES, _ROOM_SHARE = 2 * 2**30, 0.05
#: How often the room is looked at, in bytes written.
_LOOK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Backup:
    file: Path
    record: Record


def name_of(kind: str, taken: float, *, sealed: bool) -> str:
    """To the millisecond: two backups of a small database are made within one second, and neither takes the place of the other."""
    at = datetime.fromtimestamp(taken, UTC)
    return f"{kind}-{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z.dump{record.SEALED if sealed else ''}"


@contextmanager
def alone(folder: Path, work: str) -> Iterator[None]:
    """One process at a time does this work. Raises BackupError where another one is at it."""
    with _lock(folder, work) as taken:
        if not taken:
            raise BackupError(f"Another {work} is being made in {folder}: wait for its end.")
        yield


def busy(folder: Path, work: str) -> bool:
    with _lock(folder, work) as taken:
        return not taken


@contextmanager
def _lock(folder: Path, work: str) -> Iterator[bool]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / f"{work}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def backups(folder: Path) -> list[Backup]:
    """The good ones, newest first. That a file is what was written is seen when it is opened; here its length must be right."""
    found = []
    for path in folder.glob(f"*{record.ENDING}"):
        file = path.with_name(path.name.removesuffix(record.ENDING))
        with suppress(BackupError, OSError):
            known = record.read(file)
            if known.file == file.name and file.stat().st_size == known.bytes:
                found.append(Backup(file, known))
    return sorted(found, key=lambda backup: backup.record.taken, reverse=True)


def sweep(folder: Path) -> None:
    """Finish or remove what killed runs have left. Only under the lock of backups."""
    for draft in folder.glob(f"*{record.ENDING}{_DRAFT}"):
        own = draft.with_name(draft.name.removesuffix(_DRAFT))
        # It was complete on the disk before its file got its name.
        if own.with_name(own.name.removesuffix(record.ENDING)).exists():
            draft.replace(own)
        else:
            draft.unlink()
    for draft in folder.glob(f"*{_DRAFT}"):
        draft.unlink()
    for path in folder.glob(f"*{record.ENDING}"):
        file = path.with_name(path.name.removesuffix(record.ENDING))
        if _NAME.fullmatch(file.name) and not file.exists():
            _remove(file)


def retain(folder: Path, keep: dict[str, int]) -> list[str]:
    """Remove all but the newest so many of each kind; returns the names."""
    removed = []
    for kind, count in keep.items():
        for backup in [one for one in backups(folder) if one.record.kind == kind][count:]:
            _remove(backup.file)
            removed.append(backup.file.name)
    return removed


def _remove(file: Path) -> None:
    """The file first: a record without a file is swept, a file without a record would lie there for ever."""
    for path in (file, _mark(file), record.beside(file)):
        path.unlink(missing_ok=True)


def sent(folder: Path) -> list[Backup]:
    """Those that were handed over, newest first."""
    return [backup for backup in backups(folder) if _mark(backup.file).exists()]


def _mark(file: Path) -> Path:
    return file.with_name(file.name + _SENT)


def send(folder: Path, upload: Callable[[Path, str], object]) -> None:
    """Hand over what was not handed over yet, oldest first; `upload` is given (file, key) and raises where it could not."""
    for backup in reversed(backups(folder)):
        if not _mark(backup.file).exists():
            for path in (backup.file, record.beside(backup.file)):
                upload(path, f"{folder.name}/{path.name}")
            _mark(backup.file).touch(mode=0o600)


class Draft:
    """A file being written: its bytes are counted and hashed, and it has its final name only when it is complete on the disk."""

    def __init__(self, final: Path) -> None:
        self._final, self._part = final, final.with_name(final.name + _DRAFT)
        self._file: IO[bytes] = os.fdopen(_create(self._part), "wb")
        self._hash, self._looked = hashlib.sha256(), -_LOOK_BYTES
        self.bytes = 0
        self.failure: Exception | None = None  # what a library between us and the caller may have put into words of its own

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes, /) -> int:
        try:
            if self.bytes - self._looked >= _LOOK_BYTES:
                self._looked = self.bytes
                require_room(self._part.parent)
            self._hash.update(data)
            self.bytes += len(data)
            return self._file.write(data)
        except Exception as exc:
            self.failure = exc
            raise

    def flush(self) -> None:
        self._file.flush()

    def keep(self, text: str) -> None:
        """Give file and record their names; killed in between, the next sweep does the rest."""
        told = record.beside(self._final)
        told_part = told.with_name(told.name + _DRAFT)
        with os.fdopen(_create(told_part), "w", encoding="utf-8") as file:
            file.write(text)
            _to_disk(file)
        _to_disk(self._file)
        self._file.close()
        self._part.replace(self._final)
        told_part.replace(told)
        folder = os.open(self._final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """What was not kept is gone."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def require_room(folder: Path) -> None:
    """Raises BackupError before a disk is so full that others suffer."""
    disk = shutil.disk_usage(folder)
    if disk.free < min(_ROOM_BYTES, disk.total * _ROOM_SHARE):
        raise BackupError(
            f"The disk with {folder} is nearly full ({disk.free / 1e9:.1f} GB are left): keep fewer backups, or give them another disk."
        )


def checked(file: Path, known: Record) -> None:
    """Raises BackupError where the file is not, byte for byte, what was written."""
    found, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            found.update(piece)
            size += len(piece)
    if size != known.bytes:
        raise BackupError(f"{file} is torn: {size:,} bytes of {known.bytes:,}. Take another copy of it, or another backup.")
    if found.hexdigest() != known.sha256:
        raise BackupError(f"{file} is damaged: its SHA-256 is not the recorded one. Take another copy of it, or another backup.")


def _create(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _to_disk(file: IO[bytes] | IO[str]) -> None:
    file.flush()
    os.fsync(file.fileno())


def newest(found: Sequence[Backup], *kinds: str) -> Backup | None:
    return next((backup for backup in found if backup.record.kind in kinds), None)
