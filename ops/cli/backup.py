"""`./farm backup` and `./farm restore`: make one, list them, prove one, bring one back."""

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from core import settings
from core.settings import Settings
from db.backups import dumping, facts, folder, record, restoring, sending, work
from db.backups.folder import Backup
from db.backups.restoring import Target
from ops.cli import environment, state
from ops.cli.columns import Columns
from ops.cli.console import out, say
from ops.cli.errors import AWAY, Refused

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


class Kind(StrEnum):
    HOURLY = "hourly"
    DAILY = "daily"


def backup(
    now: Annotated[Kind | None, typer.Option("--now", help="Make one at once: hourly leaves old market data out, daily holds all.")] = None,
    drill: bool = typer.Option(False, "--drill", help="Restore the newest into a database that is dropped again, as each week."),
    listed: bool = typer.Option(False, "--list", help="Show those there are; so too when nothing is asked for."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Make a backup, prove one, or list them.

    The schedule makes them by itself (settings BACKUP_HOURLY_KEEP and those beside it).
    """
    if now is not None and drill:
        raise Refused("Give --now or --drill.", status=2)
    _, values = environment.current(environment.home())
    knobs = settings.load(values)
    if now is not None:
        made = work.back_up(knobs, now.value, upload=sending.elsewhere(knobs), say=say)
        _show([made], as_json=as_json)
    elif drill:
        name = work.drill(knobs, say=say)
        print(json.dumps({"file": name, "pass": True})) if as_json else out.print(
            f"PASS: {name} brings back what it recorded", style="green"
        )
    else:
        _show(folder.backups(knobs.data / "backups"), as_json=as_json)


def restore(
    file: str = typer.Argument(help="A backup, by its path or as --list names it; its record lies beside it."),
    into: str = typer.Option(..., help="The database to make, on the farm's server, or on that of DATABASE_OWNER_URL."),
    verify: bool = typer.Option(False, "--verify", help="Hold rows and hashes of every table against the record: PASS, or what differs."),
    identity: Annotated[Path | None, typer.Option(help="The file with the private key, where the backup is encrypted.")] = None,
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Bring a backup back into a database of its own.

    The farm's own stays as it is. Exit status 0 only when nothing differs.
    """
    if not _DATABASE.fullmatch(into):
        raise Refused(f"--into {into!r} cannot be used: give the name of a database; DATABASE_OWNER_URL says on which server.", status=2)
    knobs = _knobs()
    path = dumping.file_of(knobs.data / "backups", file)
    known = record.read(path)
    lines = restoring.restore(path, Target(knobs.migration_url, into, knobs.postgres_programs), identity=identity, verify=verify, say=say)
    if verify and not lines and path.parent == knobs.data / "backups":
        with suppress(*AWAY):  # a new server has no farm yet that could be told
            facts.proven(knobs, path.name, time.time())
    if as_json:
        told = {"file": path.name, "into": into, "tables": len(known.tables), "rows": known.rows}
        print(json.dumps(told | ({"pass": not lines, "differences": list(lines)} if verify else {})))
    else:
        for line in lines:
            out.print(line, style="red", markup=False)
        out.print(_verdict(path.name, known, into, lines, verify=verify), style="red" if lines else "green", markup=False)
    raise typer.Exit(1 if lines else 0)


def _verdict(name: str, known: record.Record, into: str, lines: object, *, verify: bool) -> str:
    held = f"{len(known.tables)} tables with {known.rows:,} rows"
    if not verify:
        return f"{name} is restored into {into}, and not verified: --verify holds it against its record"
    return f"FAIL: {into} is not what {name} recorded" if lines else f"PASS: {into} holds the {held} that {name} recorded"


def _knobs() -> Settings:
    """As the farm was started; on a new machine, as the environment says."""
    home = environment.home()
    if state.load(home) is not None:
        return settings.load(environment.current(home)[1])
    given = environment.given()
    if not {"DATABASE_URL", "DATABASE_OWNER_URL"} & set(given):
        raise Refused("There is no farm here to restore into: start one with `./farm up`, or set DATABASE_OWNER_URL to your server.")
    return settings.load(given)


def _show(found: list[Backup], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"backups": [_told(one) for one in found]}))
        return
    rows = []
    for one in found:
        known = one.record
        left = f"old rows of {len(known.left_out)} tables" if known.left_out else None
        times = f"{datetime.fromtimestamp(known.taken, UTC):%Y-%m-%d %H:%M:%S}"
        cells = (one.file, times, _size(known.bytes), f"{known.rows:,}", left, "yes" if known.sealed_to else "no")
        rows.append((*cells, known.origin.timescaledb, known.origin.revision))
    names = ("file", "taken", "size", "rows", "left out", "encrypted", "TimescaleDB", "schema")
    table = Columns(names, rows, texts=("file", "taken", "left out"))
    out.print(table if found else "There is no backup yet: `./farm backup --now daily` makes one.")


def _told(one: Backup) -> dict[str, Any]:
    known = one.record
    return {
        "file": str(one.file),
        "kind": known.kind,
        "taken": known.taken,
        "bytes": known.bytes,
        "sha256": known.sha256,
        "encrypted": bool(known.sealed_to),
        "timescaledb": known.origin.timescaledb,
        "schema": known.origin.revision,
        "left_out": dict(known.left_out),
        "tables": {name: {"rows": digest.rows, "hash": digest.hash} for name, digest in known.tables.items()},
    }


def newest(states: Mapping[str, Mapping[str, Any]], now: float) -> str:
    """A line of `./farm status`."""
    # A daily backup is the newest hourly one too, and is called by its own name.
    made = [
        (state["at"], kind == Kind.DAILY, kind, state["bytes"]) for kind, state in states.items() if kind in set(Kind) and state["file"]
    ]
    if not made:
        return "backup: none yet"
    at, _, kind, size = max(made)
    proof = states.get("proof", {})
    proven = f"restored with proof {_age(now - proof['at'])} ago" if proof.get("file") else "never restored yet"
    return f"backup: {kind}, {_age(now - at)} old, {_size(size)}; {proven}"


def _age(seconds: float) -> str:
    hours = max(0.0, seconds) / 3600
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
