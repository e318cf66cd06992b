"""`./farm rebuild`: a database made anew of the raw archive, and held against the live one."""

import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import typer
from rich.table import Table

from core import settings
from core.archive import ArchiveError
from core.settings import Settings
from db import engine
from db.archive import archived_until
from db.moments import micros
from ops.cli import environment
from ops.cli.backfill import moment_of
from ops.cli.console import err, out
from ops.cli.errors import Refused
from ops.rebuild import compare, target
from ops.rebuild import run as runs
from ops.rebuild.compare import Line
from ops.rebuild.run import Range
from venues import VENUES

#: Of lines that differ so many are shown one by one.
SHOWN = 40
#: What was received shortly before it was appended, a linger and a busy moment ago.
SLACK = timedelta(seconds=30)


def rebuild(
    into: str = typer.Option(..., help="Name of the database to make, beside the farm's own."),
    since: str | None = typer.Option(None, "--from", help="Date or time, UTC unless it says otherwise; all there is when left out."),
    until: str | None = typer.Option(None, "--to", help="Likewise; now when left out."),
    venue: str = typer.Option("", help="Only these venues, comma between; all when left out."),
    with_live: bool = typer.Option(False, "--compare", help="Hold it against the live database, table by table and hour by hour."),
    again: bool = typer.Option(False, "--again", help="Make it anew though it was finished."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Decode the raw archive into a new database, as the writers do.

    One that was not finished is made anew. With --compare the exit status is 0 only when all is equal.
    """
    venues = [name.strip() for name in venue.split(",") if name.strip()]
    if unknown := [name for name in venues if name not in VENUES]:
        raise Refused(f"There is no venue {unknown[0]!r}: {', '.join(sorted(VENUES))} are known.", status=2)
    wanted = Range(
        0 if since is None else moment_of(since, "--from"),
        int(time.time() * 1e6) if until is None else moment_of(until, "--to"),
        venues or None,
    )
    if wanted.from_us >= wanted.to_us:
        raise Refused("--from has to lie before --to.", status=2)
    _, values = environment.current(environment.home())
    knobs = settings.load(values)
    if with_live:
        wanted = _archived(knobs, wanted)
    done = _made(knobs, into, wanted, again=again)
    lines = _held_against(knobs, into, wanted) if with_live else []
    if as_json:
        print(json.dumps({"database": into, **_plain(done), **({"compare": [_line(line) for line in lines]} if with_live else {})}))
    else:
        out.print(
            f"{into}: {done.rows:,} rows of {done.streams} streams from {done.bytes / 2**20:,.1f} MiB of archive in {done.seconds:.1f} s",
            highlight=False,
        )
        if with_live:
            _show(lines)
    raise typer.Exit(1 if with_live and not (lines and all(line.equal for line in lines)) else 0)


def _archived(knobs: Settings, wanted: Range) -> Range:
    """As far as the archive is, where the live database is further. Raises Refused."""
    with closing(engine.connect(knobs.reading_url, name="tapefarm rebuild")) as connection, connection.cursor() as cursor:
        until = archived_until(cursor)
    if until is None:
        raise Refused("Not every stream has been archived yet, so there is nothing to compare: wait a minute, or leave out --compare.")
    to_us = min(wanted.to_us, micros(until - SLACK) or 0)
    if to_us <= wanted.from_us:
        raise Refused(f"The archive is at {until:%Y-%m-%d %H:%M:%S} UTC: --from has to lie a minute before.", status=2)
    return replace(wanted, to_us=to_us)


def _made(knobs: Settings, into: str, wanted: Range, *, again: bool) -> runs.Rebuilt:
    with err.status("making the database") as status:
        url = target.make(knobs.migration_url, into, again=again)
        try:
            done = runs.rebuild(knobs, url, wanted, status.update)
        except ArchiveError as exc:
            raise Refused(f"The archive cannot be read: {exc}.") from exc
        target.finish(knobs.migration_url, into)
    return done


def _held_against(knobs: Settings, into: str, wanted: Range) -> list[Line]:
    url = target.url_of(knobs.migration_url, into)
    with err.status("comparing"):
        whole = wanted.venues is None and compare.have_read_as_far(knobs.reading_url, url)
        return compare.compare(knobs.reading_url, url, wanted, whole=whole)


def _plain(done: runs.Rebuilt) -> dict[str, Any]:
    return {
        "rows": done.rows,
        "streams": done.streams,
        "bytes": done.bytes,
        "quarantined": done.quarantined,
        "seconds": round(done.seconds, 1),
    }


def _line(line: Line) -> dict[str, Any]:
    hour = None if line.hour is None else line.hour.isoformat()
    return {"table": line.table, "hour": hour, "live": line.live, "rebuilt": line.rebuilt, "equal": line.equal}


def _show(lines: Sequence[Line]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column, side in (("table", "left"), ("hours", "right"), ("rows", "right"), ("equal", "right")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for name in dict.fromkeys(line.table for line in lines):
        mine = [line for line in lines if line.table == name]
        table.add_row(name, str(len(mine)), f"{sum((line.live or (0,))[0] for line in mine):,}", str(sum(line.equal for line in mine)))
    out.print(table)
    if later := [name for name, how in compare.TABLES.items() if how.whole and name not in {line.table for line in lines}]:
        out.print(f"[dim]only comparable where the live database has read no further: {', '.join(later)}[/]", highlight=False)
    different = [line for line in lines if not line.equal]
    for line in different[:SHOWN]:
        hour = "" if line.hour is None else f"{line.hour:%Y-%m-%d %H:%M}"
        out.print(f"  {line.table} {hour}: live {_words(line.live)}, rebuilt {_words(line.rebuilt)}", style="red", highlight=False)
    if len(different) > SHOWN:
        out.print(f"  and {len(different) - SHOWN} more", style="red")
    if not lines:
        out.print("[bold red]there is nothing to compare[/]")
        return
    out.print("[bold green]equal[/]" if not different else f"[bold red]{len(different)} differ[/]")


def _words(told: tuple[int, str] | None) -> str:
    return "nothing" if told is None else f"{told[0]:,} rows {told[1][:12]}"
