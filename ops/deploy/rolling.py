"""Units of systemd in the order of an upgrade: a replica of every streamer at a time, while another records; then who reads and writes.

Where a venue has one replica only, a stand-in records while it is away, as by `./farm restart`.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from core import redisdb
from core.board import Board
from core.settings import Settings
from ops.cli import programs
from ops.cli.errors import Refused
from ops.cli.restart import REDIS_SECONDS, await_delivery, speaks
from ops.deploy.host import others_of, streamer_unit, units_of, venues_of

#: systemd itself waits for a start as long as the unit says; this is for a systemd that does not answer.
SYSTEMCTL_SECONDS = 600.0
TARGET = "tapefarm.target"


def systemctl(*words: str) -> None:
    """Raises Refused with what it said."""
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=SYSTEMCTL_SECONDS, check=False)
    except subprocess.TimeoutExpired as exc:
        raise Refused(f"systemctl {' '.join(words)} did not end within {SYSTEMCTL_SECONDS:.0f} s.") from exc
    if done.returncode:
        raise Refused(f"systemctl {' '.join(words)} failed: {done.stderr.strip()} `journalctl -u UNIT` shows what a program said.")


def roll(knobs: Settings, say: Callable[[str], None]) -> None:
    """Every unit that is wanted runs the release that is current. Raises Refused; what was not reached runs on as it did."""
    board = Board(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS), knobs.key_prefix)
    venues = venues_of(knobs)
    _end_unwanted(knobs, say)
    systemctl("enable", TARGET, *units_of(knobs))
    if not any(_runs(streamer_unit(venue, name)) for venue in venues for name in knobs.replica_names_here):
        # Nothing records yet: streamers wait for the instruments that the workers bring.
        _restart(others_of(knobs), say)
        for replica in knobs.replica_names_here:
            _restart_replica(board, venues, replica, say)
    else:
        alone = [venue for venue in venues if not any(speaks(board, venue, name) for name in knobs.replica_names[1:])]
        with _standing_in(board, alone, say):
            for replica in knobs.replica_names_here:
                _restart_replica(board, venues, replica, say)
        _restart(others_of(knobs), say)
    systemctl("start", TARGET)


def _restart_replica(board: Board, venues: Sequence[str], replica: str, say: Callable[[str], None]) -> None:
    since_us = time.time_ns() // 1000
    _restart([streamer_unit(venue, replica) for venue in venues], say)
    await_delivery(board, venues, replica, since_us)


def _restart(units: Sequence[str], say: Callable[[str], None]) -> None:
    if units:
        say(f"restarting {', '.join(units)}")
        systemctl("restart", *units)


@contextmanager
def _standing_in(board: Board, venues: Sequence[str], say: Callable[[str], None]) -> Iterator[None]:
    units = [streamer_unit(venue, programs.STAND_IN) for venue in venues]
    if not units:
        yield
        return
    since_us = time.time_ns() // 1000
    try:
        _restart(units, say)
        await_delivery(board, venues, programs.STAND_IN, since_us)
        yield
    finally:
        systemctl("stop", *units)


def _end_unwanted(knobs: Settings, say: Callable[[str], None]) -> None:
    """Streamers of a venue or a replica that is no longer asked for."""
    done = subprocess.run(
        ["systemctl", "list-units", "--all", "--plain", "--no-legend", "tapefarm-streamer@*.service"],
        capture_output=True,
        text=True,
        timeout=SYSTEMCTL_SECONDS,
        check=False,
    )
    unwanted = sorted({line.split()[0] for line in done.stdout.splitlines() if line.strip()} - set(units_of(knobs)))
    if unwanted:
        say(f"stopping {', '.join(unwanted)}")
        systemctl("disable", "--now", *unwanted)


def _runs(unit: str) -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], timeout=SYSTEMCTL_SECONDS, check=False).returncode == 0
