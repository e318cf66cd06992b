"""Makes a backup: everything in it is of one snapshot, the dump as pg_dump writes it, and the figures that a restored copy must meet."""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyrage

from core.settings import Settings
from db import engine, extension
from db.backups import BackupError, contents, folder, programs, record, sealing
from db.backups.contents import Reach
from db.backups.folder import Backup, Draft
from db.backups.record import Record
from db.engine import Connection

log = logging.getLogger(__name__)

KINDS = ("hourly", "daily")
#: A table that somebody changes is waited for so long; a dump that would wait longer is made at another time.
LOCK_SECONDS = 60
_PIECE_BYTES = 1 << 20

Say = Callable[[str], None]


def make(knobs: Settings, kind: str, say: Say = lambda _: None) -> Backup:
    """A new backup in the folder of them, for whoever holds the folder's lock. Raises BackupError, psycopg2.Error; nothing of a failed one is left."""
    program = programs.find("pg_dump", knobs.postgres_programs)
    to = sealing.recipients(knobs.backup_age_recipient)
    place = knobs.data / "backups"
    with closing(engine.connect(knobs.backup_url, name="tapefarm backup")) as connection:
        folder.sweep(place)
        folder.require_room(place)
        _lock_tables(connection)
        taken = time.time()
        cursor = connection.cursor()
        if not extension.is_dumped(cursor):
            raise BackupError(
                "pg_dump takes TimescaleDB for a part of PostgreSQL here and would leave its catalog out, so that nothing could be restored: "
                "`./farm down`, then `./farm up` puts it right."
            )
        # Until this transaction ends, pg_dump and we see the same rows.
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()  # type: ignore[misc]
        reach = contents.reach(cursor, datetime.fromtimestamp(taken, UTC), _days(knobs, kind))
        origin = contents.origin(cursor)
        file = place / folder.name_of(kind, taken, sealed=bool(to))
        draft = Draft(file)
        try:
            say(f"dumping to {file}")
            _dump(program, knobs.backup_url, snapshot, reach, draft, to)
            say(f"{draft.bytes:,} bytes are written; counting and hashing the rows of the same snapshot")
            tables = dict(contents.digests(cursor, reach))
            known = Record(
                file.name, kind, taken, time.time(), draft.bytes, draft.sha256, to, origin, reach.words, tables
            )  # fmt: skip
            draft.keep(record.dumped(known))
        finally:
            draft.discard()
    log.info("backup made file=%s bytes=%d rows=%d seconds=%.1f", file.name, known.bytes, known.rows, known.finished - taken)
    return Backup(file, known)


def _days(knobs: Settings, kind: str) -> float:
    return knobs.backup_daily_days if kind == "daily" else knobs.backup_hourly_days


def _lock_tables(connection: Connection) -> None:
    """Begin the transaction of the snapshot with all tables locked against being changed. Before the snapshot and not after it: a chunk that
    is compressed or dropped in between would be in neither of its forms."""
    with connection.cursor() as cursor:
        names = contents.tables(cursor)
    connection.rollback()
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection.cursor() as cursor:
        # A dump takes as long as it takes; who started it has a limit for all of it.
        cursor.execute(f"SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '{LOCK_SECONDS}s'")
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # those who write rows come first
        if names:
            cursor.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS SHARE MODE")


def _dump(program: str, url: str, snapshot: str, reach: Reach, draft: Draft, to: tuple[str, ...]) -> None:
    dsn, environment = programs.address(url)
    with tempfile.NamedTemporaryFile("w", suffix=".filter") as left_out:
        # In a file: thousands of chunks are no arguments.
        left_out.writelines(f"exclude table_data {relation}\n" for relation in reach.empty)
        left_out.flush()
        argv = [program, "--format=custom", "--compress=zstd:3", f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_SECONDS}s"]
        argv += [f"--filter={left_out.name}", "--no-password", f"--dbname={dsn}"]
        with programs.Program(argv, environment) as dump:
            try:
                if to:
                    sealing.seal(dump.pipe, draft, to)
                else:
                    shutil.copyfileobj(dump.pipe, draft, _PIECE_BYTES)
            except (OSError, BackupError, pyrage.EncryptError) as exc:
                raise draft.failure or exc from exc
            dump.end()
    draft.flush()


def file_of(place: Path, name: str) -> Path:
    """A backup that the user names: by its path, or by its name in the folder of them."""
    given = Path(name).expanduser()
    for path in (given, place / name):
        if path.is_file():
            return path
    raise BackupError(f"There is no backup {name}: `./farm backup --list` names those of this farm.")
