"""Programs that do not turn, are stopped, hold too much or end again and again: under a real supervisor, and look by look."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core import pulse
from ops.local import processes, supervision, watchdog
from ops.local.processes import Seen
from ops.local.programs import Program
from ops.local.supervision import layout_of, log_tail
from ops.local.watchdog import Greeting, Watch
from tests.ops.local.supervised import alive, loop, one, until, up

CHECKOUT = Path(__file__).resolve().parents[3]
#: Turns until a file named `stuck` stands in its folder.
TURNING = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from core import pulse
while True:
    if not os.path.exists("stuck"):
        pulse.beat()
    time.sleep(0.2)
"""
#: Says the same to whoever says anything, over and over.
ANSWERING = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    while True:
        connection, _ = listening.accept()
        with connection:
            if connection.recv(100):
                connection.sendall(b"hello")
"""
LOOK = watchdog.LOOK_SECONDS


def _turning(name: str, folder: Path, silent_seconds: int) -> Program:
    folder.mkdir(exist_ok=True)
    return Program(name, (sys.executable, "-c", TURNING, str(CHECKOUT)), folder, silent_seconds=silent_seconds)


def _facts(home: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(layout_of(home).facts.read_text())["programs"]
    return found


def test_a_program_that_does_not_turn_is_killed_and_started_again(home: Path, tmp_path: Path) -> None:
    up(home, _turning("stuck", tmp_path / "stuck", 6), _turning("well", tmp_path / "well", 6))
    before, well = one(home, "stuck").pid, one(home, "well").pid
    (tmp_path / "stuck" / "stuck").touch()
    until(lambda: one(home, "stuck").pid not in (None, before), 40)
    (tmp_path / "stuck" / "stuck").unlink()
    assert (one(home, "well").pid, one(home, "well").restarts) == (well, 0)
    until(layout_of(home).facts.exists)
    assert "has not turned for" in str(_facts(home)["stuck"]["trouble"])
    assert "watchdog: stuck has not turned for" in log_tail(home, "supervisord", lines=200)
    assert _facts(home)["well"]["trouble"] == {}


def test_a_stopped_program_and_a_stopped_child_of_one_are_continued(home: Path, tmp_path: Path) -> None:
    """Nothing is lost by it, and no start is needed."""
    up(home, loop("stopped", tmp_path), loop("parent", tmp_path, body="sleep 1000 & echo $! > child; wait"))
    pid, child = one(home, "stopped").pid, int((tmp_path / "child").read_text())
    assert pid
    for stopped in (pid, child):
        os.kill(stopped, signal.SIGSTOP)
        until(lambda number=stopped: psutil.Process(number).status() == psutil.STATUS_STOPPED)  # type: ignore[misc]
    for stopped in (pid, child):
        until(lambda number=stopped: psutil.Process(number).status() != psutil.STATUS_STOPPED, 30)  # type: ignore[misc]
    assert one(home, "stopped").pid == pid and alive(child)
    assert "has been continued" in str(_facts(home)["stopped"]["trouble"])


def test_a_server_that_does_not_answer_is_killed_and_started_again(home: Path, tmp_path: Path, unused_port: int) -> None:
    """It accepts connections and says nothing: the kernel does that for any process that listens."""
    deaf = f"import socket, time; s = socket.create_server(('127.0.0.1', {unused_port})); time.sleep(1000)"
    up(home, Program("deaf", (sys.executable, "-c", deaf), tmp_path, silent_seconds=6, greeting=Greeting(unused_port, b"hello?")))
    before = one(home, "deaf").pid
    until(lambda: one(home, "deaf").pid not in (None, before), 40)


def test_a_program_that_holds_too_much_is_asked_to_end(home: Path, tmp_path: Path) -> None:
    body = "import signal, sys, time; signal.signal(15, lambda *_: (print('asked', flush=True), sys.exit())); held = b'x' * {size}; time.sleep(1000)"
    program = Program("large", (sys.executable, "-c", body.format(size=200 << 20)), tmp_path, most_bytes=100 << 20)
    up(home, program, replace(program, name="small", argv=(sys.executable, "-c", body.format(size=1))))
    small = one(home, "small").pid
    until(lambda: one(home, "large").restarts > 0, 30)
    assert "asked" in log_tail(home, "large")
    assert "of memory in one process (allowed 100 MB)" in str(_facts(home)["large"]["trouble"])
    assert one(home, "small").pid == small


def test_a_program_that_ends_again_and_again_is_started_less_often(home: Path, tmp_path: Path) -> None:
    """It stays up long enough to count as started, so supervisord itself would not wait at all."""
    up(home, replace(loop("ends", tmp_path, body="sleep 0.2"), start_seconds=0))
    until(lambda: one(home, "ends").state == "backoff", 60)
    assert one(home, "ends").restarts_hour >= 10
    assert "within an hour" in one(home, "ends").problem
    restarts = one(home, "ends").restarts
    until(lambda: one(home, "ends").restarts > restarts, 30)


# --- look by look ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Watch, Path]]:
    path = tmp_path / "pulses" / "program"
    watch = Watch.of({watchdog.PULSE: str(path), watchdog.SILENT: "30"})
    yield watch, path
    watch.close()


def _silences(watch: Watch, looks: Sequence[float]) -> list[float]:
    found = []
    for elapsed in looks:
        watch.look([], elapsed)
        found.append(watch.silence)
    return found


def test_a_look_that_comes_late_ages_nobody(watched: tuple[Watch, Path]) -> None:
    """The machine slept for an hour, or the supervisor was stopped itself."""
    watch, _ = watched
    assert _silences(watch, [LOOK, 3600.0, LOOK]) == [LOOK, 3 * LOOK, 4 * LOOK]


def test_a_clock_that_is_set_back_is_a_beat_like_any(watched: tuple[Watch, Path]) -> None:
    watch, path = watched
    watch.look([], LOOK)
    os.utime(path, (0, 0))
    assert _silences(watch, [LOOK]) == [0.0]


def test_a_pulse_moves_the_file_and_not_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, now = tmp_path / "pulse", 100.0
    path.touch()
    monkeypatch.setattr(pulse, "monotonic", lambda: now)
    own = pulse.Pulse(str(path))
    moved = []
    for step in (0.0, pulse.EVERY_SECONDS / 2, pulse.EVERY_SECONDS / 2):
        now += step
        os.utime(path, (0, 0))
        own.beat()
        moved.append(path.stat().st_mtime_ns != 0)
    assert moved == [True, False, True]


@pytest.mark.parametrize("path", [None, "/nonexistent/pulse"])
def test_a_pulse_that_cannot_be_written_stops_nobody(path: str | None) -> None:
    pulse.Pulse(path).beat()


def test_nobody_is_killed_while_a_pulse_cannot_be_told(watched: tuple[Watch, Path]) -> None:
    watch, path = watched
    path.unlink()
    assert _silences(watch, [LOOK] * 10) == [0.0] * 10


def test_what_is_stopped_for_an_instant_is_left_alone() -> None:
    watch = Watch.of({})
    seen = [Seen(pid, 1, stopped=pid != 7) for pid in (7, 8, 9)]
    assert watch.look(seen, LOOK).stopped == []
    assert watch.look(seen[:2], LOOK).stopped == [8]


def test_one_that_does_not_end_when_asked_is_killed() -> None:
    watch = Watch.of({watchdog.MEMORY: "1"})
    own = [Seen(os.getpid(), 1, stopped=False)]
    verdicts = [watch.look(own, 2 * LOOK) for _ in range(8)]
    assert [bool(verdict.end) for verdict in verdicts] == [True] + 7 * [False]
    assert [bool(verdict.kill) for verdict in verdicts] == 7 * [False] + [True]


def test_a_server_answers_again_and_again_and_after_it_was_away(home: Path, tmp_path: Path, unused_port: int) -> None:
    greeting = Greeting(unused_port, b"hello?")
    assert not any(greeting.answered(LOOK) for _ in range(3))
    up(home, Program("server", (sys.executable, "-c", ANSWERING, str(unused_port)), tmp_path))
    for _ in range(3):
        until(lambda: greeting.answered(0.1))
    supervision.stop_programs(home, ["server"])
    until(lambda: not greeting.answered(0.1))
    supervision.start_programs(home, ["server"])
    until(lambda: greeting.answered(0.1))
    greeting.close()


def test_a_server_that_takes_its_leave_does_not_answer(home: Path, tmp_path: Path, unused_port: int) -> None:
    up(home, Program("server", (sys.executable, "-c", ANSWERING, str(unused_port)), tmp_path))
    staying, leaving = Greeting(unused_port, b"hello?"), Greeting.of(Greeting(unused_port, b"hello?", b"ell").as_text())
    assert leaving.leaving == b"ell"
    for _ in range(3):
        until(lambda: staying.answered(0.1))
        assert not leaving.answered(0.1)
    staying.close()
    leaving.close()


def test_a_family_is_a_process_with_its_descendants() -> None:
    table = {pid: Seen(pid, parent, stopped=False) for pid, parent in ((1, 0), (5, 1), (6, 5), (7, 6), (8, 1))}
    assert [one.pid for one in processes.family(table, 5)] == [5, 6, 7]
    assert processes.family(table, 99) == []


def test_our_own_process_is_seen() -> None:
    seen = processes.look()[os.getpid()]
    assert (seen.parent, seen.stopped) == (os.getppid(), False)
    resident, shared = processes.memory_bytes(os.getpid())
    assert resident > shared > 0
