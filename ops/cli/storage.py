"""`./farm storage`: how much room market data takes, in which form it lies there, what is held back, and when the disk is full."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from rich.text import Text

from core import settings
from ops.cli import environment
from ops.cli.columns import Columns
from ops.cli.console import out
from ops.report.storage import report

Row = Mapping[str, Any]


def storage(as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout.")) -> None:
    """Say how much room tables take, and when the disk is full.

    Of each table compressed and not, and what should be dropped and is held back by which guard.
    """
    _, values = environment.current(environment.home())
    knobs = settings.load(values)
    found = report(knobs.reading_url, knobs.kept)
    if as_json:
        print(json.dumps(found, default=_plain, ensure_ascii=False))
    else:
        out.print(*render(found), sep="\n")


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    assert isinstance(value, datetime)
    return value.astimezone(UTC).isoformat()


# --- for the eye ----------------------------------------------------------------------------------------------------------
def render(found: Row) -> Iterator[Columns | Text]:
    there = sorted((one for one in found["tables"] if one["chunks"]), key=lambda one: -one["bytes"])
    yield _tables(there)
    if empty := [one["table"] for one in found["tables"] if not one["chunks"]]:
        yield Text(f"nothing yet in {', '.join(empty)}", style="dim")
    if found["note"]:
        yield Text(found["note"], style="yellow")
    if found["pending"]:
        yield Text(f"farm.toml says otherwise, which a running farm applies within a minute: {', '.join(found['pending'])}", style="yellow")
    for held in found["held"]:
        yield _held(held)
    for disk in found["disks"] or [None]:
        yield _forecast(disk)


def _tables(tables: Sequence[Row]) -> Columns:
    names = (
        "table",
        "rows",
        "size",
        "a day",
        "chunks",
        "compress",
        "drop",
        "oldest",
        "newest",
        "raw",
        "B/row",
        "compressed",
        "B/row",
        "ratio",
    )
    return Columns(names, map(_cells, tables), texts=("table",))


def _cells(one: Row) -> list[str]:
    oldest, newest = (f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if at else "–" for at in (one["oldest"], one["newest"]))
    return [
        one["table"],
        f"{one['rows']:,}" if one["rows"] else "–",
        size(one["bytes"]),
        size(one["bytes_per_day"]),
        f"{one['compressed_chunks']}/{one['chunks']}",
        *(length(one[name]) for name in ("compress_after", "drop_after")),
        oldest,
        newest,
        size(one["raw_bytes"]),
        _number(one["raw_bytes_per_row"]),
        size(one["compressed_bytes"]),
        _number(one["compressed_bytes_per_row"]),
        _number(one["ratio"]),
    ]


def _held(held: Row) -> Text:
    what = f"{held['table_name']}: chunks that have had their time: {held['chunks']}, the first of {held['since'].astimezone(UTC):%Y-%m-%d %H:%M}"
    if held["guard"] is None:
        return Text(f"{what}; the next run drops them", style="dim")
    if held["checked_at"] is None:
        return Text(f"{what}; the guard '{held['guard']}' has not been asked yet", style="dim")
    until = "nothing" if held["safe_until"] is None else f"only what is before {held['safe_until'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return Text(f"{what}; held back, as {until} is {held['guard']}", style="yellow")


def _forecast(disk: Row | None) -> Text:
    if disk is None:
        return Text("how full disks are is not known yet: a running farm measures it every ten minutes", style="dim")
    start = f"disk {disk['path']}: {size(disk['bytes'])} in use, {size(disk['free_bytes'])} free"
    if disk["bytes_per_day"] is None:
        return Text(f"{start}; when it is full is known after an hour of growth, {disk['seen'].total_seconds() / 60:.0f} minutes were seen")
    pace = f"{size(abs(disk['bytes_per_day']))} a day {'more' if disk['bytes_per_day'] > 0 else 'less'} in the last {length(disk['seen'])}"
    if disk["full_at"] is None:
        return Text(f"{start}, {pace}: it does not fill up within ten years")
    days = (disk["full_at"] - disk["measured_at"]) / timedelta(days=1)
    return Text(
        f"{start}, {pace}: full in {days:,.1f} days, on {disk['full_at'].astimezone(UTC):%Y-%m-%d}", style="red" if days < 7 else ""
    )


def size(number: int | None) -> str:
    if number is None:
        return "–"
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} TB"


def length(time: timedelta | None) -> str:
    if time is None:
        return "never"
    return f"{time / timedelta(days=1):g} d" if time >= timedelta(days=1) else f"{time / timedelta(hours=1):.3g} h"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
