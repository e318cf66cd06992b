"""An exporter that is killed anywhere, for the first time or over an older day, leaves nothing that the next run does not put right."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from db.parquet import places, writing
from tests.conftest import CHECKOUT
from tests.db.parquet.recorded import FIRST, Query, exported, fill, tree

POINTS = 3


def run(url: str, folder: Path, last: int) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.db.parquet.killed", url, str(folder), str(last)]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("older", [False, True], ids=["the first time", "over an older day"])
def test_a_killed_export_is_made_whole_by_the_next_run(
    fresh_database_url: str, query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    url, start = fresh_database_url, tmp_path / "start"
    monkeypatch.setattr(writing, "GROUP_ROWS", 50)
    fill(query)
    start.mkdir()
    if older:
        exported(url, start)
        query("UPDATE trades SET price = price + 1")
        query("UPDATE recorded_days SET changes = changes + 1")
    wanted = tmp_path / "wanted"
    shutil.copytree(start, wanted)
    things = int(run(url, wanted, 0).stdout)
    assert things > 50
    before, unkilled = places.found(places.place(start, "trades", "v", FIRST)), tree(wanted)
    for point in range(1, things, things // POINTS):
        folder = tmp_path / f"killed-{point}"
        shutil.copytree(start, folder)
        assert run(url, folder, point).returncode == -signal.SIGKILL
        there = places.found(places.place(folder, "trades", "v", FIRST))
        assert there is not None or before is None, "while a newer day is made the older one is there"
        assert there is None or places.intact(*there)
        exported(url, folder)
        assert tree(folder) == unkilled, f"killed at {point} of {things}"
