"""A backup restored is what it was made from; what cannot be restored is refused before anything is done."""

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyrage
import pytest
from psycopg2 import errors

from core.settings import Settings
from db import extension
from db.backups import BackupError, dumping, record, restoring
from db.backups.folder import Backup
from db.backups.record import Digest
from db.backups.restoring import Target
from tests.db.backups.conftest import DAYS, sealed
from tests.sandbox.conftest import until

Query = Callable[..., list[tuple[Any, ...]]]


def rewritten(backup: Backup, **origin: Any) -> None:
    """The record as a backup of another server would have it."""
    path = record.beside(backup.file)
    document = json.loads(path.read_text())
    document["origin"] |= origin
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_daily_backup_brings_back_every_row_of_its_moment(
    knobs: Settings, target: Target, key: tuple[str, Path], query: Query, ask: Query, drafts: Callable[[], list[str]], encrypted: bool
) -> None:
    backup = dumping.make(sealed(knobs, key[0]) if encrypted else knobs, "daily")
    query("DELETE FROM trades WHERE trade_id <= 100")  # later than the backup
    assert backup.file.read_bytes()[:5] == (b"age-e" if encrypted else b"PGDMP")
    assert restoring.restore(backup.file, target, identity=key[1] if encrypted else None, verify=True) == []
    assert ask("SELECT count(*), min(trade_id), max(price) FROM trades") == [(DAYS * 1440, 0, pytest.approx(DAYS * 144.0 - 0.1))]
    assert ask("SELECT value FROM system_metadata") == [({"a": [1, None, "ä"]},)]
    assert ask("SHOW timescaledb.restoring") == [("off",)]
    assert ask("SELECT count(*) FROM _timescaledb_config.bgw_job WHERE scheduled") == [(0,)], "nothing that this edition cannot run"
    chunks = "SELECT chunk_name, range_start FROM timescaledb_information.chunks ORDER BY 1"
    assert len(query(chunks)) >= DAYS and ask(chunks) == query(chunks)
    assert ask("SELECT has_table_privilege('tapefarm_reader', 'trades', 'SELECT')") == [(True,)]
    assert drafts() == []


def test_the_record_tells_what_the_dump_is_of(knobs: Settings, query: Query) -> None:
    made = record.read(dumping.make(knobs, "daily").file)
    assert made.tables["public.trades"].rows == DAYS * 1440 and made.tables["public.instruments"].rows == 20
    assert made.tables["public.sessions"] == Digest(0, "0") and made.left_out == {}
    ((postgres, timescaledb, revision),) = query(
        "SELECT split_part(current_setting('server_version'), ' ', 1), extversion, version_num FROM pg_extension, alembic_version WHERE extname = 'timescaledb'"
    )
    assert (made.origin.postgres, made.origin.timescaledb, made.origin.revision) == (postgres, timescaledb, revision)
    assert {"tapefarm", "tapefarm_writer", "tapefarm_reader"} <= set(made.origin.roles)


def test_an_hourly_backup_leaves_out_old_chunks_and_says_so(knobs: Settings, target: Target, query: Query, ask: Query) -> None:
    ((begin,),) = query("SELECT max(range_start) FROM timescaledb_information.chunks WHERE hypertable_name = 'trades'")
    ((young,),) = query("SELECT count(*) FROM trades WHERE event_at >= %s", (begin,))
    backup = dumping.make(knobs, "hourly")
    assert backup.record.left_out == {"public.trades": f"rows before {begin:%Y-%m-%d %H:%M} UTC"}
    assert backup.record.tables["public.trades"].rows == young and backup.record.tables["public.instruments"].rows == 20
    assert restoring.restore(backup.file, target, identity=None, verify=True) == []
    assert ask("SELECT count(*) FROM trades") == [(young,)]
    # A rebuild puts the old rows back into the chunks that are there.
    add = "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) VALUES (now() - INTERVAL '2 days', now(), 1, 0, 1, 1, 1)"
    assert ask(f"{add} RETURNING instrument_id") == [(1,)]


def test_an_hourly_backup_may_go_without_market_data(knobs: Settings, target: Target) -> None:
    backup = dumping.make(dataclasses.replace(knobs, backup_hourly_days=-1), "hourly")
    assert backup.record.left_out == {"public.trades": "all rows"} and backup.record.tables["public.trades"] == Digest(0, "0")
    assert restoring.restore(backup.file, target, identity=None, verify=True) == []


def test_what_differs_from_the_record_is_told_table_by_table(knobs: Settings, target: Target) -> None:
    backup = dumping.make(knobs, "daily")
    path = record.beside(backup.file)
    document = json.loads(path.read_text())
    document["tables"]["public.trades"]["rows"] += 1
    document["tables"]["public.instruments"]["hash"] = "1"
    del document["tables"]["public.sessions"]
    path.write_text(json.dumps(document))
    assert restoring.restore(backup.file, target, identity=None, verify=True) == [
        "public.instruments: 20 rows as recorded, but not the same ones",
        "public.sessions: not in the record, here with 0 rows",
        f"public.trades: recorded {DAYS * 1440 + 1:,} rows, found {DAYS * 1440:,}",
    ]


@pytest.fixture
def held(knobs: Settings, tmp_path: Path) -> tuple[Settings, Path, Path]:
    """(settings with a pg_dump that waits before it begins, a file that is there once it waits, a file that lets it begin)."""
    reached, go = tmp_path / "reached", tmp_path / "go"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pg_dump"
    program.write_text(f'#!/bin/sh\ntouch {reached}\nuntil [ -e {go} ]; do sleep 0.02; done\nexec {knobs.postgres_programs}/pg_dump "$@"\n')
    program.chmod(0o755)
    return dataclasses.replace(knobs, postgres_programs=str(program.parent)), reached, go


def test_rows_and_chunks_that_come_meanwhile_are_none_of_its_moment(
    held: tuple[Settings, Path, Path], target: Target, query: Query, ask: Query
) -> None:
    slow, reached, go = held
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(dumping.make, slow, "daily")
        until(reached.exists)
        query("INSERT INTO trades SELECT event_at + INTERVAL '3 days', received_at, instrument_id, trade_id, price, 2, side FROM trades")
        query("UPDATE instruments SET status = 'gone'")
        with pytest.raises(errors.LockNotAvailable):
            query("SET lock_timeout = '100ms'; SELECT drop_chunks('trades', now() - INTERVAL '2 days')")
        go.touch()
        backup = making.result()
    assert backup.record.tables["public.trades"].rows == DAYS * 1440
    assert restoring.restore(backup.file, target, identity=None, verify=True) == []
    assert ask("SELECT count(*) FROM trades WHERE quantity = 2") == [(0,)]
    assert ask("SELECT DISTINCT status FROM instruments") == [("open",)]


def test_a_server_that_ends_its_sessions_meanwhile_leaves_no_backup(held: tuple[Settings, Path, Path], place: Path, query: Query) -> None:
    slow, reached, go = held
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(dumping.make, slow, "daily")
        until(reached.exists)
        query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tapefarm backup'")
        go.touch()
        with pytest.raises(BackupError, match=r"pg_dump failed: .*snapshot"):
            making.result()
    assert list(place.iterdir()) == []


LOWERED = """
SET allow_system_table_mods = on;
UPDATE pg_depend SET refobjid = 13000 WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'timescaledb');
UPDATE pg_extension SET oid = 13000 WHERE extname = 'timescaledb';
"""


def test_a_database_whose_hypertables_would_not_come_back_is_put_right_or_refused(
    knobs: Settings, place: Path, target: Target, query: Query, ask: Query
) -> None:
    query(LOWERED)  # as PostgreSQL's single-user mode makes an extension
    with pytest.raises(BackupError, match="would leave its catalog out"):
        dumping.make(knobs, "daily")
    assert list(place.iterdir()) == []
    for _ in range(2):
        extension.make_dumpable(knobs.database_url)
    assert restoring.restore(dumping.make(knobs, "daily").file, target, identity=None, verify=True) == []
    hypertables = "SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1"
    assert ask(hypertables) == query(hypertables) != []


# --- refused --------------------------------------------------------------------------------------------------------------
def refused(file: Path, target: Target, drafts: Callable[[], list[str]], *, identity: Path | None = None) -> str:
    with pytest.raises(BackupError) as caught:
        restoring.restore(file, target, identity=identity, verify=True)
    assert drafts() == []
    return str(caught.value)


def test_a_backup_of_another_timescaledb_is_refused_with_what_to_do(
    knobs: Settings, target: Target, drafts: Callable[[], list[str]]
) -> None:
    backup = dumping.make(knobs, "hourly")
    rewritten(backup, timescaledb="2.29.2")
    told = refused(backup.file, target, drafts)
    assert "TimescaleDB 2.29.2" in told and "timescale/timescaledb:2.29.2-pg17" in told and "ALTER EXTENSION" in told


def test_a_backup_of_the_community_edition_or_of_a_newer_postgresql_is_refused(
    knobs: Settings, target: Target, drafts: Callable[[], list[str]]
) -> None:
    backup = dumping.make(knobs, "hourly")
    rewritten(backup, license="timescale")
    assert "Apache edition" in refused(backup.file, target, drafts)
    rewritten(backup, license="apache", postgres="18.1")
    assert "restore into 18 or newer" in refused(backup.file, target, drafts)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_torn_file_is_refused(
    knobs: Settings, target: Target, key: tuple[str, Path], drafts: Callable[[], list[str]], encrypted: bool
) -> None:
    file = dumping.make(sealed(knobs, key[0]) if encrypted else knobs, "hourly").file
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert f"is torn: {len(whole) - 1:,} bytes of {len(whole):,}" in refused(file, target, drafts, identity=key[1])
    file.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    assert "is damaged" in refused(file, target, drafts, identity=key[1])
    file.write_bytes(whole)
    record.beside(file).unlink()
    assert "is missing: it was made with" in refused(file, target, drafts, identity=key[1])


def test_a_wrong_key_is_refused_with_the_name_of_the_right_one(
    knobs: Settings, target: Target, key: tuple[str, Path], drafts: Callable[[], list[str]], tmp_path: Path
) -> None:
    file = dumping.make(sealed(knobs, key[0]), "hourly").file
    assert f"encrypted to {key[0]}" in refused(file, target, drafts)
    other = tmp_path / "other.txt"
    other.touch(mode=0o600)
    other.write_text(str(pyrage.x25519.Identity.generate()))
    assert key[0] in refused(file, target, drafts, identity=other)
    other.chmod(0o644)
    assert "chmod 600" in refused(file, target, drafts, identity=other)


def test_a_database_that_holds_something_is_left_as_it_is(
    knobs: Settings, target: Target, query: Query, ask: Query, drafts: Callable[[], list[str]]
) -> None:
    file = dumping.make(knobs, "hourly").file
    assert restoring.restore(file, target, identity=None, verify=False) == []
    assert "nothing was changed" in refused(file, target, drafts)
    query("UPDATE instruments SET status = 'gone'")
    assert ask("SELECT DISTINCT status FROM instruments") == [("open",)]


def test_an_empty_database_is_taken(knobs: Settings, target: Target, query: Query, ask: Query) -> None:
    file = dumping.make(knobs, "hourly").file
    query(f'CREATE DATABASE "{target.into}" TEMPLATE template0')
    assert restoring.restore(file, target, identity=None, verify=True) == []
    assert ask("SELECT count(*) FROM instruments") == [(20,)]


def test_what_pg_restore_says_is_told_and_nothing_is_left(
    knobs: Settings, target: Target, key: tuple[str, Path], drafts: Callable[[], list[str]], tmp_path: Path
) -> None:
    """A program in its place that reads a little and gives up, as one does whose server is gone."""
    file = dumping.make(sealed(knobs, key[0]), "daily").file
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pg_restore"
    program.write_text("#!/bin/sh\nhead -c 1000 > /dev/null\necho 'pg_restore: error: the server is gone' >&2\nexit 1\n")
    program.chmod(0o755)
    told = refused(file, dataclasses.replace(target, programs=str(tmp_path / "bin")), drafts, identity=key[1])
    assert told == "pg_restore failed: pg_restore: error: the server is gone"
