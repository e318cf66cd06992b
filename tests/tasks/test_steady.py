"""A clock that is set back: what rings every few seconds goes on ringing every few seconds."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app

from tasks.steady import SteadyScheduler

ENTRIES = ("drain", "canary")


class Clocked(Celery):
    """Its clock is ours; UTC."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead  # type: ignore[no-any-return]


class Recording(SteadyScheduler):
    """Rings nobody."""

    rung: list[str]

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.rung.append(entry.name)


@pytest.fixture
def app() -> Iterator[Clocked]:
    before = current_app._get_current_object()  # what a schedule reads the time from
    with closing(Clocked(broker="memory://")) as made:
        made.conf.beat_schedule = {name: {"task": name, "schedule": 10.0} for name in ENTRIES}
        made.set_current()
        yield made
    before.set_current()


def opened(app: Clocked, folder: Path) -> Recording:
    scheduler = Recording(app=app, schedule_filename=str(folder / "schedule"))
    scheduler.rung = []
    return scheduler


def rung_within(scheduler: Recording, app: Clocked, seconds: int) -> set[str]:
    """Time is passed in, a second at a time."""
    scheduler.rung.clear()
    for _ in range(seconds):
        app.ahead += timedelta(seconds=1)
        scheduler.tick()
        scheduler.tick()
    return set(scheduler.rung)


def test_a_clock_that_is_set_back_silences_no_entry(app: Clocked, tmp_path: Path) -> None:
    app.ahead = timedelta(hours=1)
    with closing(opened(app, tmp_path)) as scheduler:
        assert rung_within(scheduler, app, 12) == set(ENTRIES)
        app.ahead -= timedelta(hours=1)
        assert rung_within(scheduler, app, 12) == set(ENTRIES)


def test_a_schedule_that_was_kept_ahead_of_the_clock_rings(app: Clocked, tmp_path: Path) -> None:
    app.ahead = timedelta(hours=1)
    with closing(opened(app, tmp_path)) as scheduler:
        assert rung_within(scheduler, app, 12) == set(ENTRIES)
    app.ahead = timedelta(0)
    with closing(opened(app, tmp_path)) as scheduler:
        assert rung_within(scheduler, app, 12) == set(ENTRIES)


def test_a_clock_that_is_right_rings_no_more_often(app: Clocked, tmp_path: Path) -> None:
    with closing(opened(app, tmp_path)) as scheduler:
        rung_within(scheduler, app, 12)
        assert rung_within(scheduler, app, 5) == set()
