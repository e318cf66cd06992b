"""A work tells how it ended, whatever happened to it: facts are what the farm calls for help by."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from core.settings import Settings
from db import roles
from db.backups import BackupError, facts, folder, record, work
from db.backups.times import COPY, DAILY, HOURLY, PROOF, State
from tests.db.backups.conftest import sealed

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def drilled(knobs: Settings) -> Settings:
    return dataclasses.replace(knobs, database_drill_url=knobs.database_url)


def test_what_never_came_is_awaited_from_the_first_look_on(knobs: Settings) -> None:
    assert facts.look(knobs, 1000.0) == {name: State(1000.0) for name in (DAILY, HOURLY, PROOF)}
    assert facts.look(knobs, 9000.0)[DAILY].at == 1000.0


def test_kinds_that_nobody_wants_are_forgotten(knobs: Settings) -> None:
    facts.look(knobs, 1000.0)
    assert set(facts.look(dataclasses.replace(knobs, backup_hourly_keep=0), 2000.0)) == {DAILY, PROOF}
    assert facts.look(dataclasses.replace(knobs, backup_hourly_keep=0, backup_daily_keep=0), 2000.0) == {}


def test_a_daily_backup_stands_for_the_hourly_one_too(knobs: Settings) -> None:
    facts.look(knobs, 1000.0)
    made = work.back_up(knobs, DAILY)
    found = facts.states(knobs)
    for subject in (DAILY, HOURLY):
        assert (found[subject].at, found[subject].file, found[subject].bytes) == (made.record.taken, made.file.name, made.record.bytes)
    assert found[PROOF] == State(1000.0)
    assert work.back_up(knobs, HOURLY).record.taken > found[DAILY].at == facts.states(knobs)[DAILY].at


def test_one_that_was_killed_before_it_could_tell_is_told_of_by_the_next_look(knobs: Settings, query: Query) -> None:
    made = work.back_up(knobs, DAILY)
    query("DELETE FROM system_metadata WHERE key LIKE 'backup:%%'")
    assert facts.look(knobs, time.time())[DAILY].file == made.file.name


def test_only_so_many_are_kept_also_where_they_are_made_by_hand_alone(knobs: Settings, place: Path) -> None:
    few = dataclasses.replace(knobs, backup_hourly_keep=0)
    names = [work.back_up(few, HOURLY).file.name for _ in range(2)]
    assert [backup.file.name for backup in folder.backups(place)] == names[1:]


def test_a_failure_is_told_until_the_next_good_one(knobs: Settings, tmp_path: Path) -> None:
    facts.look(knobs, 1000.0)
    nowhere = dataclasses.replace(knobs, postgres_programs=str(tmp_path))
    with pytest.raises(BackupError, match="There is no pg_dump here"):
        work.back_up(nowhere, DAILY)
    failed = facts.states(knobs)[DAILY]
    assert failed.at == 1000.0 and "There is no pg_dump here" in failed.trouble and failed.tried is not None
    work.back_up(knobs, DAILY)
    assert facts.states(knobs)[DAILY].trouble == ""


def test_a_pg_dump_that_fails_half_way_leaves_nothing(knobs: Settings, place: Path, tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(
        "#!/bin/sh\nhead -c 300000 /dev/zero\necho 'pg_dump: error: server closed the connection unexpectedly' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    with pytest.raises(BackupError, match="server closed the connection"):
        work.back_up(dataclasses.replace(knobs, postgres_programs=str(tmp_path)), DAILY)
    assert folder.backups(place) == [] and list(place.glob("*.part")) == []


def test_an_upload_that_fails_is_told_and_the_backup_is_there(knobs: Settings, place: Path) -> None:
    def upload(path: Path, key: str) -> None:
        raise OSError(f"no reach for {key}")

    with pytest.raises(OSError, match="no reach"):
        work.back_up(knobs, DAILY, upload=upload)
    (made,) = folder.backups(place)
    told = facts.states(knobs)
    assert told[DAILY].file == made.file.name and told[DAILY].trouble == ""
    assert told[COPY].file is None and told[COPY].trouble == f"no reach for backups/{made.file.name}"


def test_a_drill_proves_the_newest_and_leaves_nothing(drilled: Settings, key: tuple[str, Path], drafts: Callable[[], list[str]]) -> None:
    locked = sealed(dataclasses.replace(drilled, backup_age_identity_file=str(key[1])), key[0])
    made = work.back_up(locked, DAILY)
    began = time.time()
    assert work.drill(locked) == made.file.name
    proof = facts.states(drilled)[PROOF]
    assert proof.at >= began and proof.file == made.file.name and proof.trouble == ""
    assert drafts() == []


def test_a_drill_that_finds_a_difference_is_no_proof(drilled: Settings, drafts: Callable[[], list[str]]) -> None:
    facts.look(drilled, 1000.0)
    made = work.back_up(drilled, DAILY)
    path = record.beside(made.file)
    path.write_text(path.read_text().replace('"rows": 20,', '"rows": 21,'))
    with pytest.raises(BackupError, match=r"public\.instruments: recorded 21 rows, found 20"):
        work.drill(drilled)
    proof = facts.states(drilled)[PROOF]
    assert proof.at == 1000.0 and "recorded 21 rows" in proof.trouble
    assert drafts() == []


def test_a_drill_that_cannot_be_done_says_what_to_set(knobs: Settings, drilled: Settings, key: tuple[str, Path]) -> None:
    with pytest.raises(BackupError, match="DATABASE_DRILL_URL is not set"):
        work.drill(knobs)
    with pytest.raises(BackupError, match="There is no backup in"):
        work.drill(drilled)
    work.back_up(sealed(drilled, key[0]), DAILY)
    with pytest.raises(BackupError, match="is encrypted to age1"):
        work.drill(drilled)
    assert "is encrypted to age1" in facts.states(knobs)[PROOF].trouble


def test_the_role_of_backups_is_enough_for_a_dump(drilled: Settings, query: Query) -> None:
    query(
        "CREATE TABLE later (at TIMESTAMPTZ NOT NULL, x INT); SELECT create_hypertable('later', 'at'); INSERT INTO later VALUES (now(), 1)"
    )
    query("REVOKE ALL ON later FROM PUBLIC; REVOKE SELECT ON instruments FROM tapefarm_writer, tapefarm_reader")
    roles.let_in(drilled.database_url, roles.BACKUP)
    least = dataclasses.replace(drilled, database_backup_url=roles.url_of(drilled.database_url, roles.BACKUP))
    assert make_url(least.backup_url).username == "tapefarm_backup"
    assert work.back_up(least, DAILY).record.tables["public.later"].rows == 1
    work.drill(least)


def test_every_table_can_be_hashed(knobs: Settings, query: Query) -> None:
    """Each type of each column has a hash; one without would fail the backup of a table that holds rows, and none before."""
    for (name,) in query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"):
        query(f"SELECT hash_record_extended(t.*, 0) FROM (SELECT (jsonb_populate_record(NULL::{name}, '{{}}')).*) t")


def test_no_password_is_among_the_arguments_of_a_program(knobs: Settings) -> None:
    from db.backups.programs import address

    dsn, environment = address("postgresql+psycopg2://me:s3cret@db.example:5433/farm?sslmode=verify-full&sslrootcert=system")
    assert dsn == "host=db.example port=5433 user=me dbname=farm sslmode=verify-full sslrootcert=system"
    assert environment["PGPASSWORD"] == "s3cret" and not {name for name in environment if name.startswith("DATABASE")}
