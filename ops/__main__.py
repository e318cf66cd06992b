"""`python -m ops`: the commands of ./farm."""

import importlib
import sys
from collections.abc import Collection, Mapping
from typing import Any

import typer
from typer.main import get_command

from ops.cli import manual
from ops.cli.console import err
from ops.cli.errors import sentence

#: What completion and usage lines call it: the shell script is the one way in.
NAME = "farm"
#: Word -> the function that it calls, or the commands that stand below it.
COMMANDS: Mapping[str, str] = {
    "up": "ops.cli.up:up",
    "down": "ops.cli.down:down",
    "restart": "ops.cli.restart:restart",
    "status": "ops.cli.status:status",
    "tail": "ops.cli.tail:tail",
    "doctor": "ops.cli.doctor:doctor",
    "verify": "ops.cli.verify:verify",
    "coverage": "ops.cli.coverage:coverage",
    "storage": "ops.cli.storage:storage",
    "backfill": "ops.cli.backfill:backfill",
    "export": "ops.cli.export:export",
    "load": "ops.cli.load:load",
    "rebuild": "ops.cli.rebuild:rebuild",
    "backup": "ops.cli.backup:backup",
    "restore": "ops.cli.backup:restore",
    "alert": "ops.cli.alert:alert",
    "audit": "ops.cli.audit:audit",
    "logs": "ops.cli.looking:logs",
    "psql": "ops.cli.looking:psql",
    "test": "ops.cli.checking:test",
    "bench": "ops.cli.checking:bench",
    "chaos": "ops.cli.chaos:chaos",
    "firewall": "ops.firewall:firewall",
    "match": "ops.cli.match:app",
    "paper": "ops.cli.paper:paper",
    "secrets": "ops.cli.secrets:app",
}
#: They hand on what is typed behind them.
_PASSING_ON = {"psql", "test"}
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def application(words: Collection[str]) -> typer.Typer:
    """With the commands of these words."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Tapefarm: start, watch, prove and stop it.")
    app.callback()(lambda: None)  # one command alone is called by its word, too
    for word in words:
        module, _, name = COMMANDS[word].partition(":")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=word)
        else:
            app.command(word, context_settings=_PASSED_ON if word in _PASSING_ON else None)(found)
    return app


def command(asked: str = "") -> Any:
    """Of the word that is asked for, with its examples: what the others need takes longer to load than most of them to run. Of all words
    where it is none of them."""
    made = get_command(application([asked] if asked in COMMANDS else COMMANDS))
    manual.apply(made)
    return made


def main() -> None:
    try:
        command(*sys.argv[1:2])(prog_name=NAME)
    except Exception as exc:
        known = sentence(exc)
        if known is None:
            raise
        err.print(known[0], markup=False)
        sys.exit(known[1])


if __name__ == "__main__":
    main()
