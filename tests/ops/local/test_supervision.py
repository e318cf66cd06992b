"""Trivial programs under a real supervisor: killed, stopped, changed, orphaned."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ops.local import supervision
from ops.local.errors import SupervisionFailed
from ops.local.orphans import orphans
from ops.local.programs import Program
from ops.local.server import is_alive
from ops.local.supervision import ProgramState

NASTY = {"PASSWORD": "a\"b'c $HOME `x` %(y)s 100% ;no #no\nnext", "EMPTY": "", "COMMA": "a,b=c"}
NASTY_ARGUMENT = "two words ; \"quoted\" 'single' %d #x"


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _loop(name: str, folder: Path, *, stage: int = 0, body: str = "while :; do sleep 1; done") -> Program:
    return Program(name, ("sh", "-c", body), folder, stage=stage)


def _one(home: Path, name: str) -> ProgramState:
    return next(state for state in supervision.states(home) if state.name == name)


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_alive(psutil.Process(pid))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "farm home"
    yield folder
    supervision.stop_daemon(folder)
    assert orphans(folder) == []


def _up(home: Path, *programs: Program) -> None:
    supervision.start_daemon(home, programs)
    names = [program.name for program in programs]
    supervision.start_programs(home, names)
    supervision.wait_running(home, names, 10)


def test_a_killed_program_is_started_again_and_counted(home: Path, tmp_path: Path) -> None:
    _up(home, _loop("one", tmp_path), _loop("two", tmp_path))
    for count in (1, 2):
        pid = _one(home, "one").pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        _until(lambda before=pid: _one(home, "one").pid not in (None, before))  # type: ignore[misc]
        assert _one(home, "one").restarts == count
    assert _one(home, "two").restarts == 0


def test_what_a_killed_program_leaves_is_ended_before_the_next_copy(home: Path, tmp_path: Path) -> None:
    _up(home, _loop("pool", tmp_path, body="sleep 1000 & echo $! > child; wait"))
    child = int((tmp_path / "child").read_text())
    pid = _one(home, "pool").pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    _until(lambda: not _alive(child))


def test_a_program_that_fails_is_tried_for_ever(home: Path, tmp_path: Path) -> None:
    supervision.start_daemon(home, [_loop("bad", tmp_path, body="echo the cause; exit 3")])
    supervision.start_programs(home, ["bad"])
    _until(lambda: _one(home, "bad").restarts >= 2)
    assert _one(home, "bad").state in ("backoff", "starting")
    with pytest.raises(SupervisionFailed, match=r"bad does not stay up(.|\n)*the cause"):
        supervision.wait_running(home, ["bad"], 0.2)


def test_environment_and_arguments_arrive_as_given(home: Path, tmp_path: Path) -> None:
    show = "import json, os, sys, time; print(json.dumps([dict(os.environ), sys.argv[1:]]), flush=True); time.sleep(60)"
    _up(home, Program("show", (sys.executable, "-c", show, NASTY_ARGUMENT), tmp_path, env=NASTY))
    _until(lambda: supervision.log_tail(home, "show").startswith("[{"))
    environ, argv = json.loads(supervision.log_tail(home, "show"))
    assert argv == [NASTY_ARGUMENT]
    assert {name: environ[name] for name in NASTY} == NASTY
    own = {name for name in environ if not name.startswith(("SUPERVISOR_", "TAPEFARM_")) and name not in NASTY}
    assert own <= {"PATH", "HOME", "LANG", "PWD", "OLDPWD", "LC_CTYPE", "_", "SHLVL"}


def test_stages_stop_in_order(home: Path, tmp_path: Path) -> None:
    body = "trap 'echo {0} >> order; exit' TERM; while :; do sleep 0.05; done"
    stages = {"database": 0, "journal": 1, "worker": 2, "streamer": 3}
    _up(home, *(_loop(name, tmp_path, stage=stage, body=body.format(name)) for name, stage in stages.items()))
    assert [state.name for state in supervision.states(home)] == list(stages)
    asked: list[tuple[int, list[str]]] = []
    assert supervision.stop_daemon(home, lambda stage, names: asked.append((stage, names)))
    assert asked == [(3, ["streamer"]), (2, ["worker"]), (1, ["journal"]), (0, ["database"])]
    assert (tmp_path / "order").read_text().split() == ["streamer", "worker", "journal", "database"]
    assert supervision.states(home) == []
    assert supervision.stop_daemon(home) is False


def test_children_die_with_a_killed_supervisor_and_a_new_one_starts(home: Path, tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo $$ >> pids; while :; do sleep 0.2; done"
    programs = [_loop("plain", tmp_path), Program("stubborn", ("sh", "-c", stubborn), tmp_path, stop_seconds=1)]
    _up(home, *programs)
    before = [state.pid for state in supervision.states(home)]
    os.kill(int((home / "run/supervisord.pid").read_text()), signal.SIGKILL)
    _until(lambda: not supervision.is_running(home))
    said: list[str] = []
    supervision.start_daemon(home, programs, said.append, grace_seconds=0.5)
    assert [line.split(" ", 2)[2] for line in said] == ["processes that a killed supervisor had left"]
    assert not any(_alive(pid) for pid in before if pid)
    supervision.start_programs(home, ["plain", "stubborn"])
    supervision.wait_running(home, ["plain", "stubborn"], 10)


def test_second_start_takes_over_changes_only(home: Path, tmp_path: Path) -> None:
    _up(home, _loop("kept", tmp_path), _loop("gone", tmp_path), Program("new", ("sleep", "60"), tmp_path, env={"A": "1"}))
    before = {state.name: state.pid for state in supervision.states(home)}
    changed = [_loop("kept", tmp_path), Program("new", ("sleep", "60"), tmp_path, env={"A": "2"}), _loop("added", tmp_path)]
    _up(home, *changed)
    after = {state.name: state.pid for state in supervision.states(home)}
    assert set(after) == {"kept", "new", "added"}
    assert after["kept"] == before["kept"]
    assert after["new"] != before["new"]


def test_stale_files_of_a_dead_supervisor(home: Path, tmp_path: Path) -> None:
    layout = supervision.layout_of(home)
    layout.run.mkdir(parents=True, exist_ok=True)
    layout.socket.touch()
    (layout.run / "supervisord.pid").write_text(f"{os.getpid()}\n")
    _up(home, _loop("one", tmp_path))
    assert _one(home, "one").state == "running"


def test_long_home(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30)
    try:
        _up(home, _loop("one", tmp_path))
        assert _one(home, "one").state == "running"
        assert len(os.fsencode(supervision.layout_of(home).socket)) < 100
    finally:
        supervision.stop_daemon(home)
        supervision.layout_of(home).sockets.rmdir()


def test_nothing_running(home: Path) -> None:
    assert supervision.states(home) == []
    assert not supervision.is_running(home)
    with pytest.raises(SupervisionFailed, match=r"\./farm up"):
        supervision.start_programs(home, ["x"])


def test_logs_are_bounded(home: Path, tmp_path: Path) -> None:
    supervision.start_daemon(home, [_loop("one", tmp_path)])
    text = supervision.layout_of(home).configuration.read_text()
    assert text.count("stdout_logfile_maxbytes = 10MB") == 1
    assert text.count("stdout_logfile_backups = 3") == 1
