"""Where a day lies, and how it comes there: whole, or not at all.

    FOLDER/DATASET/venue=VENUE/date=DAY/rows-HASH.parquet       sorted by instrument and time
                                        _coverage-HASH.parquet  what each hour of each instrument can be called
                                        _manifest.json          what the two are, and what they were made from

Whoever scans a tree by patterns sees `rows-*` alone: other names begin with `_` or `.`. A name holds the content's hash, so that a manifest
never speaks of another file than was read with it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

MANIFEST = "_manifest.json"
#: Of what the manifest says; another number is another meaning.
FORMAT = 1


class Unreadable(Exception):
    """A file of an exported day is not what it should be; the sentence says which, and what helps."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One file: its name, size, and the SHA-256 of its content."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a day holds. `changes` and `judgements`: the counters of db.days in the state of the database that it was made from.
    `instruments`: number -> symbol of whoever has rows or coverage; `late_rows`: rows that came when the day was no longer in the database
    as a whole, and that are not in the file."""

    dataset: str
    venue: str
    day: str
    rows: int
    changes: int
    judgements: int
    data: Stored
    coverage: Stored
    instruments: Mapping[int, str]
    late_rows: bool = False
    format: int = FORMAT


def place(folder: Path, dataset: str, venue: str, day: date) -> Path:
    return folder / dataset / f"venue={venue}" / f"date={day.isoformat()}"


def beside(where: Path, word: str) -> Path:
    """A folder that no reader looks into."""
    return where.with_name(f".{where.name}.{word}")


def found(where: Path) -> tuple[Path, Manifest] | None:
    """The day as it is published now; while a newer one takes its place, for that moment, the older one."""
    for folder in (where, beside(where, "old")):
        try:
            return folder, read(folder / MANIFEST)
        except FileNotFoundError:
            continue
    return None


def read(path: Path) -> Manifest:
    """Raises FileNotFoundError, and Unreadable for what is no manifest of ours."""
    text = path.read_text(encoding="utf-8")
    try:
        values: dict[str, Any] = json.loads(text)
        data, coverage = Stored(**values.pop("data")), Stored(**values.pop("coverage"))
        instruments = {int(number): symbol for number, symbol in values.pop("instruments").items()}
        manifest = Manifest(data=data, coverage=coverage, instruments=instruments, **values)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise Unreadable(f"{path} is damaged ({exc}): delete its folder, and the next export makes it anew") from exc
    if manifest.format != FORMAT:
        raise Unreadable(f"{path} was written by another version of the farm (format {manifest.format}, known is {FORMAT})")
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """As the last file of a folder: one that has it is complete."""
    draft = folder / f".{MANIFEST}"
    draft.write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False), encoding="utf-8")
    _sync(draft)
    draft.rename(folder / MANIFEST)
    _sync(folder)


def store(draft: Path, stem: str) -> Stored:
    """Name a finished file by its content and have it on the disk."""
    with draft.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _sync(draft)
    kept = draft.with_name(f"{stem}-{digest[:16]}.parquet")
    draft.rename(kept)
    return Stored(kept.name, kept.stat().st_size, digest)


def taken_over(stored: Stored, old: Path, new: Path) -> Stored:
    """The same file in another folder, without a copy where the file system can."""
    try:
        os.link(old / stored.name, new / stored.name)
    except OSError:
        shutil.copyfile(old / stored.name, new / stored.name)
        _sync(new / stored.name)
    return stored


def draft(where: Path) -> Path:
    """An empty folder to make the day in."""
    new = beside(where, "new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    return new


def publish(where: Path) -> None:
    """The draft takes the place of what is there; at any moment one of the two is found, and a kill leaves what `mend` ends."""
    new, old = beside(where, "new"), beside(where, "old")
    if where.exists():
        where.rename(old)
    new.rename(where)
    _sync(where.parent)
    shutil.rmtree(old, ignore_errors=True)


def mend(folder: Path) -> None:
    """End what a kill has left half done: a draft without a manifest goes, a complete one whose place is free takes it."""
    for left in sorted(folder.glob("*/venue=*/.date=*")):
        name, _, word = left.name[1:].rpartition(".")
        where = left.with_name(name)
        if word == "new" and (left / MANIFEST).exists() and not where.exists():
            left.rename(where)
    for left in sorted(folder.glob("*/venue=*/.date=*")):
        name, _, word = left.name[1:].rpartition(".")
        where = left.with_name(name)
        if word == "old" and not where.exists():
            left.rename(where)
        else:
            shutil.rmtree(left, ignore_errors=True)


def intact(folder: Path, manifest: Manifest) -> bool:
    """Whether the files are there in their size; what is in them a reader checks by itself."""
    try:
        return all((folder / file.name).stat().st_size == file.bytes for file in (manifest.data, manifest.coverage))
    except FileNotFoundError:
        return False


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
