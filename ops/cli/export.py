"""`./farm export`: closed days into Parquet files, now and not at the next ring of the schedule."""

import json
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core import settings
from db.datasets import DATASETS
from db.parquet import wanted
from db.parquet.wanted import Days, Wanted
from ops.cli import complete, environment
from ops.cli.console import err, out
from ops.cli.errors import Refused
from venues import VENUES

if TYPE_CHECKING:
    from db.parquet.turn import Step


def export(
    since: str | None = typer.Option(None, "--from", help="First day, in UTC: 2026-11-01; all that were recorded when left out."),
    until: str | None = typer.Option(None, "--to", help="Last day, included; yesterday when left out."),
    kind: str | None = typer.Option(
        None, "--kind", help="A table of market data, or bars_1s, bars_1m, bars_1h; all when left out.", autocompletion=complete.tables
    ),
    venue: str | None = typer.Option(None, "--venue", help="As in farm.toml; all when left out.", autocompletion=complete.venues),
    again: bool = typer.Option(False, "--again", help="Make days anew that are there and have not changed."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Write closed days into Parquet files, where they have changed.

    The farm does so by itself every ten minutes. Files lie in data/parquet/KIND/venue=VENUE/date=DAY in the farm's folder (or in
    FARM_DATA), with the day's coverage beside them. Exit status 0 only when all that was asked for is there.
    """
    _, values = environment.current(environment.home())
    knobs = settings.load(values)
    chosen = asked(kind, venue)
    first, last = day_of(since, "--from", date.min), day_of(until, "--to", _today() - timedelta(days=1))
    if last >= _today():
        raise Refused("--to is not over yet: the last day that can be exported is yesterday, in UTC.", status=2)
    if first > last:
        raise Refused("--from lies behind --to.", status=2)
    recorded = wanted.closed(knobs.database_url, first, last + timedelta(days=1))
    made = _run(knobs, recorded, chosen, again=again, quiet=as_json)
    failed = sum(step.outcome is None for step in made)
    if as_json:
        print(json.dumps({"days": [_told(step) for step in made], "failed": failed}))
    elif not made:
        out.print("All that was asked for is there.")
    if failed:
        raise Refused(f"{failed} of the days could not be exported: what is told of each says why.")


class Chosen:
    def __init__(self, kind: str | None, venue: str | None) -> None:
        self._kind, self._venue = kind, venue

    def __call__(self, one: Wanted) -> bool:
        return self._kind in (None, one.dataset) and self._venue in (None, one.venue)


def asked(kind: str | None, venue: str | None) -> Chosen:
    """Raises Refused."""
    if kind is not None and kind not in DATASETS:
        raise Refused(f"There is no table {kind!r}: {', '.join(DATASETS)} are known.", status=2)
    if venue is not None and venue not in VENUES:
        raise Refused(f"There is no venue {venue!r}: {', '.join(sorted(VENUES))} are known.", status=2)
    return Chosen(kind, venue)


def day_of(text: str | None, option: str, default: date) -> date:
    """Raises Refused."""
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{option} {text!r} is no day: write 2026-11-01.", status=2) from None


def _today() -> date:
    return datetime.fromtimestamp(time.time(), UTC).date()


def _run(knobs: settings.Settings, recorded: Days, chosen: Chosen, *, again: bool, quiet: bool) -> "list[Step]":
    # Imported here: the libraries take half a second, and other commands need none of them.
    from db import arrow
    from db.parquet import turn

    folder, made = knobs.data / "parquet", []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    try:
        with turn.alone(folder), Progress(*columns, console=err, transient=True) as bar:
            task = bar.add_task("looking")

            def progress(one: Wanted, rows: int) -> None:
                bar.update(task, description=f"{one.dataset} of {one.venue}, {one.day}: {rows:,} rows")

            for step in turn.go(knobs.database_url, folder, recorded, chosen=chosen, progress=progress, again=again):
                made.append(step)
                if not quiet:
                    out.print(_line(step), markup=False)
    except turn.Busy:
        raise Refused("The farm is exporting at this moment: look again in some minutes.") from None
    except arrow.FAILED as exc:
        raise Refused(f"PostgreSQL does not answer as it should ({str(exc).splitlines()[0]}): `./farm status` says what runs.") from None
    return made


def _line(step: "Step") -> str:
    made = step.outcome
    what = step.failure if made is None else f"{made.what}, {made.rows:,} rows, {made.bytes:,} bytes"
    return f"{step.one.day} {step.one.venue} {step.one.dataset}: {what}"


def _told(step: "Step") -> dict[str, Any]:
    made = step.outcome
    told = {"day": str(step.one.day), "venue": step.one.venue, "table": step.one.dataset}
    return told | ({"failure": step.failure} if made is None else {"outcome": made.what, "rows": made.rows, "bytes": made.bytes})
