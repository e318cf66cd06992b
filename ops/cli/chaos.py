"""`./farm chaos`: a farm of its own is struck by every fault we know of, and must lose nothing."""

import json
import os
import time
from typing import Annotated, Any

import typer

from core.settings import ROOT
from ops.chaos import namespace, run, table
from ops.chaos.catalogue import FAULTS, STORM, chosen
from ops.chaos.fault import Verdict
from ops.cli import environment
from ops.cli.console import err, say
from ops.cli.plan import DEFAULT_RATE

FOLDER = ROOT / ".farm" / "chaos"
#: What the sandbox plays where nothing else is said is taken for the average load.
TIMES_AVERAGE = 20
FULL_MINUTES, CORE_MINUTES, SOAK_MINUTES = 40.0, 6.0, 60.0


def chaos(
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This fault alone, or `storm`; may be given several times.")
    ] = None,
    core: bool = typer.Option(False, "--core", help="The faults with the greatest power to find a loss, in six minutes."),
    long: bool = typer.Option(False, "--soak", help="One fault of the storm a minute, for an hour; memory and Redis' keys must not grow."),
    minutes: float = typer.Option(
        0.0, min=0, help="Shorten the faults so that all is over in about so long. [default: 40, core 6, soak 60]"
    ),
    rate: float = typer.Option(TIMES_AVERAGE * DEFAULT_RATE, min=1, help="Market events a second; 20 times what `./farm up` plays."),
    seed: int = typer.Option(1, help="Of the storm."),
    listed: bool = typer.Option(False, "--list", help="Name the faults, and strike nothing."),
) -> None:
    """Strike a farm of its own with every fault: it must lose nothing.

    One after another and in a storm; the sandbox's ledger is the judge. Exit status 0 only when nothing was lost and nothing stands there
    twice: what was sent into a dead socket must be within a gap that says so.
    The average load is taken to be the 500 events a second that `./farm up` plays.
    """
    if listed:
        for fault in FAULTS:
            print(f"{fault.name:<22} {fault.what}")
        print(f"{STORM:<22} those of them that may overlap, at times that a seed tells")
        return
    names = only or []
    wanted = chosen(names, core=core)
    namespace.enter({name: value for name, value in os.environ.items() if not environment.is_setting(name)})
    storm = [fault for fault in FAULTS if fault.storm and (fault.core or not core)] if not names or STORM in names else []
    if long:
        wanted, storm = [], [fault for fault in FAULTS if fault.storm]
    usual = SOAK_MINUTES if long else CORE_MINUTES if core else FULL_MINUTES
    wish = run.Wish(wanted, storm, rate, seed, minutes or usual, long)
    began = time.monotonic()
    _print(table.HEAD, to_stderr=as_json)
    verdicts, end = run.run(wish, FOLDER, say, lambda verdict: _show(verdict, to_stderr=as_json))
    seconds = time.monotonic() - began
    found = table.document(verdicts, end, rate=rate, seed=seed, seconds=seconds)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _conclude(found, verdicts, seconds)
    raise typer.Exit(0 if found["ok"] else 1)


def _show(verdict: Verdict, *, to_stderr: bool) -> None:
    for text in (table.line(verdict), *table.remarks(verdict)):
        _print(text, to_stderr=to_stderr)


def _print(text: str, *, to_stderr: bool) -> None:
    (err.print(text, markup=False) if to_stderr else print(text, flush=True))


def _conclude(found: dict[str, Any], verdicts: list[Verdict], seconds: float) -> None:
    words = [verdict.word for verdict in verdicts]
    counts = ", ".join(f"{words.count(word)} {word}" for word in ("passed", "failed", "skipped") if word in words)
    print(f"{'nothing is lost' if found['ok'] else 'NOT ALL IS WELL'}: {counts}; everything compared at the end; {seconds:.0f} s")
    whole = found["verify"]
    if not whole["ok"]:
        print(json.dumps(whole, ensure_ascii=False, indent=1))
