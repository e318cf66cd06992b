"""What a backup says of itself, as JSON beside its file: what it was made from, and the rows that a restored copy must hold."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.backups import BackupError

#: Raised when a reader of today could not understand what is written.
FORMAT = 1
ENDING = ".json"
#: At the end of the name of a file that is encrypted, as the age program has it.
SEALED = ".age"


@dataclass(frozen=True, slots=True)
class Digest:
    """Of the rows of a table: how many, and the sum of their hashes, which knows no order."""

    rows: int
    hash: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The server and the schema that a dump is of. `license` tells TimescaleDB's editions apart: timescale or apache."""

    postgres: str
    timescaledb: str
    license: str
    revision: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """`taken`: epoch seconds of the snapshot; `sealed_to`: age recipients, none: in the clear; `left_out`: table -> what of it is not in the
    dump, in words; `tables`: name with schema -> what is in it."""

    file: str
    kind: str
    taken: float
    finished: float
    bytes: int
    sha256: str
    sealed_to: tuple[str, ...]
    origin: Origin
    left_out: Mapping[str, str]
    tables: Mapping[str, Digest]
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(digest.rows for digest in self.tables.values())


def beside(file: Path) -> Path:
    """Where the record of a backup's file stands."""
    return file.with_name(file.name + ENDING)


def dumped(record: Record) -> str:
    return json.dumps(dataclasses.asdict(record), indent=1)


def read(file: Path) -> Record:
    """The record of a backup's file. Raises BackupError."""
    try:
        return _parsed(json.loads(beside(file).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BackupError(
            f"{beside(file)} is missing: it was made with {file.name} and says what that holds; bring it from where the backup lay."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BackupError(f"{beside(file)} cannot be read ({type(exc).__name__}): take another copy of it.") from exc


def _parsed(document: Any) -> Record:
    if document["format"] != FORMAT:
        raise ValueError("another format")
    origin = Origin(**{**document["origin"], "roles": tuple(map(str, document["origin"]["roles"]))})
    tables = {str(name): Digest(int(found["rows"]), str(found["hash"])) for name, found in document["tables"].items()}
    return Record(**{**document, "sealed_to": tuple(document["sealed_to"]), "origin": origin, "tables": tables})


def differences(recorded: Mapping[str, Digest], found: Mapping[str, Digest]) -> Sequence[str]:
    """What is otherwise than it was recorded, a line for each table."""
    lines = []
    for table in sorted({*recorded, *found}):
        was, is_now = recorded.get(table), found.get(table)
        if was is None:
            lines.append(f"{table}: not in the record, here with {is_now.rows:,} rows" if is_now else table)
        elif is_now is None:
            lines.append(f"{table}: recorded with {was.rows:,} rows, not there")
        elif was.rows != is_now.rows:
            lines.append(f"{table}: recorded {was.rows:,} rows, found {is_now.rows:,}")
        elif was.hash != is_now.hash:
            lines.append(f"{table}: {was.rows:,} rows as recorded, but not the same ones")
    return lines
