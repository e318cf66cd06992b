"""The farm's programs: what each one runs, in which stage it starts, how long it may take to stop."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.settings import ROOT, Settings
from ops.cli.state import State
from ops.local.programs import Program
from ops.local.server import Server

#: Stages start upwards and stop downwards: the streamers flush before the writers go, the writers before what they write to. The watcher
#: comes last and goes first, so that an orderly end is no alarm.
SANDBOX, CONTROL, STREAMERS, WATCHER = 20, 30, 40, 50
_SERVER_STAGES = {"postgres": 0, "redis": 5}
SANDBOX_SYMBOLS = 500
#: As `python -m streamers` calls it where nothing else is said; its programs are named by the venue alone.
FIRST_REPLICA = "a"
#: The replica that records while a farm's only one is started anew, and not longer.
STAND_IN = "standin"

WATCHER_NAME = "watcher"

#: The workers have nothing to tell each other, and Flower is content with a sign of life every ten seconds: a quiet farm costs little.
_WORKER_OPTIONS = ("--without-gossip", "--without-mingle", "-E", "--heartbeat-interval", "10")
#: celeryconfig's soft shutdown, and time to finish the transaction.
_WORKER_STOP_SECONDS = 30
_STREAMER_STOP_SECONDS = 15
#: For migrations, for those who look, for Flower, which is given it in its own words, and for the watcher alone.
_WITHHELD = ("DATABASE_OWNER_URL", "DATABASE_READER_URL", "FLOWER_PASSWORD", "ALERT_URLS")


def of_servers(servers: Sequence[Server]) -> list[Program]:
    return [Program.of(server, stage=_SERVER_STAGES[server.name]) for server in servers]


def environment_of(state: State) -> dict[str, str]:
    """What a program sees: nothing by which it could do more than its work."""
    return {name: value for name, value in state.environment.items() if name not in _WITHHELD}


def of_farm(home: Path, state: State, knobs: Settings, rate: float) -> list[Program]:
    """Everything but the servers."""
    environment = environment_of(state)
    found = [_sandbox(home, state, rate)] if state.sandboxed else []
    found += [
        _worker("writers", ("writers",), knobs.writer_groups, environment),
        _worker("collectors", ("metadata", "snapshots"), 2, environment),
        _worker("maintenance", ("backfill", "maintenance"), 1, environment),
        _celery("beat", ("beat",), environment),
        _flower(state, knobs),
    ]
    found += [streamer(venue, replica, environment) for venue in state.venues for replica in knobs.replica_names_here]
    return [*found, _watcher(state)]


def _sandbox(home: Path, state: State, rate: float) -> Program:
    options = {"root": home / "sandbox", "port": state.ports["sandbox"], "rate": f"{rate:g}", "symbols": SANDBOX_SYMBOLS}
    argv = [sys.executable, "-m", "sandbox", "--venues", ",".join(state.sandboxed)]
    for name, value in options.items():
        argv += [f"--{name}", str(value)]
    return Program("sandbox", argv, ROOT, stage=SANDBOX)


def _worker(name: str, queues: Sequence[str], processes: int, environment: Mapping[str, str]) -> Program:
    argv = ("worker", "-Q", ",".join(queues), "-c", str(processes), "-n", f"{name}@%h", *_WORKER_OPTIONS)
    return _celery(f"worker-{name}", argv, environment, stop_seconds=_WORKER_STOP_SECONDS)


def _celery(name: str, argv: Sequence[str], environment: Mapping[str, str], *, stop_seconds: int = 10) -> Program:
    whole = [sys.executable, "-m", "celery", "-A", "tasks", *argv]
    return Program(name, whole, ROOT, environment, stage=CONTROL, stop_seconds=stop_seconds)


def _watcher(state: State) -> Program:
    """Who is told is its business alone: the URLs hold passwords."""
    urls = {name: value for name, value in state.environment.items() if name == "ALERT_URLS"}
    environment = {**environment_of(state), **urls}
    return Program(WATCHER_NAME, [sys.executable, "-m", "ops.alerting"], ROOT, environment, stage=WATCHER)


def _flower(state: State, knobs: Settings) -> Program:
    # On the loopback, unable to act on anything, it may go without a password; settings refuse that elsewhere.
    options = ("--read_only=True", "--max_tasks=5000", "--logging=warning")
    where = (f"--address={knobs.flower_address}", f"--port={state.ports['flower']}")
    login = {"FLOWER_BASIC_AUTH": f"{knobs.flower_user}:{knobs.flower_password}"} if knobs.flower_password else {}
    return _celery("flower", ("flower", *where, *options), {**environment_of(state), **login})


def streamer_name(venue: str, replica: str) -> str:
    return f"streamer-{venue}" if replica == FIRST_REPLICA else f"streamer-{venue}-{replica}"


def streamer(venue: str, replica: str, environment: Mapping[str, str]) -> Program:
    argv = [sys.executable, "-m", "streamers", venue, *([] if replica == FIRST_REPLICA else ["--replica", replica])]
    return Program(streamer_name(venue, replica), argv, ROOT, environment, stage=STREAMERS, stop_seconds=_STREAMER_STOP_SECONDS)


def stands_in(name: str, running: set[str]) -> str:
    """The program of another replica that runs, or ''."""
    program, *rest = name.split("-")
    return next((other for other in sorted(running) if program == "streamer" and other.split("-")[:2] == [program, *rest[:1]]), "")
