"""Which programs of the farm run on a host whose supervisor is systemd (ops/systemd): as `systemctl show` tells, which anybody may ask."""

import re
import subprocess
from typing import Any

from ops.cli.programs import streamer_name
from ops.local.errors import SupervisionFailed

#: Set in ops/systemd/places.env: the unit that wants all programs of the farm on this host.
TARGET = "FARM_TARGET"
#: systemd answers within milliseconds, or is in a bad way.
ASK_SECONDS = 5.0
_SHOWN = "Id,ActiveState,SubState,MainPID,NRestarts,ActiveEnterTimestamp"


def rows(target: str) -> list[dict[str, Any]]:
    """Name, state, pid, restarts, since (seconds since 1970), problem of each program that the target wants. Raises SupervisionFailed."""
    wanted = [unit for unit in _ask("--property=Wants", "--value", target).split() if unit.startswith("tapefarm-")]
    if not wanted:
        return []
    told = _ask("--timestamp=unix", f"--property={_SHOWN}", *wanted)
    return [_row(dict(line.split("=", 1) for line in block.splitlines() if "=" in line)) for block in told.split("\n\n") if block.strip()]


def name_of(unit: str) -> str:
    """As `./farm` calls the program."""
    stem = unit.removeprefix("tapefarm-").removesuffix(".service")
    role, _, instance = stem.partition("@")
    if role == "streamer":
        venue, _, replica = instance.rpartition("-")
        return streamer_name(venue, replica)
    return f"{role}-{instance}" if instance else role


def _ask(*words: str) -> str:
    try:
        done = subprocess.run(["systemctl", "show", *words], capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise SupervisionFailed(f"systemd does not say which programs run: {exc}") from exc
    if done.returncode:
        raise SupervisionFailed(f"systemd does not say which programs run: {done.stderr.strip()}")
    return done.stdout


def _row(told: dict[str, str]) -> dict[str, Any]:
    runs = told.get("ActiveState") == "active"
    since = re.fullmatch(r"@(\d+)", told.get("ActiveEnterTimestamp", ""))
    return {
        "name": name_of(told.get("Id", "")),
        "state": "running" if runs else "down",
        "pid": int(told.get("MainPID", 0)) or None,
        "restarts": int(told.get("NRestarts", 0)),
        "since": float(since[1]) if since and runs else None,
        "problem": "" if runs else f"{told.get('ActiveState')}, {told.get('SubState')}",
    }
