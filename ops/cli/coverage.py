"""`./farm coverage`: what the farm can prove."""

import json
from dataclasses import asdict, fields

import typer
from rich.table import Table

from core.capability import Capability, of
from ops.cli.console import out
from ops.cli.errors import Refused
from venues import VENUES


def coverage(
    matrix: bool = typer.Option(False, "--matrix", help="Per venue and channel: how a loss shows, and whether it can be filled."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Say what can be proven of each channel, and what can be filled."""
    if not matrix:
        raise Refused("Say what to show: ./farm coverage --matrix.", status=2)
    found = of(VENUES.values())
    if as_json:
        print(json.dumps({"matrix": [asdict(one) for one in found]}))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for field in fields(Capability):
        table.add_column(field.name)
    for one in found:
        table.add_row(*(value.replace("`", "") for value in asdict(one).values()))
    out.print(table)
