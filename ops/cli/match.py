"""`./farm match`: pairs of markets that are perhaps one question. The machine proposes, a person decides."""

import getpass
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg2.extensions import cursor as Cursor

from core import settings
from core.settings import Settings
from db import engine, queries
from db.paper import matches, proposing, watching
from db.paper.matches import Decision, MatchError
from ops.cli import complete, environment, match_files, match_shown
from ops.cli.console import err, out
from ops.cli.errors import Refused
from paper import sums
from venues import VENUES

app = typer.Typer(
    no_args_is_help=True,
    help="Say which markets of two venues are one question.\n\nOnly what a person has confirmed is traded.",
)

#: More than are ever looked at, or exported, at once.
MOST = 100_000
Pair = Annotated[int, typer.Argument(help="Its number, as `./farm match list` shows it.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; the account's name when left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command(name="list")
def listed(
    state: str | None = typer.Option(None, "--state", help="proposed, confirmed, rejected or suspended; all when left out."),
    limit: int = typer.Option(50, "-n", "--limit", min=1, max=MOST, help="So many at most."),
    over: bool = typer.Option(False, "--over", help="Those too of which both markets are resolved."),
    as_json: AsJson = False,
) -> None:
    """List pairs: what waits for a decision first, the best score first."""
    if state is not None and state not in matches.STATES:
        raise Refused(f"There is no state {state!r}: there are {', '.join(matches.STATES)}.", status=2)
    rows = queries.rows(_knobs().reading_url, "contract_matches", pair_id=None, state=state, over=over, limit=limit)
    if as_json:
        print(json.dumps({"pairs": [match_shown.document(row, texts=False) for row in rows]}, ensure_ascii=False))
    else:
        out.print(
            match_shown.table(rows) if rows else "There is no such pair: the farm looks for some every hour, `./farm match propose` now."
        )


@app.command()
def show(pair: Pair, as_json: AsJson = False) -> None:
    """Show both texts of rules side by side.

    With what speaks for and against the pair, and what was decided of it.
    """
    url = _knobs().reading_url
    row = _row(url, pair)
    history = queries.rows(url, "contract_match_history", pair_id=pair)
    total = _sum(url, pair)
    if as_json:
        more = {"sum": total, "history": match_shown.plain(history)}
        print(json.dumps(match_shown.document(row, texts=True) | more, ensure_ascii=False))
    else:
        out.print(*match_shown.render(row, history, total), sep="\n")


@app.command()
def confirm(
    pair: Pair,
    yes_a: str | None = typer.Option(
        None, "--yes-a", help="Outcome of market a that is YES, by name or symbol; as proposed when left out."
    ),
    yes_b: str | None = typer.Option(None, "--yes-b", help="Likewise of market b."),
    tail: list[str] = typer.Option([], "--tail", help="A state 'a/b' that breaks a lock and may come: void/yes, yes/no, ... Repeat it."),  # noqa: B008  # typer's way
    note: str = typer.Option("", "--note", help="What goes differently: sources, early close, voids, Other."),
    rules: str | None = typer.Option(None, "--rules", help="The mark that `show` gave to the texts: refuse if they have changed since."),
    by: By = None,
) -> None:
    """Confirm that both markets ask one question.

    By the rules as they are now: a changed text suspends the pair.
    """
    mark = None if rules is None else match_shown.read_mark(rules)
    decision = Decision(_name(by), yes_a, yes_b, tail, note, mark, note)
    _decided(pair, lambda cursor: matches.confirm(cursor, pair, decision))


@app.command()
def reject(pair: Pair, reason: str = typer.Option("", "--reason", help="Why."), by: By = None) -> None:
    """Say that they are two questions; they are not proposed again."""
    _decided(pair, lambda cursor: matches.reject(cursor, pair, _name(by), reason))


@app.command()
def suspend(pair: Pair, reason: str = typer.Option("", "--reason", help="Why."), by: By = None) -> None:
    """Take a confirmed pair out of trading until it is confirmed again."""
    _decided(pair, lambda cursor: matches.suspend(cursor, pair, _name(by), reason))


@app.command(name="import")
def imported(
    file: Annotated[Path, typer.Argument(help="YAML, as `./farm match export` writes it.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Confirm the pairs of a file.

    Where both markets are known here with the very rules that were confirmed. Exit status 0 only when all were.
    """
    entries = match_files.read(file)
    results = []
    with closing(engine.connect(_knobs().database_url, name="tapefarm match command")) as connection:
        for entry in entries:
            with connection, connection.cursor() as cursor:
                results.append((entry, *match_files.take_over(cursor, entry, _name(by))))
    refused = sum(what == match_files.REFUSED for _, what, _ in results)
    if as_json:
        print(json.dumps({"pairs": [{"pair": str(entry), "result": what, "why": why} for entry, what, why in results]}, ensure_ascii=False))
    else:
        for entry, what, why in results:
            out.print(f"{entry}: {what}{f', {why}' if why else ''}", style="red" if what == match_files.REFUSED else "", markup=False)
    raise typer.Exit(1 if refused else 0)


@app.command()
def export(file: Annotated[Path | None, typer.Argument(help="Where to; to stdout when left out.")] = None) -> None:
    """Write the confirmed pairs as YAML."""
    rows = queries.rows(_knobs().reading_url, "contract_matches", pair_id=None, state=matches.CONFIRMED, over=False, limit=MOST)
    text = match_files.written(rows)
    if file is None:
        print(text, end="")
    else:
        file.write_text(text, encoding="utf-8")
        out.print(f"{len(rows)} confirmed pairs are in {file}", markup=False)


@app.command()
def propose(
    a: str = typer.Argument(help="A venue.", autocompletion=complete.venues),
    b: str = typer.Argument(help="Another one.", autocompletion=complete.venues),
) -> None:
    """Look for pairs now and not at the next hour."""
    sides = []
    for name in (a, b):
        question = VENUES[name].question if name in VENUES else None
        if question is None:
            known = ", ".join(sorted(one.name for one in VENUES.values() if one.question))
            raise Refused(f"{name!r} has no markets that another venue could have too: {known} have.", status=2)
        sides.append((name, question))
    if a == b:
        raise Refused("Two venues are needed.", status=2)
    with closing(engine.connect(_knobs().database_url, name="tapefarm match command")) as connection:
        out.print(json.dumps(proposing.propose(connection, *sides)), markup=False)


# --- the farm's database --------------------------------------------------------------------------------------------------
def _knobs() -> Settings:
    _, values = environment.current(environment.home())
    return settings.load(values)


def _name(by: str | None) -> str:
    """Raises Refused."""
    try:
        name = (by or getpass.getuser()).strip()
    except (KeyError, OSError):  # an account without a name, as in a container
        name = ""
    if not name or name == matches.FARM:
        raise Refused(f"--by is to be a person's name, and {matches.FARM!r} is what the farm itself signs with.", status=2)
    return name


def _row(url: str, pair: int) -> dict[str, Any]:
    rows = queries.rows(url, "contract_matches", pair_id=pair, state=None, over=True, limit=1)
    if not rows:
        raise Refused(f"There is no pair {pair}: `./farm match list` shows them.", status=2)
    return rows[0]


def _sum(url: str, pair: int) -> float | None:
    with closing(engine.connect(url, name="tapefarm match command")) as connection, connection, connection.cursor() as cursor:
        return watching.sum_now(cursor, pair)


def _decided(pair: int, decide: Callable[[Cursor], None]) -> None:
    knobs = _knobs()
    with _deciding(knobs) as cursor:
        decide(cursor)
    row, total = _row(knobs.database_url, pair), _sum(knobs.database_url, pair)
    out.print(match_shown.sentence(row), markup=False)
    if row["state"] == matches.CONFIRMED and total is not None and abs(total - 1) > sums.TOLERANCE:
        err.print(f"Look again: {match_shown.costs(total)}.", style="red", markup=False)


@contextmanager
def _deciding(knobs: Settings) -> Iterator[Cursor]:
    """One transaction. Raises Refused for what cannot be decided so."""
    with closing(engine.connect(knobs.database_url, name="tapefarm match command")) as connection:
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        except MatchError as exc:
            raise Refused(str(exc)) from exc
