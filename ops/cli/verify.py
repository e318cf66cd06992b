"""`./farm verify`: the sandbox's ledger against the database."""

import json
import time
from pathlib import Path
from typing import Any

import typer

from core import redisdb, settings
from core.board import Board
from core.journal import Journal
from ops.cli import environment
from ops.cli.columns import Columns
from ops.cli.console import err, out
from ops.cli.errors import Refused, sentence
from ops.verify import ledger
from ops.verify.ledger import LedgerUnreadable
from ops.verify.run import Doors, Verdict
from ops.verify.run import verify as compare
from ops.verify.settle import Unsettled

#: The keys of the contract come first.
COLUMNS = ("emitted", "stored", "missing", "duplicate", "quarantined", "counted_loss", "different", "surplus", "doubted")


def verify(
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    timeout: float = typer.Option(60.0, min=0, help="Wait at most so many seconds until everything sent is written."),
) -> None:
    """Compare what the sandbox sent with what is stored, value by value.

    The sandbox's ledger says what it gave to open sockets. Exit status 0 only when all is there.
    """
    began = time.monotonic()
    try:
        verdicts = _verdicts(environment.home(), timeout)
    except Exception as exc:
        known = (str(exc), 1) if isinstance(exc, Unsettled | LedgerUnreadable) else sentence(exc)
        if known is None:
            raise
        if as_json:
            print(json.dumps({"ok": False, "venues": {}, "reason": known[0]}, ensure_ascii=False))
        raise Refused(*known[:1], status=known[1]) from exc
    ok = all(verdict.ok for kinds in verdicts.values() for verdict in kinds.values())
    if as_json:
        print(json.dumps(document(verdicts, ok=ok)))
    else:
        _show(verdicts, time.monotonic() - began, ok=ok)
    raise typer.Exit(0 if ok else 1)


def document(verdicts: dict[str, dict[str, Verdict]], *, ok: bool) -> dict[str, Any]:
    venues = {
        venue: {
            kind: {**verdict.figures(), "intervals": verdict.intervals, "examples": verdict.examples} for kind, verdict in kinds.items()
        }
        for venue, kinds in verdicts.items()
    }
    return {"ok": ok, "venues": venues}


def _verdicts(home: Path, timeout_seconds: float) -> dict[str, dict[str, Verdict]]:
    state, values = environment.current(home)
    sandbox = home / "sandbox"
    played = [venue for venue in ledger.venues(sandbox) if venue in state.sandboxed]
    if not played:
        raise Refused(
            "No sandbox plays a venue here, so there is nothing to compare with: `./farm up` without --live starts one.", status=2
        )
    knobs = settings.load(values)
    redis = redisdb.connect(knobs.redis_url, timeout_seconds=5)
    doors = Doors(knobs.database_url, Journal(redis, knobs.key_prefix), Board(redis, knobs.key_prefix), sandbox)
    with err.status("verifying") as status:
        return compare(doors, played, timeout_seconds=timeout_seconds, say=status.update)


def _show(verdicts: dict[str, dict[str, Verdict]], seconds: float, *, ok: bool) -> None:
    rows = [
        (venue, kind, *(f"{verdict.figures()[column]:,}" for column in COLUMNS))
        for venue, kinds in verdicts.items()
        for kind, verdict in kinds.items()
    ]
    out.print(Columns(("venue", "kind", *(column.replace("_", " ") for column in COLUMNS)), rows, texts=("kind",)))
    for kinds in verdicts.values():
        for verdict in kinds.values():
            for example in verdict.examples:
                out.print(f"  {example}", markup=False, style="red")
    out.print(f"[bold {'green' if ok else 'red'}]{'all there' if ok else 'not all there'}[/] [dim]{seconds:.1f} s[/]")
