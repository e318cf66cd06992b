"""The look after backups: what is due is begun in a process of its own, once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from db import queries
from db.backups import facts, folder
from ops.local.servers import Servers
from tasks import backups, resources

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh_database_url: str, private_servers: Callable[[], Servers]
) -> Iterator[Path]:
    """The environment of a worker."""
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    monkeypatch.setenv("DATABASE_DRILL_URL", fresh_database_url)
    monkeypatch.setenv("FARM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("POSTGRES_PROGRAMS", str(Path(private_servers().postgres.server.argv[0]).parent))
    resources.config.cache_clear()
    yield tmp_path / "data" / "backups"
    for process in backups._begun:
        process.wait(60)
    resources.config.cache_clear()


def waited() -> None:
    for process in backups._begun:
        assert process.wait(60) == 0


def old(subject: str) -> None:
    queries.run(resources.config().database_url, "record_backup", subject=subject, value='{"at": 0}')


def test_a_new_farm_waits_for_its_first_hour(place: Path) -> None:
    found = backups.look()
    assert found["begun"] == found["working"] == [] and set(found["age_hours"]) == {"hourly", "daily", "proof"}


def test_what_is_due_is_begun_once_and_found_by_the_next_look(place: Path) -> None:
    backups.look()
    old("daily")
    old("hourly")
    assert backups.look()["begun"] == ["daily"], "which is an hourly one too"
    waited()
    again = backups.look()
    assert again["begun"] == [] and backups._begun == [] and again["age_hours"]["hourly"] == again["age_hours"]["daily"] < 0.1
    assert [backup.record.kind for backup in folder.backups(place)] == ["daily"]


def test_a_drill_is_begun_beside_a_backup(place: Path) -> None:
    backups.look()
    old("daily")
    backups.look()
    waited()
    old("proof")
    with folder.alone(place, "backup"):
        found = backups.look()
        assert found["begun"] == ["proof"] and "backup" in found["working"]
        waited()
    assert facts.states(resources.config())["proof"].at > time.time() - 60


def test_nothing_is_begun_while_another_is_at_it(place: Path) -> None:
    backups.look()
    old("daily")
    with folder.alone(place, "backup"):
        found = backups.look()
    assert (found["begun"], found["working"]) == ([], ["backup"])


def test_a_work_that_fails_waits_before_it_is_begun_again(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSTGRES_PROGRAMS", str(tmp_path))
    resources.config.cache_clear()
    backups.look()
    old("daily")
    assert backups.look()["begun"] == ["daily"]
    (process,) = backups._begun
    assert process.wait(60) == 1
    assert backups.look()["begun"] == []
    assert "There is no pg_dump" in facts.states(resources.config())["daily"].trouble
    assert {path.name for path in place.iterdir()} == {"backup.lock", "drill.lock"}
