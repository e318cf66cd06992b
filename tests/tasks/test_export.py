"""The task that has closed days exported: by a process of its own, which ends with the worker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core import settings
from db.parquet import turn
from tasks import export, resources
from tests.conftest import CHECKOUT
from tests.db.parquet.recorded import fill

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def data(fresh_database_url: str, query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    fill(query)
    query("DELETE FROM recorded_days WHERE venue = 'w'")
    query("INSERT INTO rollups.bars_1m SELECT * FROM rollups.bars_1s; INSERT INTO rollups.bars_1h SELECT * FROM rollups.bars_1s")
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    monkeypatch.setenv("FARM_DATA", str(tmp_path))
    knobs = settings.load()
    monkeypatch.setattr(resources, "config", lambda: knobs)
    yield tmp_path / "parquet"
    for process in export._running:
        process.kill()
        process.wait()
    export._running.clear()


def facts(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT key FROM system_metadata WHERE key = %s", (export.FACT,))


@pytest.mark.slow
def test_a_ring_starts_what_exports_and_the_next_one_finds_all_there(data: Path, query: Query) -> None:
    assert export.closed_days() == {"days": 2 * 5}
    assert export.closed_days() == {"ended": "the exporter goes on"}
    assert export._running[0].wait(60) == 0
    assert len(list(data.glob("*/venue=v/date=*/_manifest.json"))) == 10
    assert facts(query) == []
    assert export.closed_days() == {"days": 0}
    assert facts(query) == [(export.FACT,)]


@pytest.mark.slow
def test_while_somebody_else_exports_it_ends_at_once(data: Path) -> None:
    with turn.alone(data):
        export.closed_days()
        assert export._running[0].wait(60) == 0
    assert not list(data.glob("quotes"))


def test_the_exporter_ends_with_who_started_it() -> None:
    """However early that is: it knows the number from the start."""
    child = "import os, sys; print(os.getpid(), flush=True); from tasks.exporter import _end_with; _end_with(int(sys.argv[1]))"
    parent = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, str(os.getpid())])"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        exporter = psutil.Process(int(started.stdout.readline()))
        os.kill(started.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while exporter.is_running() and exporter.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("loading", ["import celeryconfig", "import tasks.export", "from ops.__main__ import command; command()"])
def test_neither_a_worker_nor_a_command_holds_the_memory_of_frames(loading: str) -> None:
    code = f"import sys; {loading}; sys.exit(bool({{'pyarrow', 'polars', 'pandas', 'adbc_driver_manager'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, timeout=60, check=False).returncode == 0
