"""`python -m ops`: the commands of ./farm."""

import sys

import typer

from ops.cli.alert import alert
from ops.cli.backfill import backfill
from ops.cli.chaos import chaos
from ops.cli.checking import bench, test
from ops.cli.console import err
from ops.cli.coverage import coverage
from ops.cli.down import down
from ops.cli.errors import sentence
from ops.cli.looking import logs, psql
from ops.cli.restart import restart
from ops.cli.status import status
from ops.cli.up import up
from ops.cli.verify import verify

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Tapefarm: start, watch, prove and stop it."
)
for _command in (up, down, restart, status, verify, coverage, backfill, alert, logs, bench, chaos):
    app.command()(_command)
app.command(context_settings=_PASSED_ON)(psql)
app.command(context_settings=_PASSED_ON)(test)


def main() -> None:
    try:
        app()
    except Exception as exc:
        known = sentence(exc)
        if known is None:
            raise
        err.print(known[0], markup=False)
        sys.exit(known[1])


if __name__ == "__main__":
    main()
