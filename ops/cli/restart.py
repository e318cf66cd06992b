"""`./farm restart`: the streamers anew, as after a change of the code, one replica at a time: another records while one is away."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from core import redisdb, settings
from core.board import Board
from ops.cli import environment, programs
from ops.cli.console import step
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
    """Start the streamers anew without a hole in the data.

    One replica after the other, or while a stand-in records.
    """
    home = environment.home()
    with one_at_a_time(home):
        if not is_running(home):
            raise Refused("The farm is not running: `./farm up` starts it.")
        state, values = environment.current(home)
        knobs = settings.load(values)
        board = Board(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS), knobs.key_prefix)
        venues = [venue for venue in state.venues if not knobs.lacking(venue, VENUES[venue].login)]
        first, *_ = knobs.replica_names_here
        others = [name for name in knobs.replica_names if name != first]
        alone = [venue for venue in venues if not any(speaks(board, venue, name) for name in others)]
        with _standing_in(home, state, board, alone) if alone else nullcontext():
            for replica in knobs.replica_names_here:
                _restart(home, board, venues, replica)


def _restart(home: Path, board: Board, venues: Sequence[str], replica: str) -> None:
    names = [programs.streamer_name(venue, replica) for venue in venues]
    with step(", ".join(names)):
        since_us = time.time_ns() // 1000
        stop_programs(home, names)
        start_programs(home, names)
        wait_running(home, names, PATIENCE_SECONDS)
        await_delivery(board, venues, replica, since_us)


@contextmanager
def _standing_in(home: Path, state: State, board: Board, venues: Sequence[str]) -> Iterator[None]:
    """Other streamers of these venues record within; each is a replica like any, for as long."""
    made = [programs.streamer(venue, programs.STAND_IN, programs.environment_of(state)) for venue in venues]
    since_us = time.time_ns() // 1000
    running = [_started(home, program) for program in made]
    try:
        with step(", ".join(program.name for program in made)):
            await_delivery(board, venues, programs.STAND_IN, since_us)
        yield
    finally:
        for process in running:
            process.terminate()
        for process, program in zip(running, made, strict=True):
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


def await_delivery(board: Board, venues: Sequence[str], replica: str, since_us: int) -> None:
    """Until replicas that were started then have brought every symbol, but for those that are still. Raises Refused."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing := [name for venue in venues for name in _missing(board, venue, replica, since_us)]:
        if time.monotonic() > deadline:
            raise Refused(
                f"Replica {replica} has brought nothing of {', '.join(missing)} for {PATIENCE_SECONDS:.0f} s; the other streamers were left "
                "as they are. `./farm logs NAME` shows what a program says."
            )
        time.sleep(POLL_SECONDS)


def _missing(board: Board, venue: str, replica: str, since_us: int) -> list[str]:
    """Streams of which a symbol is awaited; all of the venue while the replica has none."""
    streams = _streams(board, venue, replica, since_us)
    channels = {channel.name: channel for channel in VENUES[venue].channels}
    now_us = time.time_ns() // 1000
    still = {name: min(STILL_SECONDS, channel.first_frame_seconds) * 1e6 for name, channel in channels.items()}
    late = [s for s in streams if not s["connected"] or (s["unproven"] and now_us - s["since_us"] < still[s["channel"]])]
    return [f"{venue}:{s['channel']}:{s['shard']}" for s in late] if streams else [venue]


def _streams(board: Board, venue: str, replica: str, since_us: int) -> list[dict[str, Any]]:
    said = board.vitals(f"streamer:{venue}")
    return [
        stream
        for who, vital in said.items()
        if who.endswith(f":{replica}") and vital["started_at"] >= since_us
        for stream in vital["streams"]
    ]


def speaks(board: Board, venue: str, replica: str) -> bool:
    return any(stream["connected"] for stream in _streams(board, venue, replica, 0))
