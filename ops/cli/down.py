"""`./farm down`: stop everything in order and lose nothing."""

import time
from pathlib import Path

import typer

from core import redisdb, settings
from core.journal import Journal
from core.settings import SettingsError
from db import queries
from ops.cli import environment, programs
from ops.cli.console import err, say
from ops.cli.errors import AWAY, Refused, sentence
from ops.cli.turn import one_at_a_time
from ops.local.supervision import is_running, stop_daemon

POLL_SECONDS = 0.2
REDIS_SECONDS = 5.0


def down(
    timeout: float = typer.Option(60.0, min=0, help="Wait at most so many seconds for the journal to be written."),
) -> None:
    """Stop the farm in order, so that nothing is lost.

    Streamers flush, the journal is written to the end, then the rest stops.
    """
    home = environment.home()
    with one_at_a_time(home):
        began = time.monotonic()
        was_running = is_running(home)

        def before(stage: int, names: list[str]) -> None:
            if stage == programs.CONTROL:
                _await_journal(home, timeout)
            say(f"stopping {', '.join(names)}")

        if stop_daemon(home, before) and was_running:
            err.print(f"[green]✓[/] the farm is down, {time.monotonic() - began:.1f} s; its data stays in {home}")
        else:
            err.print("The farm was not running.")


def _await_journal(home: Path, timeout_seconds: float) -> None:
    """What is not written in time stays in the journal's log, and the next `up` writes it."""
    deadline = time.monotonic() + timeout_seconds
    told = False
    try:
        _, values = environment.current(home)
        knobs = settings.load(values)
        if not programs.have_whole_path(knobs):
            return  # other hosts append and write on
        journal = Journal(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS), knobs.key_prefix)
        while (left := backlog(knobs.database_url, journal)) and time.monotonic() < deadline:
            if not told:
                say(f"waiting until {left} journal entries are written")
                told = True
            time.sleep(POLL_SECONDS)
    except (*AWAY, Refused, SettingsError) as exc:
        known = sentence(exc)
        say(f"cannot see whether all is written ({known[0] if known else exc!r}); what is not stays in the journal")
        return
    if left:
        say(
            f"{left} journal entries are not written after {timeout_seconds:.0f} s; they stay in the journal and the next `./farm up` writes them"
        )


def backlog(url: str, journal: Journal) -> int:
    """Journal entries not committed yet, over all streams."""
    offsets = queries.offsets(url)
    return sum(journal.backlog(stream, offsets.get(str(stream), "0-0")) for stream in journal.streams())
