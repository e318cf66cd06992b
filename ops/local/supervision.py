"""Keeps the farm's programs running: starts supervisord, starts and stops programs in order, tells their state.

Every function takes the farm's home (`.farm`); two farms share nothing.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.local.errors import SupervisionFailed
from ops.local.locks import exclusive
from ops.local.orphans import GRACE_SECONDS, MARK, end_orphans
from ops.local.ports import socket_folder
from ops.local.programs import Layout, Program, configuration
from ops.local.supervisor_rpc import ALREADY_ADDED, ALREADY_STARTED, NOT_RUNNING, SPAWN_ERROR, Daemon

CHECKOUT = Path(__file__).resolve().parents[2]
_START_SECONDS = 15.0
_SLACK_SECONDS = 5.0
_UNFINISHED = ("starting", "running", "backoff", "stopping")
# supervisord binds to its socket's name with its process id behind it, and links.
_SOCKET_NAME = "supervisor.sock.1234567"


@dataclass(frozen=True)
class ProgramState:
    """One program as `./farm status` shows it; `restarts` counts those since the supervisor began."""

    name: str
    state: str
    pid: int | None
    restarts: int
    restarts_hour: int
    since: float | None  # seconds of the epoch; None while it does not run
    problem: str


def layout_of(home: Path) -> Layout:
    home = home.absolute()
    return Layout(home, socket_folder(home / "run", _SOCKET_NAME))


def is_running(home: Path) -> bool:
    return _daemon(home).pid() is not None


def start_daemon(
    home: Path,
    programs: Sequence[Program],
    say: Callable[[str], None] = lambda _: None,
    *,
    grace_seconds: float = GRACE_SECONDS,
) -> None:
    """Have supervisord run with these programs known and none started; one that runs already takes the changes over."""
    layout = layout_of(home)
    for folder, mode in ((layout.home, 0o755), (layout.run, 0o700), (layout.logs, 0o755)):
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    layout.run.chmod(0o700)  # its scripts hold passwords, whatever became of an older folder
    with exclusive(layout.run / "start.lock", lambda: say("waiting for another start of this farm")):
        _write_all(layout, programs)
        daemon = Daemon(layout.socket)
        if daemon.pid() is not None:
            _take_over_changes(layout.home, daemon)
            return
        if ended := end_orphans(layout.home, grace_seconds=grace_seconds):
            say(f"ended {ended} processes that a killed supervisor had left")
        layout.socket.unlink(missing_ok=True)
        _spawn(layout)
        _await_daemon(layout, daemon)


def start_programs(home: Path, names: Iterable[str]) -> None:
    """Start programs without waiting; one that fails is tried again for ever."""
    daemon = _present(home)
    for name in names:
        daemon.call("supervisor.startProcess", name, False, accept=(ALREADY_STARTED, SPAWN_ERROR))


def wait_running(home: Path, names: Iterable[str], timeout_seconds: float) -> None:
    """Return once all run. Raises SupervisionFailed with the last words of one that does not."""
    wanted = set(names)
    deadline = time.monotonic() + timeout_seconds
    while missing := wanted - {state.name for state in states(home) if state.state == "running"}:
        if time.monotonic() > deadline:
            name = min(missing)
            raise SupervisionFailed(f"{name} does not stay up; its log ends with:\n{log_tail(home, name)}")
        time.sleep(0.1)


def stop_programs(home: Path, names: Iterable[str]) -> None:
    """Stop programs together and wait until they are down; they stay known."""
    daemon = _present(home)
    wanted = set(names)
    patience = {info["name"]: info["stopwaitsecs"] for info in daemon.call("supervisor.getAllConfigInfo")}
    deadline = time.monotonic() + max((patience.get(name, 60) for name in wanted), default=0) + _SLACK_SECONDS
    # Asked again each time: one that was just about to be restarted counts as ended to the first request.
    while left := [state.name for state in states(home) if state.name in wanted and state.state in _UNFINISHED]:
        for name in left:
            daemon.call("supervisor.stopProcess", name, False, accept=(NOT_RUNNING,))
        if time.monotonic() > deadline:
            raise SupervisionFailed(f"{', '.join(left)} cannot be stopped.")
        time.sleep(0.1)


def stop_daemon(home: Path, before_stage: Callable[[int, list[str]], None] = lambda _stage, _names: None) -> bool:
    """Stop all programs, highest stage first, then supervisord; False when nothing ran.

    `before_stage` is called with a stage and its programs before these are stopped: the place to let a queue drain.
    """
    layout = layout_of(home)
    try:
        pid = Daemon(layout.socket).pid()
    except SupervisionFailed:
        pid = None
    if pid is None:
        return end_orphans(layout.home) > 0
    for stage, names in sorted(_stages(Daemon(layout.socket)).items(), reverse=True):
        before_stage(stage, names)
        stop_programs(home, names)
    Daemon(layout.socket).call("supervisor.shutdown")
    _await_end(layout, Daemon(layout.socket))
    end_orphans(layout.home)
    return True


def states(home: Path) -> list[ProgramState]:
    """All programs in the order of their start; empty when no supervisor runs."""
    daemon = _daemon(home)
    try:
        infos = daemon.call("supervisor.getAllProcessInfo")
        facts = daemon.call("farm.facts")
        order = {name: (stage, name) for stage, names in _stages(daemon).items() for name in names}
    except ConnectionError:
        return []
    found = [
        ProgramState(
            name=info["name"],
            state=info["statename"].lower(),
            pid=info["pid"] or None,
            restarts=facts.get(info["name"], {}).get("restarts", 0),
            restarts_hour=facts.get(info["name"], {}).get("restarts_hour", 0),
            since=float(info["start"]) if info["pid"] else None,
            problem=info["spawnerr"],
        )
        for info in infos
    ]
    return sorted(found, key=lambda state: order.get(state.name, (0, state.name)))


def log_file(home: Path, name: str) -> Path:
    return layout_of(home).log(name)


def log_tail(home: Path, name: str, *, lines: int = 20) -> str:
    try:
        with log_file(home, name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 20_000))
            return b"\n".join(file.read().splitlines()[-lines:]).decode(errors="replace")
    except FileNotFoundError:
        return "(it has written nothing)"


def _daemon(home: Path) -> Daemon:
    return Daemon(layout_of(home).socket)


def _present(home: Path) -> Daemon:
    if not is_running(home):
        raise SupervisionFailed("The farm is not running: `./farm up` starts it.")
    return _daemon(home)


def _stages(daemon: Daemon) -> dict[int, list[str]]:
    stages: dict[int, list[str]] = {}
    for info in daemon.call("supervisor.getAllConfigInfo"):
        stages.setdefault(info["process_prio"], []).append(info["name"])
    return stages


def _write_all(layout: Layout, programs: Sequence[Program]) -> None:
    for program in programs:
        _write(layout.script(program.name), program.script(), mode=0o700)
    _write(layout.configuration, configuration(layout, programs, as_root=os.geteuid() == 0), mode=0o600)


def _write(path: Path, text: str, *, mode: int) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    draft.replace(path)


def _spawn(layout: Layout) -> None:
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.configuration)]
    # All that the programs see beside what each of them is given.
    env = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
        MARK: str(layout.home),
    }
    done = subprocess.run(argv, cwd=CHECKOUT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SupervisionFailed(f"supervisord does not start: {(done.stderr or done.stdout).strip()[-600:]}")


def _await_daemon(layout: Layout, daemon: Daemon) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while daemon.pid() is None:
        if time.monotonic() > deadline:
            raise SupervisionFailed(f"supervisord does not answer; its log is {layout.log('supervisord')}.")
        time.sleep(0.02)


def _await_end(layout: Layout, daemon: Daemon) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while daemon.pid() is not None or layout.socket.exists():
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def _take_over_changes(home: Path, daemon: Daemon) -> None:
    [[added, changed, removed]] = daemon.call("supervisor.reloadConfig")
    stop_programs(home, [*changed, *removed])
    for name in [*changed, *removed]:
        daemon.call("supervisor.removeProcessGroup", name)
    for name in [*added, *changed]:
        daemon.call("supervisor.addProcessGroup", name, accept=(ALREADY_ADDED,))
