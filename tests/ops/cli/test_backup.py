"""`./farm backup` and `./farm restore` as they are typed, on a database of the test's own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from core.settings import ROOT
from ops.cli.backup import newest
from ops.local.servers import Servers
from tests.db.backups.conftest import ROWS

Query = Callable[..., list[tuple[Any, ...]]]
Farm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def farm(fresh_database_url: str, redis_url: str, tmp_path: Path, private_servers: Callable[[], Servers], query: Query) -> Farm:
    """words -> (exit status, stdout, stderr)."""
    query(ROWS)
    programs = str(Path(private_servers().postgres.server.argv[0]).parent)
    servers = {"DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "POSTGRES_PROGRAMS": programs}
    environ = {**os.environ, **servers, "DATABASE_DRILL_URL": fresh_database_url, "FARM_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}

    def run(*words: str, **over: str) -> tuple[int, str, str]:
        argv = [sys.executable, "-m", "ops", *words]
        done = subprocess.run(argv, cwd=ROOT, env=environ | over, capture_output=True, text=True, timeout=100, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def into(fresh_database_url: str, query: Query) -> Any:
    name = f"{make_url(fresh_database_url).database}_again"
    yield name
    query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_a_backup_is_made_listed_restored_and_proven(farm: Farm, into: str, query: Query, tmp_path: Path) -> None:
    assert farm("backup")[1].startswith("There is no backup yet")
    status, told, _ = farm("backup", "--now", "daily", "--json")
    (made,) = json.loads(told)["backups"]
    assert status == 0 and made["tables"]["public.trades"]["rows"] == 4 * 1440
    name = Path(made["file"]).name
    assert Path(made["file"]).parent == tmp_path / "data" / "backups"
    assert name in farm("backup", "--list")[1]
    status, told, words = farm("restore", name, "--into", into, "--verify")
    assert (status, told.split(":")[0]) == (0, "PASS"), words
    assert query("SELECT value->>'file' FROM system_metadata WHERE key = 'backup:proof'") == [(name,)]
    status, _, words = farm("restore", name, "--into", into)
    assert status == 1 and "nothing was changed" in words
    assert farm("backup", "--drill")[1].startswith("PASS")


def test_what_differs_is_printed_and_the_end_is_not_a_good_one(farm: Farm, into: str) -> None:
    made = json.loads(farm("backup", "--now", "hourly", "--json")[1])["backups"][0]
    beside = Path(made["file"] + ".json")
    beside.write_text(beside.read_text().replace('"rows": 20,', '"rows": 21,'))
    status, told, _ = farm("restore", made["file"], "--into", into, "--verify")
    assert status == 1 and told.splitlines()[0] == "public.instruments: recorded 21 rows, found 20" and "FAIL" in told.splitlines()[1]
    status, told, _ = farm("restore", made["file"], "--into", f"{into}2", "--verify", "--json")
    assert status == 1 and json.loads(told)["differences"] == ["public.instruments: recorded 21 rows, found 20"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("restore", "nowhere.dump", "--into", "again"), "There is no backup nowhere.dump"),
        (("restore", "nowhere.dump", "--into", "postgresql://me:s3cret@host/again"), "give the name of a database"),
        (("backup", "--now", "daily", "--drill"), "--now or --drill"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(farm: Farm, words: tuple[str, ...], told: str) -> None:
    status, _, said = farm(*words)
    assert status > 0 and told in " ".join(said.split())


def test_a_wrong_recipient_is_told(farm: Farm) -> None:
    status, _, said = farm("backup", "--now", "daily", BACKUP_AGE_RECIPIENT="age1wrong")
    assert status == 1 and "BACKUP_AGE_RECIPIENT cannot be used" in said


NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("states", "line"),
    [
        ({"daily": {"at": NOW, "file": None, "bytes": 0}}, "backup: none yet"),
        (
            {
                "daily": {"at": NOW - 30 * 3600, "file": "d", "bytes": 2_500_000_000},
                "hourly": {"at": NOW - 600, "file": "h", "bytes": 1_200_000},
                "proof": {"at": NOW, "file": None},
            },
            "backup: hourly, 10 min old, 1.2 MB; never restored yet",
        ),
        (
            {
                "daily": {"at": NOW - 30 * 3600, "file": "d", "bytes": 2_500_000_000},
                "hourly": {"at": NOW - 30 * 3600, "file": "d", "bytes": 2_500_000_000},
                "proof": {"at": NOW - 3 * 86400, "file": "d"},
            },
            "backup: daily, 30 h old, 2.5 GB; restored with proof 3 days ago",
        ),
    ],
)
def test_the_status_tells_of_the_newest(states: Any, line: str) -> None:
    assert newest(states, NOW) == line
