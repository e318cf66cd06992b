"""`./farm restart`: the streamers anew, as after a change of the code, one replica at a time: another records while one is away."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from core import redisdb, settings
from core.board import Board
from core.settings import Settings
from ops.cli import environment, programs
from ops.cli.console import say, step
from ops.cli.errors import Refused
from ops.cli.state import State
from ops.cli.turn import one_at_a_time
from ops.local.orphans import MARK
from ops.local.programs import Program
from ops.local.supervision import is_running, log_file, start_programs, stop_programs, wait_running
from venues import VENUES

POLL_SECONDS = 0.25
#: A symbol that is still may say nothing for hours; streamers wait for it as long when they replace a connection.
STILL_SECONDS = 60.0
#: The first sockets come within seconds; a venue that is away is not waited for, as nothing is lost by staying as it is.
PATIENCE_SECONDS = 150.0
REDIS_SECONDS = 5.0


def restart() -> None:
    """Start the streamers anew without a hole: one replica after the other, or while a stand-in records."""
    home = environment.home()
    with one_at_a_time(home):
        if not is_running(home):
            raise Refused("The farm is not running: `./farm up` starts it.")
        state, values = environment.current(home)
        knobs = settings.load(values)
        board = Board(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS), knobs.key_prefix)
        for venue in state.venues:
            if knobs.lacking(venue, VENUES[venue].login):
                say(f"{venue} has no sockets, as its login is not set")
                continue
            _restart_venue(home, state, knobs, board, venue)


def _restart_venue(home: Path, state: State, knobs: Settings, board: Board, venue: str) -> None:
    here = knobs.replica_names_here
    alone = not any(_speaks(board, venue, name) for name in knobs.replica_names if name != here[0])
    with _standing_in(home, state, board, venue) if alone else nullcontext():
        for replica in here:
            with step(programs.streamer_name(venue, replica)):
                name = programs.streamer_name(venue, replica)
                since_us = time.time_ns() // 1000
                stop_programs(home, [name])
                start_programs(home, [name])
                wait_running(home, [name], PATIENCE_SECONDS)
                _await_delivery(board, venue, replica, since_us)


@contextmanager
def _standing_in(home: Path, state: State, board: Board, venue: str) -> Iterator[None]:
    """Another streamer of the venue records within; it is a replica like any, for as long."""
    program = programs.streamer(venue, programs.STAND_IN, state.environment)
    since_us = time.time_ns() // 1000
    with step(f"a stand-in for {programs.streamer_name(venue, programs.FIRST_REPLICA)}"):
        process = _started(home, program)
        try:
            _await_delivery(board, venue, programs.STAND_IN, since_us, process)
        except BaseException:
            process.terminate()
            raise
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(program.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()


def _started(home: Path, program: Program) -> "subprocess.Popen[bytes]":
    """Marked as the farm's own: `./farm down` ends it where we could not."""
    system = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    env = {**system, **program.env, MARK: str(home)}
    with log_file(home, program.name).open("ab") as log:
        return subprocess.Popen(program.argv, cwd=program.directory, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _await_delivery(board: Board, venue: str, replica: str, since_us: int, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Until a replica that was started then has brought every symbol, but for those that are still. Raises Refused."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing := _missing(board, venue, replica, since_us):
        if process is not None and process.poll() is not None:
            name = programs.streamer_name(venue, replica)
            raise Refused(f"{name} ended with {process.returncode}: `./farm logs {name}` says why. The running streamer was left as it is.")
        if time.monotonic() > deadline:
            raise Refused(f"{venue}, replica {replica}, brings nothing of {', '.join(missing)}: the others were left as they are.")
        time.sleep(POLL_SECONDS)


def _missing(board: Board, venue: str, replica: str, since_us: int) -> list[str]:
    """Streams of which a symbol is awaited; all of the venue while the replica has none."""
    streams = _streams(board, venue, replica, since_us)
    channels = {channel.name: channel for channel in VENUES[venue].channels}
    now_us = time.time_ns() // 1000
    still = {name: min(STILL_SECONDS, channel.first_frame_seconds) * 1e6 for name, channel in channels.items()}
    late = [s for s in streams if not s["connected"] or (s["unproven"] and now_us - s["since_us"] < still[s["channel"]])]
    return [f"{s['channel']}:{s['shard']}" for s in late] if streams else [venue]


def _streams(board: Board, venue: str, replica: str, since_us: int) -> list[dict[str, Any]]:
    said = board.vitals(f"streamer:{venue}")
    return [
        stream
        for who, vital in said.items()
        if who.endswith(f":{replica}") and vital["started_at"] >= since_us
        for stream in vital["streams"]
    ]


def _speaks(board: Board, venue: str, replica: str) -> bool:
    return any(stream["connected"] for stream in _streams(board, venue, replica, 0))
