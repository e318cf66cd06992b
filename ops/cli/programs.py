"""The farm's programs: what each one runs, in which stage it starts, how long it may take to stop."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.settings import ROOT, Settings
from db import roles
from ops.cli.state import State
from ops.local.programs import Program
from ops.local.server import Server
from ops.local.watchdog import Greeting

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
#: For who makes backups and restores them, and copies files to other storage.
_OF_KEEPERS = ("DATABASE_BACKUP_URL", "DATABASE_DRILL_URL", "BACKUP_AGE_IDENTITY_FILE", "S3_KEY_ID", "S3_SECRET_KEY")
#: For migrations, for those who look, for Flower, which is given it in its own words, for the console, for the watcher alone, and for keepers.
_WITHHELD = ("DATABASE_OWNER_URL", "DATABASE_READER_URL", "FLOWER_PASSWORD", "CONSOLE_PASSWORD", "ALERT_URLS", *_OF_KEEPERS)
#: celeryconfig's soft shutdown, and time to finish the transaction. What is killed after it has lost nothing: its rows are not committed, and
#: the next drain reads them again.
WORKER_STOP_SECONDS = 20
STREAMER_STOP_SECONDS = 15
#: Silence after which a program is taken for stuck and killed. A streamer turns four times a second; beyond its bound stands a busy
#: machine. A worker, and the schedule more so, may wait for several answers of a Redis that does not give any, each for 20 s.
_STREAMER_SILENT_SECONDS, _WORKER_SILENT_SECONDS, _BEAT_SILENT_SECONDS, _FLOWER_SILENT_SECONDS = 30, 90, 120, 120
_WATCHER_SILENT_SECONDS, _CONSOLE_SILENT_SECONDS = 120, 60
#: Memory of one process, several times what it holds under load; a worker's child is replaced after its task long before
#: (worker_max_memory_per_child).
_MOST_BYTES, _WRITERS_MOST_BYTES = 2**30, 2 * 2**30
#: Reading the past and tidying up leave the processor to those who read sockets and write rows.
_BEHIND = 10
#: They never ask the database: a host that has these alone needs REDIS_URL and nothing else.
_WITHOUT_DATABASE = {"streamers"}
#: Of those that are workers, the queues. Trading on paper keeps a process for as long as pairs are confirmed, and costs none until then.
QUEUES = {"writers": ("writers",), "collectors": ("metadata", "snapshots", "paper"), "maintenance": ("backfill", "maintenance")}


def use_database(knobs: Settings) -> bool:
    """Whether any program of this host does."""
    return not set(knobs.program_names_here) <= _WITHOUT_DATABASE


def have_whole_path(knobs: Settings) -> bool:
    """Whether frames become rows on this host, and not by the programs of several."""
    return {"streamers", "writers"} <= set(knobs.program_names_here)


def of_servers(servers: Sequence[Server]) -> list[Program]:
    return [Program.of(server, stage=_SERVER_STAGES[server.name]) for server in servers]


def environment_of(state: State) -> dict[str, str]:
    """What a program sees: nothing by which it could do more than its work."""
    return {name: value for name, value in state.environment.items() if name not in _WITHHELD}


def _given(state: State, names: Sequence[str]) -> dict[str, str]:
    return {name: state.environment[name] for name in names if name in state.environment}


def of_farm(home: Path, state: State, knobs: Settings, rate: float, pairs: int = 0) -> list[Program]:
    """Everything of this host but the servers."""
    environment = environment_of(state)
    makers: dict[str, Callable[[], list[Program]]] = {
        "writers": lambda: [_worker("writers", knobs.writers_here or knobs.writer_groups, environment, most_bytes=_WRITERS_MOST_BYTES)],
        "collectors": lambda: [_worker("collectors", 3, environment)],
        "maintenance": lambda: [_worker("maintenance", 1, environment | _given(state, _OF_KEEPERS), nice=_BEHIND)],
        "beat": lambda: [_celery("beat", ("beat",), environment, silent_seconds=_BEAT_SILENT_SECONDS)],
        "flower": lambda: [_flower(state, knobs)],
        "console": lambda: [_console(state, knobs)],
        "streamers": lambda: [streamer(venue, replica, environment) for venue in state.venues for replica in knobs.replica_names_here],
        WATCHER_NAME: lambda: [_watcher(state)],
    }
    found = [_sandbox(home, state, rate, pairs)] if state.sandboxed else []
    return found + [program for name, make in makers.items() if name in knobs.program_names_here for program in make()]


def _sandbox(home: Path, state: State, rate: float, pairs: int) -> Program:
    options = {"root": home / "sandbox", "port": state.ports["sandbox"], "rate": f"{rate:g}", "symbols": SANDBOX_SYMBOLS}
    options |= {"pairs": pairs} if pairs else {}
    argv = [sys.executable, "-m", "sandbox", "--venues", ",".join(state.sandboxed)]
    for name, value in options.items():
        argv += [f"--{name}", str(value)]
    return Program("sandbox", argv, ROOT, stage=SANDBOX)


def _worker(name: str, processes: int, environment: Mapping[str, str], **over: Any) -> Program:
    argv = ("worker", "-Q", ",".join(QUEUES[name]), "-c", str(processes), "-n", f"{name}@%h", *_WORKER_OPTIONS)
    limits = {"stop_seconds": WORKER_STOP_SECONDS, "silent_seconds": _WORKER_SILENT_SECONDS, **over}
    return _celery(f"worker-{name}", argv, environment, **limits)


def _celery(name: str, argv: Sequence[str], environment: Mapping[str, str], **over: Any) -> Program:
    whole = [sys.executable, "-m", "celery", "--quiet", "-A", "tasks", *argv]  # its banner is no line of a log
    return Program(name, whole, ROOT, environment, stage=CONTROL, **{"most_bytes": _MOST_BYTES, **over})


def _watcher(state: State) -> Program:
    """Who is told is its business alone: the URLs hold passwords."""
    argv = [sys.executable, "-m", "ops.alerting"]
    bounds: dict[str, Any] = {"silent_seconds": _WATCHER_SILENT_SECONDS, "most_bytes": _MOST_BYTES}
    return Program(WATCHER_NAME, argv, ROOT, {**environment_of(state), **_given(state, ("ALERT_URLS",))}, stage=WATCHER, **bounds)


def _flower(state: State, knobs: Settings) -> Program:
    # On the loopback, unable to act on anything, it may go without a password; settings refuse that elsewhere.
    options = ("--read_only=True", "--max_tasks=5000", "--logging=warning")
    port, login = state.ports["flower"], f"{knobs.flower_user}:{knobs.flower_password}"
    environment = {**environment_of(state), **({"FLOWER_BASIC_AUTH": login} if knobs.flower_password else {})}
    # The watchdog greets the loopback alone.
    watched = {"silent_seconds": _FLOWER_SILENT_SECONDS, "greeting": Greeting(port, b"GET /healthcheck HTTP/1.0\r\n\r\n")}
    bounds = watched if knobs.flower_address in ("127.0.0.1", "localhost", "0.0.0.0") else {}
    return _celery("flower", ("flower", f"--address={knobs.flower_address}", f"--port={port}", *options), environment, **bounds)


def _console(state: State, knobs: Settings) -> Program:
    ports = [state.ports["console"], state.ports["health"]]
    environment = {**environment_of(state), "FARM_CONSOLE_PORTS": ",".join(map(str, ports)), **_given(state, ("CONSOLE_PASSWORD",))}
    environment |= _as_reader(state)
    # The watchdog greets the loopback alone.
    greeting = Greeting(ports[0], b"GET /health/live HTTP/1.0\r\n\r\n")
    watched: dict[str, Any] = {"silent_seconds": _CONSOLE_SILENT_SECONDS, "greeting": greeting}
    bounds = watched if knobs.console_address in ("127.0.0.1", "localhost", "0.0.0.0") else {}
    argv = [sys.executable, "-m", "ops.console"]
    return Program("console", argv, ROOT, environment, stage=CONTROL, most_bytes=_MOST_BYTES, **bounds)


def _as_reader(state: State) -> dict[str, str]:
    """Our own database is asked by the console's role; of another one, by who may read it where the user said so."""
    if "DATABASE_FOLDER" in state.environment:
        return {"DATABASE_URL": roles.url_of(state.environment["DATABASE_URL"], roles.CONSOLE)}
    return {"DATABASE_URL": state.environment["DATABASE_READER_URL"]} if "DATABASE_READER_URL" in state.environment else {}


def streamer_name(venue: str, replica: str) -> str:
    return f"streamer-{venue}" if replica == FIRST_REPLICA else f"streamer-{venue}-{replica}"


def streamer(venue: str, replica: str, environment: Mapping[str, str]) -> Program:
    argv = [sys.executable, "-m", "streamers", venue, *([] if replica == FIRST_REPLICA else ["--replica", replica])]
    return Program(
        streamer_name(venue, replica),
        argv,
        ROOT,
        {name: value for name, value in environment.items() if name != "DATABASE_URL"},
        stage=STREAMERS,
        stop_seconds=STREAMER_STOP_SECONDS,
        silent_seconds=_STREAMER_SILENT_SECONDS,
        most_bytes=_MOST_BYTES,
    )


def stands_in(name: str, running: set[str]) -> str:
    """The program of another replica that runs, or ''."""
    program, *rest = name.split("-")
    return next((other for other in sorted(running) if program == "streamer" and other.split("-")[:2] == [program, *rest[:1]]), "")
