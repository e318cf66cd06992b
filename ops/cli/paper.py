"""`./farm paper`: how trading on paper stands, the switch that halts it, what it came to, and what it would have come to."""

import getpass
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import typer

from core import redisdb, settings
from core.board import Board
from core.settings import Settings
from db import engine, queries
from db.moments import micros, moment
from db.paper import report as reports
from db.paper import said
from ops.cli import environment
from ops.cli.backfill import moment_of
from ops.cli.columns import Columns
from ops.cli.console import err, out
from ops.cli.errors import Refused
from ops.paper import recorded
from ops.paper.replay import Replay, paired, reported
from paper.report import plain, render
from tasks import pairs
from venues import VENUES

paper = typer.Typer(add_completion=False, no_args_is_help=True, help="Trading on paper: nothing here can reach a venue.")

#: An engine that runs looks for what is asked once a second.
TAKEN_SECONDS = 5.0
_FIRST_US = 0
_SCOPE = typer.Argument(None, metavar="[all | venue NAME | pair NUMBER]", help="What is meant; all when left out.")
_FROM = typer.Option(None, "--from", help="Date or time, UTC unless it says otherwise: 2026-11-01, 2026-11-01T12:30.")
_TO = typer.Option(None, "--to", help="Likewise; now when left out.")
_JSON = typer.Option(False, "--json", help="One JSON document on stdout.")


@paper.command()
def status(as_json: bool = _JSON) -> None:
    """How the engine stands: cash, what is bound, what is halted.

    Exit status 1 while something is halted.
    """
    knobs = _knobs()
    scopes = queries.rows(knobs.database_url, "paper_status")
    counts = queries.rows(knobs.database_url, "paper_counts")[0]
    profit = queries.rows(knobs.database_url, "paper_profit")
    found = {"running": _running(knobs), **counts, "scopes": scopes, "pairs_profit": profit}
    halted = [f"{row['scope']}: {', '.join(row['halted'])}" for row in scopes if row["halted"]]
    if as_json:
        print(json.dumps(plain(found), ensure_ascii=False))
    else:
        out.print(_head(found), markup=False)
        for words in halted:
            out.print(f"halted: {words}", markup=False, style="red")
        if scopes:
            out.print(_table(scopes))
    raise typer.Exit(1 if halted else 0)


def _head(found: dict[str, Any]) -> str:
    runs = "the engine runs" if found["running"] else "the engine rests" if not found["pairs"] else "the engine does not run"
    return (
        f"{runs}: {found['pairs']} confirmed pairs, {found['positions']} positions, {found['orders_under_way']} orders under way; "
        f"in 24 hours {found['opportunities_day']} opportunities, {found['taken_day']} taken"
    )


def _table(scopes: list[dict[str, Any]]) -> Columns:
    names = [name for name in scopes[0] if name not in ("halted", "halted_at")]
    return Columns([name.replace("_", " ") for name in names], [[plain(row[name]) for name in names] for row in scopes], texts=("scope",))


@paper.command()
def halt(
    scope: list[str] = _SCOPE, reason: str = typer.Option("by hand", help="Why, for whoever reads it later."), as_json: bool = _JSON
) -> None:
    """Take nothing new from now on, until `./farm paper resume`.

    Positions are kept, and settled when they end.
    """
    _ask(said.HALT, scope, reason, as_json=as_json)


@paper.command()
def resume(scope: list[str] = _SCOPE, as_json: bool = _JSON) -> None:
    """Lift every halt of the scope, whoever or whatever caused it."""
    _ask(said.RESUME, scope, "by hand", as_json=as_json)


def _ask(what: str, words: list[str] | None, reason: str, *, as_json: bool) -> None:
    knobs, scope = _knobs(), scope_of(words or ["all"])
    with _cursor(knobs) as cursor:
        number = said.ask(cursor, what, scope, reason, getpass.getuser())
    deadline = time.monotonic() + TAKEN_SECONDS
    running = _running(knobs)
    while not (taken := bool(queries.rows(knobs.database_url, "paper_ask", number=number)[0]["taken"])):
        if not running or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if as_json:
        print(json.dumps({"ask": number, "what": what, "scope": scope, "taken": taken}))
    else:
        out.print(
            f"{what} {scope}: " + ("in force" if taken else "kept; the engine does it before anything else, once it runs"), markup=False
        )


def scope_of(words: list[str]) -> str:
    """As the engine names it. Raises Refused."""
    match words:
        case ["all"]:
            return "all"
        case ["venue", name] if name in VENUES:
            return f"venue {name}"
        case ["pair", number] if number.isascii() and number.isdigit():
            return f"pair {int(number)}"
    raise Refused(f"{' '.join(words)!r} is no scope: say all, venue NAME ({', '.join(sorted(VENUES))}) or pair NUMBER.", status=2)


@paper.command()
def report(since: str | None = _FROM, until: str | None = _TO, as_json: bool = _JSON) -> None:
    """What it came to.

    Return on capital-days and capacity first, then edges, lives, flagged pairs, costs, pairs and days.
    """
    knobs = _knobs()
    begin, end = _span(since, until)
    with _cursor(knobs) as cursor:
        found = reports.report(cursor, begin, end, datetime.now(UTC))
    print(json.dumps(plain(found), ensure_ascii=False) if as_json else render(found), end="\n" if as_json else "")


@paper.command(name="replay")
def replay_command(
    since: str = typer.Option(..., "--from", help="Date or time, UTC unless it says otherwise: 2026-11-01, 2026-11-01T12:30."),
    until: str | None = _TO,
    seed: str | None = typer.Option(None, help="Latencies are drawn by it; that of farm.toml when left out."),
    as_json: bool = _JSON,
) -> None:
    """Run the engine over recorded books, in memory.

    With the pairs that are confirmed now; the same books and seed give the same bytes.
    """
    knobs = _knobs()
    begin, end = _span(since, until)
    rules = knobs.paper if seed is None else replace(knobs.paper, seed=seed)
    ask = paired(knobs.database_url, partial(pairs.ever_confirmed, rounding=rules.rounding))
    since_us, until_us = micros(begin) or 0, micros(end) or 0
    if not (known := ask(since_us)):
        raise Refused("No pair is confirmed: `./farm match list` shows what might be one.")
    found = Replay(rules, ask).run(recorded.events(knobs.database_url, known, since_us, until_us), since_us, until_us)
    told = reported(knobs.database_url, found, begin, end)
    if as_json:
        print(json.dumps({"books": found.books, "sha256": found.sha256, "report": plain(told)}, ensure_ascii=False))
        return
    print(render(told), end="")
    print(f"\n{found.books} books of {len(known)} pairs, seed {rules.seed}, sha256 {found.sha256}")
    if not found.books:
        err.print("Nothing was recorded of these pairs in that time.")


def _knobs() -> Settings:
    _, values = environment.current(environment.home())
    return settings.load(values)


def _running(knobs: Settings) -> bool:
    return bool(Board(redisdb.connect(knobs.redis_url, timeout_seconds=3), knobs.key_prefix).vitals("paper"))


def _span(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    now_us = time.time_ns() // 1000
    begin_us = _FIRST_US if since is None else moment_of(since, "--from")
    end_us = now_us if until is None else moment_of(until, "--to")
    if begin_us >= end_us:
        raise Refused("--from lies behind --to, or in the future.", status=2)
    begin, end = moment(begin_us), moment(end_us)
    assert begin is not None and end is not None
    return begin, end


@contextmanager
def _cursor(knobs: Settings) -> Iterator[Any]:
    with (
        closing(engine.connect(knobs.database_url, name="tapefarm paper command")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        yield cursor
