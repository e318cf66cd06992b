"""Works killed with -9 in the middle, at several points, and begun again: the result is the same, and nothing is left lying about."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.settings import ROOT, Settings
from db.backups import facts, folder, record, restoring
from db.backups.restoring import Target
from tests.sandbox.conftest import until

Query = Callable[..., list[tuple[Any, ...]]]

RESTORE = """
import sys
from pathlib import Path
from db.backups.restoring import Target, restore
restore(Path(sys.argv[1]), Target(sys.argv[2], sys.argv[3], sys.argv[4]), identity=Path(sys.argv[5]), verify=True)
"""


@pytest.fixture
def environment(knobs: Settings, key: tuple[str, Path]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": knobs.database_url,
        "DATABASE_DRILL_URL": knobs.database_url,
        "FARM_DATA": knobs.farm_data,
        "POSTGRES_PROGRAMS": knobs.postgres_programs,
        "BACKUP_AGE_RECIPIENT": key[0],
        "BACKUP_AGE_IDENTITY_FILE": str(key[1]),
    }


def run(environment: dict[str, str], *argv: str) -> None:
    done = subprocess.run([sys.executable, *argv], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def killed(environment: dict[str, str], when: Callable[[], bool], *argv: str) -> bool:
    """Whether the kill came before the end."""
    process = subprocess.Popen([sys.executable, *argv], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and not when():
        assert time.monotonic() < deadline
    process.kill()
    return process.wait() == -signal.SIGKILL


def drafted(place: Path, least_bytes: int) -> list[str]:
    """Drafts of this moment; one that a killed run has left is older."""
    found = []
    for part in place.glob("*.age.part"):
        with suppress(FileNotFoundError):  # it has just got its name
            state = part.stat()
            if state.st_size >= least_bytes and time.time() - state.st_mtime < 0.2:
                found.append(part.name)
    return found


@pytest.fixture
def points(place: Path, query: Query) -> dict[str, Callable[[], bool]]:
    """Name -> whether a work is there now."""

    def asks(words: str) -> Callable[[], bool]:
        return lambda: (
            query("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tapefarm%%' AND query LIKE %s", (words,)) != [(0,)]
        )

    return {
        "the snapshot is taken": asks("%pg_export_snapshot%"),
        "the file is begun": lambda: bool(drafted(place, 0)),
        "some of it is written": lambda: bool(drafted(place, 1)),
        "rows are hashed": asks("%hash_record_extended%"),
        "the draft is made": lambda: query(f"SELECT count(*) FROM pg_database WHERE datname LIKE '{restoring.DRAFTS}%%'") != [(0,)],
        "its tables are filled": asks("COPY %"),
        "its indexes are built": asks("%ADD CONSTRAINT%"),
        "it is looked at": asks("%hash_record_extended%"),
        "it works again": asks("%post_restore%"),
    }


def test_a_killed_backup_is_none_and_the_next_one_is_whole(
    knobs: Settings, place: Path, query: Query, environment: dict[str, str], points: dict[str, Callable[[], bool]], target: Target
) -> None:
    argv = ("-m", "db.backups", "daily")
    hits = [killed(environment, points[name], *argv) for name in list(points)[:4]]
    assert sum(hits) >= 3, "the last point may be over before it is seen"
    finished = len(folder.backups(place))
    assert finished == hits.count(False)
    run(environment, *argv)
    there = folder.backups(place)
    assert len(there) == finished + 1
    left = {path.name for path in place.iterdir()} - {
        name for backup in there for name in (backup.file.name, record.beside(backup.file).name)
    }
    assert left == {"backup.lock"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [place, *place.glob("*.dump*")])
    assert facts.states(knobs)["daily"].file == there[0].file.name
    assert restoring.restore(there[0].file, target, identity=Path(environment["BACKUP_AGE_IDENTITY_FILE"]), verify=True) == []


def test_a_killed_drill_is_no_proof_and_its_database_is_swept(
    knobs: Settings,
    environment: dict[str, str],
    points: dict[str, Callable[[], bool]],
    drafts: Callable[[], list[str]],
) -> None:
    run(environment, "-m", "db.backups", "daily")
    hits = [killed(environment, points[name], "-m", "db.backups", "drill") for name in list(points)[4:]]
    assert sum(hits) >= 3
    proofs = facts.states(knobs)["proof"]
    assert (proofs.file is None) == all(hits)
    run(environment, "-m", "db.backups", "drill")
    proof = facts.states(knobs)["proof"]
    assert proof.file == folder.backups(knobs.data / "backups")[0].file.name and proof.trouble == ""
    assert drafts() == []


def test_a_killed_restore_leaves_no_database_and_the_next_one_is_whole(
    environment: dict[str, str],
    points: dict[str, Callable[[], bool]],
    place: Path,
    target: Target,
    query: Query,
    ask: Query,
    drafts: Callable[[], list[str]],
) -> None:
    run(environment, "-m", "db.backups", "daily")
    (backup,) = folder.backups(place)
    argv = ("-c", RESTORE, str(backup.file), target.url, str(target.into), target.programs, environment["BACKUP_AGE_IDENTITY_FILE"])
    for name in list(points)[4:]:
        if not killed(environment, points[name], *argv):
            query(f'DROP DATABASE "{target.into}" WITH (FORCE)')
        assert query("SELECT count(*) FROM pg_database WHERE datname = %s", (target.into,)) == [(0,)]
    run(environment, *argv)
    assert ask("SELECT count(*) FROM trades") == [(backup.record.tables["public.trades"].rows,)]
    assert drafts() == []


def test_the_programs_of_a_killed_work_end_with_it(environment: dict[str, str], tmp_path: Path) -> None:
    """Also one that waits for something and would not notice that nobody listens any more."""
    told, program = tmp_path / "told", tmp_path / "pg_dump"
    program.write_text(f"#!/bin/sh\necho $$ > {told}.new; mv {told}.new {told}\nexec sleep 300\n")
    program.chmod(0o755)
    assert killed(environment | {"POSTGRES_PROGRAMS": str(tmp_path)}, told.exists, "-m", "db.backups", "daily")
    until(lambda: not psutil.pid_exists(int(told.read_text())))


def test_a_work_ends_when_who_began_it_is_gone(environment: dict[str, str]) -> None:
    """As when a worker is killed: another process than its parent is named, so that it is alone from the first look on."""
    argv = [sys.executable, "-m", "db.backups", "daily", "--parent", "1"]
    assert subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=60).returncode == 75
