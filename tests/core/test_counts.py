"""What a process counts, and what is left of it when it ends."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core import count_files, counts
from core.counts import Counter, Histogram

CHECKOUT = Path(__file__).resolve().parents[2]
SEEN = Counter("seen_total", "Seen.", ("venue",), "counter")
LATE = Histogram("late_seconds", "Late.", ("venue",), "histogram", (0.01, 0.1, 1.0))


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    yield
    counts.end()


def told(folder: Path, metric: Counter | Histogram = SEEN, label: str = "x") -> list[float]:
    found = count_files.joined(folder).get(count_files.key_of(metric.name, (label,), metric.bounds))
    return [] if found is None else found.tolist()


#: Counts one, says so, and waits to be ended.
COUNTING = """
import sys
from pathlib import Path
from core import counts
from core.counts import Counter
counts.begin(Path(sys.argv[1]), "role")
Counter("seen_total", "Seen.", ("venue",), "counter").add(1, "x")
print("counted", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a process of the role that has counted one when this returns."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", COUNTING, str(tmp_path)]
        process = subprocess.Popen(words, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"counted\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def slots(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.counts"))


# --- slots ----------------------------------------------------------------------------------------------------------------
def test_two_processes_of_a_role_take_two_slots(tmp_path: Path, counting: Callable[[], Any]) -> None:
    counting()
    counting()
    assert slots(tmp_path) == ["role-0.counts", "role-1.counts"]
    assert told(tmp_path) == [2]


def test_one_that_is_started_again_goes_on_counting(tmp_path: Path, counting: Callable[[], subprocess.Popen[bytes]]) -> None:
    for _ in range(3):
        counting().communicate(b"")
    assert (slots(tmp_path), told(tmp_path)) == (["role-0.counts"], [3])


def test_a_killed_one_frees_its_slot_and_its_counts_stay(tmp_path: Path, counting: Callable[[], subprocess.Popen[bytes]]) -> None:
    first = counting()
    counting()
    first.kill()
    first.wait()
    counting()
    assert (slots(tmp_path), told(tmp_path)) == (["role-0.counts", "role-1.counts"], [3])


def test_a_forked_child_counts_nothing_until_it_begins_itself(tmp_path: Path) -> None:
    counts.begin(tmp_path, "worker")
    SEEN.add(1, "x")
    child = os.fork()
    if not child:
        SEEN.add(100, "x")
        counts.begin(tmp_path, "worker")
        SEEN.add(10, "x")
        os._exit(0)
    os.waitpid(child, 0)
    SEEN.add(1, "x")
    assert (slots(tmp_path), told(tmp_path)) == (["worker-0.counts", "worker-1.counts"], [12])


def test_before_it_begins_and_behind_its_end_nothing_is_counted(tmp_path: Path) -> None:
    SEEN.add(1, "x")
    LATE.observe(1, "x")
    counts.begin(tmp_path, "role")
    counts.end()
    SEEN.add(1, "x")
    LATE.observe_all(np.ones(3), "x")
    assert count_files.joined(tmp_path) == {}


def test_more_processes_than_slots_are_told_and_count_nothing(
    tmp_path: Path, counting: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counting()
    monkeypatch.setattr(counts, "MOST_SLOTS", 1)
    counts.begin(tmp_path, "role")
    SEEN.add(1, "x")
    assert told(tmp_path) == [1]
    assert "all slots are taken" in caplog.text


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    counts.begin(tmp_path / "file" / "folder", "role")
    SEEN.add(1, "x")
    assert "this process counts nothing" in caplog.text


def test_a_disk_without_room_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    counts.begin(tmp_path, "role")
    SEEN.add(1, "x")
    monkeypatch.undo()
    counts.begin(tmp_path, "role")
    assert slots(tmp_path) == ["role-0.counts"]
    assert "No space left" in caplog.text


# --- files ----------------------------------------------------------------------------------------------------------------
def test_its_room_is_on_the_disk_from_the_beginning(tmp_path: Path) -> None:
    counts.begin(tmp_path, "role")
    assert (tmp_path / "role-0.counts").stat().st_blocks * 512 >= counts.ROOM_BYTES


def test_what_finds_no_room_is_told_once_and_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counts.begin(tmp_path, "role")
    LATE.observe(0.5, "first")
    with caplog.at_level(logging.WARNING):
        for number in range(5_000):
            LATE.observe(0.5, f"{number:05}")
    found = count_files.joined(tmp_path)
    assert 1_000 < len(found) < 5_000
    assert {tuple(values) for values in found.values()} == {(0, 0, 1, 0, 0.5)}
    assert caplog.text.count("no room for more counts") == 1


@pytest.mark.parametrize("damage", [b"garbage!" * 4, b"tapecnt1" + b"\xff" * 8, b"tapecnt1" + (1000).to_bytes(8, "little") + b"\xff" * 64])
def test_a_file_that_is_not_whole_begins_anew_and_is_told(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "role-0.counts").write_bytes(damage.ljust(2000, b"\xff"))
    assert count_files.joined(tmp_path) == {}
    counts.begin(tmp_path, "role")
    SEEN.add(2, "x")
    assert told(tmp_path) == [2]
    assert "begin anew" in caplog.text


@given(st.binary(max_size=200), st.integers(0, 300))
def test_whatever_a_file_holds_it_is_read_or_not_whole(body: bytes, used: int) -> None:
    found = count_files.entries(count_files.head(used) + body)
    assert found is None or all(entry.ends <= used for entry in found)


def test_other_bounds_are_another_series(tmp_path: Path) -> None:
    counts.begin(tmp_path, "role")
    LATE.observe(0.5, "x")
    counts.begin(tmp_path, "role")
    Histogram("late_seconds", "Late.", ("venue",), "histogram", (0.5, 5.0)).observe(0.5, "x")
    assert [json.loads(key)[2] for key in count_files.joined(tmp_path)] == [[0.01, 0.1, 1.0], [0.5, 5.0]]
    assert told(tmp_path, LATE) == [0, 0, 1, 0, 0.5]


# --- histograms -----------------------------------------------------------------------------------------------------------
_VALUES = st.lists(st.integers(-(10**7), 10**8), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(_VALUES, max_size=5), st.integers(1, 50))
@example([[10_000, 100_000, 1_000_000, 10_001]], 50)  # on a bound counts up to it
@example([[], [5]], 1)
def test_batches_come_to_what_one_by_one_comes_to(tmp_path: Path, batches: list[list[int]], times: int) -> None:
    """In microseconds; `times` over, so that batches are small and large."""
    counts.begin(tmp_path, "batches")
    before, before_each = (np.array(told(tmp_path, LATE, who) or [0.0] * 5) for who in ("all", "each"))
    for batch in batches:
        LATE.observe_all(np.array(batch * times, np.int64), "all", unit=1e-6)
        for value in batch * times:
            LATE.observe(value / 1e6, "each")
    grown = np.array(told(tmp_path, LATE, "all") or [0.0] * 5) - before
    grown_each = np.array(told(tmp_path, LATE, "each") or [0.0] * 5) - before_each
    assert grown[:-1].tolist() == grown_each[:-1].tolist()
    assert grown[-1] == pytest.approx(grown_each[-1], abs=1e-5, rel=1e-9)
    assert grown[:-1].sum() == times * sum(map(len, batches))


def test_many_are_counted_as_few_are(tmp_path: Path) -> None:
    counts.begin(tmp_path, "role")
    values = np.random.default_rng(1).integers(0, 2_000_000, 10_000)
    LATE.observe_all(values, "many", unit=1e-6)
    for part in np.array_split(values, 100):
        LATE.observe_all(part, "few", unit=1e-6)
    assert told(tmp_path, LATE, "many")[:-1] == told(tmp_path, LATE, "few")[:-1]
    assert sum(told(tmp_path, LATE, "many")[:-1]) == 10_000


def test_threads_lose_nothing_to_each_other(tmp_path: Path) -> None:
    counts.begin(tmp_path, "role")

    def add() -> None:
        for _ in range(5_000):
            SEEN.add(1, "x")

    switched = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(switched)
    assert told(tmp_path) == [20_000]
