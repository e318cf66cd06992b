"""`./farm logs` and `./farm psql`: looking inside."""

import os
import shutil

import typer
from sqlalchemy.engine import URL, make_url

from core import settings
from ops.cli import complete, environment
from ops.cli.errors import Refused
from ops.cli.plan import RUNTIME
from ops.local import tree
from ops.local.accounts import place
from ops.local.supervision import layout_of


def logs(
    name: str = typer.Argument(help="A program, as `./farm status` names it, or supervisord.", autocompletion=complete.programs),
    follow: bool = typer.Option(False, "-f", "--follow", help="Go on with what is added."),
    lines: int = typer.Option(50, "-n", "--lines", min=0, help="So many last lines."),
) -> None:
    """Show what a program says."""
    layout = layout_of(environment.home())
    known = sorted(path.name.removesuffix(".log") for path in layout.logs.glob("*.log"))
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "`./farm up` makes the first ones"
        raise Refused(f"There is no log of {name!r}: {there}.", status=2)
    # -F goes on with the new file when the log is rotated.
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), str(layout.log(name))])  # noqa: S606


def psql(
    context: typer.Context,
    write: bool = typer.Option(False, "--write", help="As the owner of the tables, who may change everything."),
) -> None:
    """Open psql on the database, for reading; arguments are psql's."""
    _, values = environment.current(environment.home())
    program, environ = client(settings.load(values), write=write)
    os.execve(program, [program, *context.args], {**os.environ, **environ})  # noqa: S606


def client(knobs: settings.Settings, *, write: bool = False) -> tuple[str, dict[str, str]]:
    """(psql, the environment by which it finds the database). Raises Refused."""
    url = make_url(knobs.migration_url if write else knobs.reading_url)
    own = place(RUNTIME.absolute()) / tree.PROGRAMS / "psql"
    program = str(own) if own.exists() else shutil.which("psql")
    if program is None:
        address = url.set(drivername="postgresql").render_as_string(hide_password=True)
        raise Refused(f"There is no psql here: install postgresql-client, or connect another client to {address}.")
    return program, connection(url)


def connection(url: URL) -> dict[str, str]:
    """By environment, as arguments are seen by everybody. What the URL says of TLS goes along: left to itself psql would speak it with
    anybody."""
    found = {
        "PGHOST": url.host or str(url.query.get("host", "")),
        "PGPORT": str(url.port or url.query.get("port", "")),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.database or "",
        **{f"PG{name.upper()}": str(value) for name, value in url.query.items() if name.startswith("ssl")},
    }
    return {name: value for name, value in found.items() if value}
