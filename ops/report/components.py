"""The programs of the farm (ops/cli/running.py) as a reader is shown them, and what of them makes the farm unhealthy."""

from pathlib import Path
from typing import Any

from core.settings import Settings
from ops.cli import running
from ops.cli.programs import stands_in
from ops.local.errors import LocalError

NOT_RUNNING = "The farm is not running: `./farm up` starts it."


def components(home: Path, knobs: Settings | None) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """(rows of name, state, pid, restarts, since; reasons; notices). A streamer is down for good only when all its replicas are."""
    try:
        rows, hint = running.programs(home, knobs)
    except LocalError as exc:
        return [], [str(exc)], []
    return _judged(rows, hint) if rows else ([], [NOT_RUNNING], [])


def _judged(rows: list[dict[str, Any]], hint: str) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    up = {row["name"] for row in rows if row["state"] == "running"}
    down = [(_word(row, hint), stands_in(row["name"], up)) for row in rows if row["name"] not in up]
    shown = [{name: value for name, value in row.items() if name != "problem"} for row in rows]
    reasons = [word for word, other in down if not other]
    return shown, reasons, [f"{word}; meanwhile {other} records the same" for word, other in down if other]


def _word(row: dict[str, Any], hint: str) -> str:
    problem = f" ({row['problem']})" if row["problem"] else ""
    says = hint or f"`./farm logs {row['name']}` shows what it says"
    return f"{row['name']} is {row['state']}{problem}: {says}"
