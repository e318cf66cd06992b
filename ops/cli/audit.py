"""`./farm audit verify`: is every decision of the paper engine there, in order, and as it was written, and does its money add up?"""

import json
from collections.abc import Mapping
from contextlib import closing
from enum import StrEnum
from typing import Annotated

import typer

from core import settings
from db import engine
from db.paper import store
from ops.cli import environment
from ops.cli.console import out
from paper.audit import Verdict


class What(StrEnum):
    VERIFY = "verify"


def audit(
    what: Annotated[
        What, typer.Argument(help="verify: walk the chain of decisions from the first to the last, and add up fills and settlements.")
    ],
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Say whether every decision on paper is there as it was written.

    And whether each pair has won what its fills and settlements come to. Ends with 1 when not.
    """
    _, values = environment.current(environment.home())
    with closing(engine.connect(settings.load(values).reading_url, name="tapefarm audit")) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)  # the engine goes on writing
        with connection, connection.cursor() as cursor:
            found, pairs = store.audit(cursor), store.profit(cursor)
    wrong = {
        row["pair_id"]: f"{row['realised']} by its fills, {row['told']} by the engine" for row in pairs if row["realised"] != row["told"]
    }
    if as_json:
        chain = {"rows": found.rows, "hash": found.hash.hex(), "broken": found.broken}
        print(json.dumps({"holds": found.broken is None and not wrong, "chain": chain, "pairs": len(pairs), "wrong": wrong}))
    else:
        _say(found, len(pairs), wrong)
    if found.broken is not None or wrong:
        raise typer.Exit(1)


def _say(found: Verdict, pairs: int, wrong: Mapping[int, str]) -> None:
    if found.broken is None:
        out.print(f"{found.rows} decisions, each as it was written; the last has the hash {found.hash.hex()}", markup=False)
    else:
        out.print(f"the chain is broken: {found.broken}", f"{found.rows} decisions before hold", sep="\n", style="red", markup=False)
    for number, words in wrong.items():
        out.print(f"pair {number} has won {words}", style="red", markup=False)
    if not wrong:
        out.print(f"{pairs} pairs have won what their fills and settlements come to", markup=False)
