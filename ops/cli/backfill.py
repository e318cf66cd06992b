"""`./farm backfill`: ask for a part of the past, watch it come, list what is asked for, end it."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from core import redisdb, settings
from core.board import Board
from core.settings import Settings
from db import backfills, engine, queries
from db.backfills import Job
from ops.cli import complete, environment
from ops.cli.columns import Columns
from ops.cli.console import err, out
from ops.cli.errors import Refused
from venues import VENUES

LOOK_SECONDS = 0.5
LISTED = 30
#: What is younger comes by the sockets.
YOUNGEST_US = 60_000_000
#: A worker takes a job up within some seconds of its time.
OVERDUE_SECONDS = 60.0
_FIELDS = (
    "id",
    "venue",
    "channel",
    "state",
    "progress",
    "rows",
    "reason",
    "from_at",
    "to_at",
    "instruments",
    "requests",
    "lacking",
    "gap_id",
)


def backfill(
    venue: str | None = typer.Argument(None, help="As in farm.toml.", autocompletion=complete.venues),
    channel: str | None = typer.Argument(None, help="A channel, or a poll such as that of the candles.", autocompletion=complete.past),
    since: str | None = typer.Option(None, "--from", help="Date or time, UTC unless it says otherwise: 2026-11-01, 2026-11-01T12:30."),
    until: str | None = typer.Option(None, "--to", help="Likewise; now when left out."),
    instruments: str | None = typer.Option(None, help="Symbols, comma between; those that are recorded when left out."),
    detach: bool = typer.Option(False, "--detach", help="Ask for it and do not wait."),
    listed: bool = typer.Option(False, "--list", help="Show the jobs, those under way first."),
    cancel: int | None = typer.Option(None, help="End the job of this number."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Read the past of a channel, and watch it come.

    Again, or for the first time: only what is missing is asked for. The job is a row that a worker carries out: interrupt this command
    and it goes on, give it again and it shows the same job. Exit status 0 only when all is there.
    """
    _, values = environment.current(environment.home())
    knobs = settings.load(values)
    if listed:
        _list(knobs, as_json=as_json)
    elif cancel is not None:
        _cancel(knobs, cancel, as_json=as_json)
    elif venue is None or channel is None or since is None:
        raise Refused("Say what to read and from when: ./farm backfill VENUE CHANNEL --from DATE, or --list, or --cancel NUMBER.", status=2)
    else:
        job = wish(knobs, venue, channel, since, until, instruments, time.time_ns() // 1000)
        with _interruption() as interrupted:
            number = _asked(knobs, job, any_end=until is None, any_instruments=instruments is None)
            if not detach:
                _watch(knobs, number, interrupted, quiet=as_json)
        _show(_row(knobs, number), as_json=as_json)


def wish(knobs: Settings, venue: str, channel: str, since: str, until: str | None, instruments: str | None, now_us: int) -> Job:
    """What the words mean. Raises Refused with a sentence."""
    if venue not in VENUES:
        raise Refused(f"There is no venue {venue!r}: there are {', '.join(sorted(VENUES))}.", status=2)
    histories = VENUES[venue].histories
    if channel not in histories:
        there = f"{venue} has one of {', '.join(sorted(histories))}" if histories else f"{venue} has none at all"
        raise Refused(f"There is no past of {channel!r} to be read: {there}.", status=2)
    start_us, end_us = moment_of(since, "--from"), now_us if until is None else moment_of(until, "--to")
    end_us = min(end_us, now_us - YOUNGEST_US)
    if start_us >= end_us:
        raise Refused("--from lies behind --to, or in the future.", status=2)
    symbols = [name.strip() for name in (instruments or "").split(",") if name.strip()] or _universe(knobs, venue)
    return Job(venue, channel, list(dict.fromkeys(symbols)), start_us, end_us)


def moment_of(text: str, option: str) -> int:
    """Microseconds since 1970."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{option} {text!r} is no time: write 2026-11-01, or 2026-11-01T12:30.", status=2) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def _universe(knobs: Settings, venue: str) -> list[str]:
    symbols = Board(redisdb.connect(knobs.redis_url, timeout_seconds=5), knobs.key_prefix).universe(venue)
    if not symbols:
        raise Refused(f"What is recorded of {venue} is not known yet: name symbols with --instruments, or wait a minute.")
    return symbols


def _asked(knobs: Settings, job: Job, **left_open: bool) -> int:
    """The number of the job that is after this already, or of a new one."""
    with (
        closing(engine.connect(knobs.database_url, name="tapefarm backfill command")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        number = backfills.standing(cursor, job, **left_open) or backfills.ask(cursor, job)
    assert number is not None, "only gaps may be refused a second job"
    return number


def _row(knobs: Settings, number: int) -> dict[str, Any]:
    found = queries.rows(knobs.database_url, "backfills", id=number, limit=1)
    if not found:
        raise Refused(f"There is no job of number {number}: `./farm backfill --list` shows them.", status=2)
    return found[0]


@contextmanager
def _interruption() -> Iterator[Event]:
    """Set by Ctrl-C, which may strike where an exception would be swallowed."""
    interrupted = Event()
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _watch(knobs: Settings, number: int, interrupted: Event, *, quiet: bool) -> None:
    """Until the job is over. Interrupted, it goes on without us."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as progress:
        shown = progress.add_task(f"job {number}", total=1.0, told="")
        while not interrupted.is_set():
            row = _row(knobs, number)
            progress.update(shown, completed=row["progress"], told=_told(row))
            if not row["alive"]:
                return
            interrupted.wait(LOOK_SECONDS)
    err.print(
        f"Job {number} goes on without this command: give it again to see how far it is; `./farm backfill --cancel {number}` ends it."
    )
    raise typer.Exit(130)


def _told(row: dict[str, Any]) -> str:
    if row["alive"] and row["overdue_seconds"] > OVERDUE_SECONDS:
        return "no worker takes it up: `./farm status` says why"
    waits = f", waits: {row['waits']}" if row["waits"] else ""
    return f"{row['rows']:,} rows in {row['requests']:,} requests{waits}"


def _show(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document(row), ensure_ascii=False))
    else:
        out.print(f"job {row['id']}: {row['state']}, {_told(row)}{'; ' + row['reason'] if row['reason'] else ''}", markup=False)
    raise typer.Exit(0 if row["alive"] or row["state"] == backfills.DONE else 1)


def document(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items() if name != "overdue_seconds"}


def _list(knobs: Settings, *, as_json: bool) -> None:
    rows = queries.rows(knobs.database_url, "backfills", id=None, limit=LISTED)
    if as_json:
        print(json.dumps({"backfills": [document(row) for row in rows]}, ensure_ascii=False))
        return
    told = []
    for row in rows:
        shown = row | {
            "progress": f"{row['progress']:.0%}",
            "from_at": f"{row['from_at']:%Y-%m-%d %H:%M}",
            "to_at": f"{row['to_at']:%Y-%m-%d %H:%M}",
        }
        told.append([shown[name] for name in _FIELDS])
    out.print(Columns([name.replace("_", " ") for name in _FIELDS], told, texts=("channel", "from at", "to at", "reason")))


def _cancel(knobs: Settings, number: int, *, as_json: bool) -> None:
    with (
        closing(engine.connect(knobs.database_url, name="tapefarm backfill command")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        ended = backfills.cancel(cursor, number)
    row = _row(knobs, number)
    if not ended:
        raise Refused(f"Job {number} is over already: it is {row['state']}.")
    if as_json:
        print(json.dumps(document(row), ensure_ascii=False))
    else:
        out.print(f"job {number} is cancelled; what it brought stays", markup=False)
