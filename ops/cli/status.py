"""`./farm status`: how the farm is, from its programs, the journal, the board and the database."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from core import settings
from ops.alerting import memory
from ops.alerting.notices import moment
from ops.cli import environment
from ops.cli.backup import newest
from ops.cli.columns import Columns
from ops.cli.console import out
from ops.cli.errors import Refused
from ops.report import status as judged

WATCH_SECONDS = 2.0


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


def report(home: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The document of `--json`. Never raises for what is down: that is a reason."""
    try:
        _, values = environment.current(home, environ)
        return judged.report(home, settings.load(values))
    except Refused as exc:
        return judged.report(home, None, str(exc))


def _watch(home: Path) -> None:
    try:
        with Live(render(report(home), firing(home)), console=out, screen=False, auto_refresh=False) as live:
            while True:
                time.sleep(WATCH_SECONDS)
                live.update(render(report(home), firing(home)), refresh=True)
    except KeyboardInterrupt:
        return
    finally:
        out.show_cursor(True)  # an interruption may strike before rich would do it


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
    if found["backups"]:
        parts.append(Text(newest(found["backups"], time.time()), style="dim"))
    return Group(*parts)


def _flat(stream: dict[str, Any]) -> dict[str, Any]:
    return {**stream, "p50 ms": stream["lag_ms"]["p50"], "p99 ms": stream["lag_ms"]["p99"]}


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Columns:
    names = [column.replace("_", " ") for column in columns]
    return Columns(names, [[row[column] for column in columns] for row in rows], texts=("name", "channel"))
