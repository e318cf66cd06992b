"""Killed with -9 at any moment and run again, archive and rebuild end as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import archive, redisdb
from core.archive import Record
from core.held import Held
from core.journal import Journal, StreamName
from core.settings import ROOT
from ops.cli.errors import Refused
from ops.rebuild import target
from tasks import archiving
from tasks.archive import Run
from tests.tasks.conftest import QUOTES, TRADES, Socket, quote, trade
from tests.tasks.recording import Recording, lines, story
from tests.tasks.test_archiving import kept, said, waiting

#: Archives in small blocks and small files, over and over, until it is killed.
ARCHIVER = """
import sys, time
from pathlib import Path
from core import archive, redisdb
from core.held import Held
from tasks import archiving
from tasks.archive import Run
archive.BLOCK_BYTES, archiving.PAGE_ENTRIES, archiving.MAX_FILE_BYTES = 2_000, 2, 20_000
url, prefix, root = sys.argv[1:]
held = Held(redisdb.connect(url, timeout_seconds=5), prefix)
print("begun", flush=True)
while True:
    Run(Path(root), held, 0, age_ms=-1000).work(time.monotonic() + 60)
"""
REBUILD = """
import sys, time
from core.settings import load
from ops.rebuild import target
from ops.rebuild.run import Range, rebuild
knobs = load()
url = target.make(knobs.migration_url, sys.argv[1])
print("made", flush=True)
rebuild(knobs, url, Range(0, 4_000_000_000_000_000))
print("read", flush=True)
time.sleep(60)
target.finish(knobs.migration_url, sys.argv[1])
"""


def started(script: str, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *words], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )


def killed(process: "subprocess.Popen[str]", after: str, seconds: float) -> None:
    assert process.stdout is not None
    if after:
        assert process.stdout.readline() == f"{after}\n"
    time.sleep(seconds)  # a moment that nobody chose; each is right
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def kept_whole(root: Path, stream: StreamName) -> list[Record]:
    """As far as blocks are whole."""
    found: list[Record] = []
    for _, path in archiving.files(root / stream.venue / stream.channel):
        with path.open("rb") as file:
            whole = [place for place in archive.walk(file) if archive.is_whole(file, place)]
            found += [r for place in whole for r in archive.block(file, place).records if r.stream == str(stream)]
    return found


def test_an_archiver_killed_at_any_moment_leaves_each_entry_once_and_in_order(
    journal: Journal, redis_client: redisdb.Client, key_prefix: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trades, quotes = Socket(journal, TRADES, "t"), Socket(journal, QUOTES, "q")
    for number in range(1, 400):
        trades.send(*(trade(number * 10 + n) for n in range(10)))
        quotes.send(*(quote(number * 10 + n) for n in range(10)))
    expected = {stream: said(waiting(journal, stream)) for stream in (TRADES, QUOTES)}
    for seconds in (0.0, 0.01, 0.05):
        killed(started(ARCHIVER, redis_url, key_prefix, str(tmp_path)), "begun", seconds)
        for stream, entries in expected.items():
            found = said(kept_whole(tmp_path, stream))
            assert found == entries[: len(found)]
    Run(tmp_path, Held(redis_client, key_prefix), 0, age_ms=-1000).work(time.monotonic() + 30)
    for stream, entries in expected.items():
        assert said(kept(tmp_path, stream)) == entries
        for _, path in archiving.files(tmp_path / stream.venue / stream.channel):
            if path.suffix == ".zst":
                assert json.loads(path.with_suffix(".json").read_bytes())["bytes"] == path.stat().st_size


def test_a_rebuild_killed_at_any_moment_is_made_anew_and_is_the_same(
    recording: Recording,
    rebuilt: Callable[..., str],
    redis_url: str,
) -> None:
    story(recording)
    name = "tapefarm_test_rebuilt_killed"
    environment = {
        "DATABASE_URL": recording.farm.database_url, "REDIS_URL": redis_url, "FARM_DATA": str(recording.farm.data), "PYTHONPATH": str(ROOT)
    }  # fmt: skip
    for after, seconds in (("", 1.0), ("made", 0.15), ("read", 0.0)):
        process = started(REBUILD, name, **environment)
        if after == "read":
            assert process.stdout is not None
            assert process.stdout.readline() == "made\n"
        killed(process, after, seconds)
        assert not target.is_finished(recording.farm.migration_url, name)
    assert [line for line in lines(recording, rebuilt(name)) if not line.equal] == []
    with pytest.raises(Refused, match="finished"):
        target.make(recording.farm.migration_url, name)


def test_nothing_but_a_rebuild_is_replaced(recording: Recording) -> None:
    live = recording.farm.migration_url.rpartition("/")[2]
    for name in (live, "postgres", "Strange-Name"):
        with pytest.raises(Refused):
            target.make(recording.farm.migration_url, name, again=True)
