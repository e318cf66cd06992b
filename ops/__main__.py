"""`python -m ops`: the commands of ./farm."""

import sys
from typing import Any

import typer
from typer.main import get_command

from ops.cli import manual
from ops.cli.alert import alert
from ops.cli.audit import audit
from ops.cli.backfill import backfill
from ops.cli.backup import backup, restore
from ops.cli.chaos import chaos
from ops.cli.checking import bench, test
from ops.cli.console import err
from ops.cli.coverage import coverage
from ops.cli.doctor import doctor
from ops.cli.down import down
from ops.cli.errors import sentence
from ops.cli.export import export
from ops.cli.load import load
from ops.cli.looking import logs, psql
from ops.cli.match import app as match
from ops.cli.paper import paper
from ops.cli.rebuild import rebuild
from ops.cli.restart import restart
from ops.cli.secrets import app as secrets
from ops.cli.status import status
from ops.cli.storage import storage
from ops.cli.tail import tail
from ops.cli.up import up
from ops.cli.verify import verify
from ops.firewall import firewall

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

#: What completion and usage lines call it: the shell script is the one way in.
NAME = "farm"
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Tapefarm: start, watch, prove and stop it.")
for _command in (
    up,
    down,
    restart,
    status,
    tail,
    doctor,
    verify,
    coverage,
    storage,
    backfill,
    export,
    load,
    rebuild,
    backup,
    restore,
    alert,
    audit,
    logs,
    bench,
    chaos,
    firewall,
):
    app.command()(_command)
app.add_typer(match, name="match")
app.add_typer(paper, name="paper")
app.add_typer(secrets, name="secrets")
app.command(context_settings=_PASSED_ON)(psql)
app.command(context_settings=_PASSED_ON)(test)


def command() -> Any:
    """The whole of it, with examples."""
    made = get_command(app)
    manual.apply(made)
    return made


def main() -> None:
    try:
        command()(prog_name=NAME)
    except Exception as exc:
        known = sentence(exc)
        if known is None:
            raise
        err.print(known[0], markup=False)
        sys.exit(known[1])


if __name__ == "__main__":
    main()
