"""`./farm status`: how the farm is, from its programs, the journal, the board and the database."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from core import redisdb, settings
from core.board import Board
from core.journal import Journal
from core.settings import Settings
from db import queries
from ops.alerting import memory
from ops.alerting.notices import moment
from ops.cli import environment
from ops.cli.alert import troubles
from ops.cli.console import cell, out
from ops.cli.errors import AWAY, Refused, sentence
from ops.cli.programs import FIRST_REPLICA, WATCHER_NAME, stands_in
from ops.local.errors import LocalError
from ops.local.supervision import ProgramState, states
from tasks.survey import survey

WATCH_SECONDS = 2.0
REDIS_SECONDS = 3.0
STREAM_FIELDS = ("venue", "channel", "shard", "instruments", "rows_per_s", "last_data_age_s", "backlog_entries", "lag_ms")


def status(
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    watch: bool = typer.Option(False, "--watch", help="Look again every two seconds until interrupted."),
) -> None:
    """How the farm is; exit status 0 only when it is healthy."""
    home = environment.home()
    if watch and not as_json:
        _watch(home)
        return
    while True:
        found = report(home)
        if as_json:
            print(json.dumps(found, ensure_ascii=False), flush=True)
        else:
            out.print(render(found, firing(home)))
        if not watch:
            raise typer.Exit(0 if found["healthy"] else 1)
        time.sleep(WATCH_SECONDS)


def report(home: Path) -> dict[str, Any]:
    """The document of `--json`. Never raises for what is down: that is a reason."""
    components, reasons, notices = _components(home)
    found: dict[str, Any] = {"streams": [], "gaps_open": 0, "quarantined": 0}
    try:
        _, values = environment.current(home)
        surveyed, blind = _surveyed(settings.load(values))
    except Refused as exc:
        surveyed, blind = {}, [str(exc)] if not reasons else []
    reasons += [*blind, *surveyed.get("reasons", []), *_unheard(home)]
    notices += surveyed.get("notices", [])
    if surveyed:
        # Who runs no replicas need not know of them.
        named = ("replica",) if any(stream["replica"] != FIRST_REPLICA for stream in surveyed["streams"]) else ()
        found["streams"] = [
            {name: stream[name] for name in (*STREAM_FIELDS[:3], *named, *STREAM_FIELDS[3:])} for stream in surveyed["streams"]
        ]
        found["gaps_open"], found["quarantined"] = surveyed["gaps_open"], surveyed["quarantined"]
    return {"healthy": not reasons, "reasons": reasons + notices, "components": components, **found}


def _components(home: Path) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """(rows, reasons, notices): a streamer is down for good only when all its replicas are."""
    try:
        known = states(home)
    except LocalError as exc:
        return [], [str(exc)], []
    running = {program.name for program in known if program.state == "running"}
    down = [(_word(program), stands_in(program.name, running)) for program in known if program.name not in running]
    reasons = [word for word, other in down if not other]
    if not known:
        reasons = ["The farm is not running: `./farm up` starts it."]
    rows = [{"name": p.name, "state": p.state, "pid": p.pid, "restarts": p.restarts} for p in known]
    return rows, reasons, [f"{word}; meanwhile {other} records the same" for word, other in down if other]


def _unheard(home: Path) -> list[str]:
    """Why nobody would be told of what is wrong. A watcher that has just been started has yet to look."""
    try:
        started = next((program.since for program in states(home) if program.name == WATCHER_NAME), None)
    except LocalError:
        return []
    known = memory.load(home)
    if started is None or known is None:
        return []
    known.looked_at = max(known.looked_at, started)
    return troubles(known, time.time())


def _word(program: ProgramState) -> str:
    problem = f" ({program.problem})" if program.problem else ""
    return f"{program.name} is {program.state}{problem}: `./farm logs {program.name}` shows what it says"


def _surveyed(knobs: Settings) -> tuple[dict[str, Any], list[str]]:
    """(survey, reasons why there is none): without its three witnesses there is no survey, so each is asked by itself."""
    redis = redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)
    try:
        return survey(knobs, Board(redis, knobs.key_prefix), Journal(redis, knobs.key_prefix)), []
    except AWAY as exc:
        reasons = []
        for ask in (redis.ping, lambda: queries.rows(knobs.database_url, "stream_offsets")):
            try:
                ask()
            except AWAY as cause:
                reasons.append(_told(cause))
        return {}, reasons or [_told(exc)]


def _told(exc: Exception) -> str:
    known = sentence(exc)
    return known[0].replace(": `./farm status` says what runs.", "") if known else f"{type(exc).__name__}: {exc}"


def _watch(home: Path) -> None:
    try:
        with Live(render(report(home), firing(home)), console=out, screen=False, auto_refresh=False) as live:
            while True:
                time.sleep(WATCH_SECONDS)
                live.update(render(report(home), firing(home)), refresh=True)
    except KeyboardInterrupt:
        return


def firing(home: Path) -> list[str]:
    """What the watcher calls for help about now."""
    known = memory.load(home)
    return [f"alert: {one.rule} {one.subject}, since {moment(one.since)}" for one in known.firing] if known else []


def render(found: dict[str, Any], alerts: Sequence[str] = ()) -> RenderableType:
    head = Text("healthy", style="bold green") if found["healthy"] else Text("not healthy", style="bold red")
    style = "yellow" if found["healthy"] else "red"
    parts: list[RenderableType] = [head, *(Text(f"  {reason}", style=style) for reason in found["reasons"])]
    parts += [Text(f"  {words}", style="yellow") for words in alerts]
    if found["components"]:
        parts.append(_table(found["components"], ("name", "state", "pid", "restarts")))
    if found["streams"]:
        columns = [name for name in found["streams"][0] if name != "lag_ms"]
        parts.append(_table([_flat(stream) for stream in found["streams"]], (*columns, "p50 ms", "p99 ms")))
    parts.append(Text(f"gaps open: {found['gaps_open']}   quarantined: {found['quarantined']}", style="dim"))
    return Group(*parts)


def _flat(stream: dict[str, Any]) -> dict[str, Any]:
    return {**stream, "p50 ms": stream["lag_ms"]["p50"], "p99 ms": stream["lag_ms"]["p99"]}


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        numeric = isinstance(rows[0][column], int | float)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(cell(row[column]) for column in columns))
    return table
