"""Restores a backup into a database of its own, and holds what stands there against the record.

All is done in a draft database, which gets the wanted name in the end. A draft belongs to the session whose application name it is in; one
whose session is gone was left by a killed run, and is dropped by whoever comes next.
"""

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from psycopg2.extensions import cursor as Cursor
from sqlalchemy.engine import make_url

from db import engine
from db.backups import BackupError, contents, folder, programs, record, sealing
from db.backups.contents import Reach
from db.backups.record import Digest, Record

log = logging.getLogger(__name__)

DRAFTS = "tapefarm_restore_"
_PIECE_BYTES = 1 << 20
_TRIES = 10
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Target:
    """`url`: a server, as an account that may create databases and extensions there; `into`: the database to make, None: one that is dropped
    when it has been looked at; `programs`: the folder with pg_restore, or empty."""

    url: str
    into: str | None
    programs: str = ""


def restore(file: Path, target: Target, *, identity: Path | None, verify: bool, say: Say = lambda _: None) -> Sequence[str]:
    """What is otherwise than recorded, a line each (none where `verify` is false). Raises BackupError before anything is done where the backup
    cannot be used there, psycopg2.Error."""
    known = record.read(file)
    program = programs.find("pg_restore", target.programs)
    keys = _keys(file, known, identity)
    say(f"reading {file.name}: is it whole, and is the key the right one")
    folder.checked(file, known)
    _try_key(file, known, keys)
    with _administration(target) as (cursor, draft):
        _require_versions(cursor, known)
        if target.into is not None:
            _require_empty(cursor, target)
        sweep(cursor)
        for role in known.origin.roles:
            _make_role(cursor, role)
        try:
            found = _in_draft(file, known, target, program, keys, draft, cursor, verify=verify, say=say)
            if target.into is not None:
                _require_empty(cursor, target)
                _drop(cursor, target.into)
                _rename(cursor, draft, target.into)
                with _within(target.url, target.into) as inside:
                    inside.execute("SELECT _timescaledb_functions.start_background_workers()")  # which a rename has ended for good
        finally:
            _drop(cursor, draft)
    lines = record.differences(known.tables, found) if verify else []
    log.info("backup restored file=%s into=%s verified=%s differences=%d", file.name, target.into, verify, len(lines))
    return lines


def _in_draft(
    file: Path, known: Record, target: Target, program: str, keys: Sequence[Any], draft: str, admin: Cursor, *, verify: bool, say: Say
) -> dict[str, Digest]:
    say("restoring")
    _execute(admin, "CREATE DATABASE {} TEMPLATE template0", draft)
    with _within(target.url, draft) as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        cursor.execute("SELECT timescaledb_pre_restore()")
    _feed(file, known, target.url, program, keys, draft)
    found = {}
    if verify:
        say("counting and hashing what stands there")
        # Before TimescaleDB's jobs begin to work in it: they would drop what is old.
        with _within(target.url, draft, "-c timescaledb.restoring=off") as cursor:
            found = dict(contents.digests(cursor, Reach()))
    with _within(target.url, draft) as cursor:
        if known.origin.license == "apache":  # every new extension brings it along, and here it would fail for ever
            with suppress(psycopg2.errors.UndefinedTable):  # where another version keeps it is no business of a restore
                cursor.execute(
                    "UPDATE _timescaledb_config.bgw_job SET scheduled = false WHERE proc_name = 'policy_job_stat_history_retention'"
                )
        cursor.execute("SELECT timescaledb_post_restore()")
    return found


def _feed(file: Path, known: Record, url: str, program: str, keys: Sequence[Any], draft: str) -> None:
    dsn, environment = programs.address(url, draft)
    # Not as the owner that it had: whoever restores owns it. Rights are as they were.
    argv = [program, "--exit-on-error", "--no-owner", "--no-password", f"--dbname={dsn}"]
    with programs.Program(argv, environment, feed=True) as pg_restore, file.open("rb") as opened:
        try:
            if known.sealed_to:
                sealing.unseal(opened, pg_restore.pipe, keys, file.name, known.sealed_to)
            else:
                while piece := opened.read(_PIECE_BYTES):
                    pg_restore.pipe.write(piece)
        except BrokenPipeError:
            pass  # it has ended, and says why
        except OSError as exc:
            pg_restore.end()
            raise BackupError(f"{file} cannot be read to its end ({exc}): take another copy of it.") from exc
        pg_restore.end()


# --- may it be done --------------------------------------------------------------------------------------------------------
def _keys(file: Path, known: Record, identity: Path | None) -> list[Any]:
    if not known.sealed_to:
        return []
    if identity is None:
        raise BackupError(
            f"{file.name} is encrypted to {' and '.join(known.sealed_to)}: give the file of its private key, --identity KEYFILE."
        )
    return sealing.identities(identity)


class _Opened(Exception):
    """The first bytes have come."""


class _First:
    def __init__(self) -> None:
        self.came = False

    def write(self, _: bytes, /) -> int:
        self.came = True
        raise _Opened

    def flush(self) -> None: ...


def _try_key(file: Path, known: Record, keys: Sequence[Any]) -> None:
    """Raises BackupError for a wrong key before anything is made."""
    first = _First()
    if known.sealed_to:
        with file.open("rb") as opened:
            try:
                sealing.unseal(opened, first, keys, file.name, known.sealed_to)
            except (_Opened, OSError, BackupError):
                if not first.came:
                    raise


def _require_versions(cursor: Cursor, known: Record) -> None:
    cursor.execute(
        "SELECT default_version, current_setting('server_version'), current_setting('timescaledb.license', true) "
        "FROM pg_available_extensions WHERE name = 'timescaledb'"
    )
    found = cursor.fetchone()
    if found is None:
        raise BackupError("This server has no TimescaleDB: restore into one that has version " + known.origin.timescaledb + ".")
    version, postgres, license_ = found
    was, major = known.origin, known.origin.postgres.split(".")[0]
    if version != was.timescaledb:
        raise BackupError(
            f"{known.file} was made with TimescaleDB {was.timescaledb}, and this server has {version}: TimescaleDB restores only what its own version "
            f"has dumped. Restore into a server with {was.timescaledb} (timescale/timescaledb:{was.timescaledb}-pg{major}, or the packages of that time), "
            "then raise it there with ALTER EXTENSION timescaledb UPDATE."
        )
    if int(postgres.split(".")[0]) < int(major):
        raise BackupError(f"{known.file} was made with PostgreSQL {major}, and this server is {postgres}: restore into {major} or newer.")
    if was.license == "timescale" and license_ == "apache":
        raise BackupError(
            f"{known.file} is of TimescaleDB's community edition, and this server is the Apache edition, which cannot read compressed chunks: "
            "restore into a server with timescaledb.license = timescale, as the image timescale/timescaledb is."
        )


def _require_empty(cursor: Cursor, target: Target) -> None:
    """Raises BackupError where the database exists and something is in it."""
    assert target.into is not None
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (target.into,))
    if cursor.fetchone() is None:
        return
    with _within(target.url, target.into) as inside:
        there = contents.tables(inside)
    if there:
        raise BackupError(
            f"The database {target.into} exists and holds {len(there)} tables: nothing was changed. Give another name, or drop it yourself first."
        )


def _make_role(cursor: Cursor, role: str) -> None:
    """Without the right to log in: what is granted in a dump is granted to somebody."""
    with suppress(psycopg2.errors.DuplicateObject):
        _execute(cursor, "CREATE ROLE {} NOLOGIN", role)


# --- sessions and drafts ---------------------------------------------------------------------------------------------------
@contextmanager
def _administration(target: Target) -> Iterator[tuple[Cursor, str]]:
    """(a session beside the database that is to be made, the name of this session's draft)."""
    url = make_url(target.url)
    draft = f"{DRAFTS}{secrets.token_hex(6)}"
    with _within(target.url, "postgres" if target.into in (None, url.database) else str(url.database), name=draft) as cursor:
        cursor.execute("SET statement_timeout = 0")
        yield cursor, draft


@contextmanager
def _within(url: str, database: str, options: str = "", *, name: str = "tapefarm restore") -> Iterator[Cursor]:
    """A session of its own in the database, in which every statement is its own transaction and has no limit."""
    plain = make_url(url).set(drivername="postgresql", database=database).render_as_string(hide_password=False)
    settings = f"-c statement_timeout=0 -c lock_timeout={engine.LOCK_TIMEOUT_SECONDS}s -c timezone=UTC {options}"
    with closing(
        psycopg2.connect(plain, application_name=name, options=settings, connect_timeout=engine.CONNECT_TIMEOUT_SECONDS)
    ) as connection:
        connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with connection.cursor() as cursor:
            yield cursor


def sweep(cursor: Cursor) -> None:
    """Drop drafts that nobody is at. Their names are read first: whoever makes one is there before it."""
    cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (DRAFTS.replace("_", r"\_") + "%",))
    drafts = {name for (name,) in cursor.fetchall()}
    cursor.execute("SELECT application_name FROM pg_stat_activity WHERE application_name = ANY(%s)", (list(drafts),))
    for name in drafts - {name for (name,) in cursor.fetchall()}:
        _drop(cursor, name)


def _drop(cursor: Cursor, name: str) -> None:
    _execute(cursor, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _rename(cursor: Cursor, old: str, new: str) -> None:
    """Nobody may be in it, and TimescaleDB's own workers have just come."""
    for attempt in range(_TRIES):
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (old,))
        try:
            _execute(cursor, "ALTER DATABASE {} RENAME TO {}", old, new)
            return
        except psycopg2.errors.ObjectInUse:
            if attempt == _TRIES - 1:
                raise


def _execute(cursor: Cursor, statement: str, *names: str) -> None:
    """With quoted names in the places of {}."""
    cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
