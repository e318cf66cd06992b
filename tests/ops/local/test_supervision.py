"""Trivial programs under a real supervisor: killed, stopped, changed, orphaned."""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ops.local import supervision
from ops.local.errors import SupervisionFailed
from ops.local.programs import Program
from tests.ops.local.supervised import alive, loop, one, until, up

NASTY = {"PASSWORD": "a\"b'c $HOME `x` %(y)s 100% ;no #no\nnext", "EMPTY": "", "COMMA": "a,b=c"}
NASTY_ARGUMENT = "two words ; \"quoted\" 'single' %d #x"


def test_a_killed_program_is_started_again_and_counted(home: Path, tmp_path: Path) -> None:
    up(home, loop("one", tmp_path), loop("two", tmp_path))
    for count in (1, 2):
        pid = one(home, "one").pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        until(lambda before=pid: one(home, "one").pid not in (None, before))  # type: ignore[misc]
        assert one(home, "one").restarts == count
    assert one(home, "two").restarts == 0


def test_what_a_killed_program_leaves_is_ended_before_the_next_copy(home: Path, tmp_path: Path) -> None:
    up(home, loop("pool", tmp_path, body="sleep 1000 & echo $! > child; wait"))
    child = int((tmp_path / "child").read_text())
    pid = one(home, "pool").pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(child))


def test_a_program_that_fails_is_tried_for_ever(home: Path, tmp_path: Path) -> None:
    supervision.start_daemon(home, [loop("bad", tmp_path, body="echo the cause; exit 3")])
    supervision.start_programs(home, ["bad"])
    until(lambda: one(home, "bad").restarts >= 2)
    assert one(home, "bad").state in ("backoff", "starting")
    with pytest.raises(SupervisionFailed, match=r"bad does not stay up(.|\n)*the cause"):
        supervision.wait_running(home, ["bad"], 0.2)


def test_environment_and_arguments_arrive_as_given(home: Path, tmp_path: Path) -> None:
    show = "import json, os, sys, time; print(json.dumps([dict(os.environ), sys.argv[1:]]), flush=True); time.sleep(60)"
    up(home, Program("show", (sys.executable, "-c", show, NASTY_ARGUMENT), tmp_path, env=NASTY))
    until(lambda: supervision.log_tail(home, "show").startswith("[{"))
    environ, argv = json.loads(supervision.log_tail(home, "show"))
    assert argv == [NASTY_ARGUMENT]
    assert {name: environ[name] for name in NASTY} == NASTY
    own = {name for name in environ if not name.startswith(("SUPERVISOR_", "TAPEFARM_")) and name not in NASTY}
    assert own <= {"PATH", "HOME", "LANG", "PWD", "OLDPWD", "LC_CTYPE", "_", "SHLVL"}


def test_a_program_may_run_behind_the_others_and_still_dies_with_its_supervisor(home: Path, tmp_path: Path) -> None:
    up(home, replace(loop("behind", tmp_path), nice=7), loop("plain", tmp_path))
    pid, plain = one(home, "behind").pid, one(home, "plain").pid
    assert (psutil.Process(pid).nice() - psutil.Process(plain).nice()) == 7
    os.kill(int((home / "run/supervisord.pid").read_text()), signal.SIGKILL)
    until(lambda: not alive(pid or 0))


def test_stages_stop_in_order(home: Path, tmp_path: Path) -> None:
    body = "trap 'echo {0} >> order; exit' TERM; while :; do sleep 0.05; done"
    stages = {"database": 0, "journal": 1, "worker": 2, "streamer": 3}
    up(home, *(loop(name, tmp_path, stage=stage, body=body.format(name)) for name, stage in stages.items()))
    assert [state.name for state in supervision.states(home)] == list(stages)
    asked: list[tuple[int, list[str]]] = []
    assert supervision.stop_daemon(home, lambda stage, names: asked.append((stage, names)))
    assert asked == [(3, ["streamer"]), (2, ["worker"]), (1, ["journal"]), (0, ["database"])]
    assert (tmp_path / "order").read_text().split() == ["streamer", "worker", "journal", "database"]
    assert supervision.states(home) == []
    assert supervision.stop_daemon(home) is False


def test_children_die_with_a_killed_supervisor_and_a_new_one_starts(home: Path, tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo $$ >> pids; while :; do sleep 0.2; done"
    programs = [loop("plain", tmp_path), Program("stubborn", ("sh", "-c", stubborn), tmp_path, stop_seconds=1)]
    up(home, *programs)
    before = [state.pid for state in supervision.states(home)]
    os.kill(int((home / "run/supervisord.pid").read_text()), signal.SIGKILL)
    until(lambda: not supervision.is_running(home))
    said: list[str] = []
    supervision.start_daemon(home, programs, said.append, grace_seconds=0.5)
    assert [line.split(" ", 2)[2] for line in said] == ["processes that a killed supervisor had left"]
    assert not any(alive(pid) for pid in before if pid)
    supervision.start_programs(home, ["plain", "stubborn"])
    supervision.wait_running(home, ["plain", "stubborn"], 10)


def test_second_start_takes_over_changes_only(home: Path, tmp_path: Path) -> None:
    up(home, loop("kept", tmp_path), loop("gone", tmp_path), Program("new", ("sleep", "60"), tmp_path, env={"A": "1"}))
    before = {state.name: state.pid for state in supervision.states(home)}
    changed = [loop("kept", tmp_path), Program("new", ("sleep", "60"), tmp_path, env={"A": "2"}), loop("added", tmp_path)]
    up(home, *changed)
    after = {state.name: state.pid for state in supervision.states(home)}
    assert set(after) == {"kept", "new", "added"}
    assert after["kept"] == before["kept"]
    assert after["new"] != before["new"]


def test_stale_files_of_a_dead_supervisor(home: Path, tmp_path: Path) -> None:
    layout = supervision.layout_of(home)
    layout.run.mkdir(parents=True, exist_ok=True)
    layout.socket.touch()
    (layout.run / "supervisord.pid").write_text(f"{os.getpid()}\n")
    up(home, loop("one", tmp_path))
    assert one(home, "one").state == "running"


def test_long_home(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30)
    try:
        up(home, loop("one", tmp_path))
        assert one(home, "one").state == "running"
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
    supervision.start_daemon(home, [loop("one", tmp_path)])
    text = supervision.layout_of(home).configuration.read_text()
    assert text.count("stdout_logfile_maxbytes = 10MB") == 1
    assert text.count("stdout_logfile_backups = 3") == 1
