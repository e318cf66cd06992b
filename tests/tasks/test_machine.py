"""What the supervisor wrote down and how full the disks are, as facts and as reasons."""

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from core import settings
from core.settings import Settings
from tasks import machine

WELL = {"running": True, "restarts": 3, "restarts_hour": 1, "memory_bytes": "5000000000", "silent_seconds": 0, "trouble": {}}


def _written(home: Path, document: Any) -> Path:
    (home / "run").mkdir(exist_ok=True)
    (home / "run" / "programs.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return home


def test_programs_are_as_their_supervisor_wrote_them_down(tmp_path: Path) -> None:
    home = _written(tmp_path, {"at": time.time(), "programs": {"beat": WELL}})
    assert machine.programs(home) == {"beat": {**WELL, "memory_bytes": 5_000_000_000}}


@pytest.mark.parametrize("document", ["", "{", "[]", "{}", {"at": 0, "programs": {"beat": WELL}}, {"at": "soon", "programs": {}}])
def test_what_is_torn_or_old_says_nothing(tmp_path: Path, document: Any) -> None:
    assert machine.programs(_written(tmp_path, document)) == {}
    assert machine.programs(tmp_path / "nowhere") == {}


def _farm(home: Path, database: str = "") -> Settings:
    return dataclasses.replace(settings.load({}), farm_home=str(home), database_folder=database)


def test_a_disk_that_holds_both_is_told_once(tmp_path: Path) -> None:
    (found,) = machine.disks(_farm(tmp_path, str(tmp_path)))
    assert found["path"] == str(tmp_path) and 0 <= found["used"] <= 1 and found["free_bytes"] > 0
    assert found["used_bytes"] > 0


def test_a_folder_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    assert [disk["path"] for disk in machine.disks(_farm(tmp_path, "/nonexistent/database"))] == [str(tmp_path)]


def test_the_database_may_have_a_disk_of_its_own(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one file system")
    assert [disk["path"] for disk in machine.disks(_farm(tmp_path, str(other)))] == [str(tmp_path), str(other)]


@pytest.mark.parametrize(("used", "says"), [(79, "nothing"), (80, "notice"), (89, "notice"), (90, "reason"), (100, "reason")])
def test_a_full_disk_is_a_notice_and_then_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: int, says: str) -> None:
    usage = type(shutil.disk_usage(tmp_path))(100 * 10**9, used * 10**9, (100 - used) * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    reasons, notices = machine.judged({}, machine.disks(_farm(tmp_path)))
    told = f"the disk with {tmp_path} is {used}% full, {100 - used:.1f} GB are left"
    assert (reasons, notices) == ([told] if says == "reason" else [], [told] if says == "notice" else [])


def test_a_program_that_ends_again_and_again_is_a_reason() -> None:
    facts = {"well": {**WELL, "restarts_hour": 10}, "restless": {**WELL, "restarts_hour": 11}}
    (reason,), notices = machine.judged(facts, [])
    assert reason.startswith("restless was started again 11 times within an hour") and notices == []
