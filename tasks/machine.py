"""What this machine tells of the farm: its programs, as their supervisor wrote them down, and how full its disks are."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.settings import Settings

#: Written anew once a minute; what is older is of a supervisor that has ended.
FACTS_SECONDS = 180.0
#: A program that was started again more often within an hour is not well.
MANY_RESTARTS = 10
#: Of a file system, as `df` shows it.
DISK_NOTICE, DISK_REASON = 0.8, 0.9


def programs(home: Path) -> dict[str, dict[str, Any]]:
    """name -> {"running", "restarts", "restarts_hour", "memory_bytes", "silent_seconds", "trouble"}; empty where another machine, or a
    container, has them. `trouble` is {} or what the watchdog did last: {"count", "at" (epoch), "what"}."""
    try:
        written = json.loads((home / "run" / "programs.json").read_text(encoding="utf-8"))
        found: dict[str, dict[str, Any]] = written["programs"] if abs(time.time() - written["at"]) < FACTS_SECONDS else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {name: {**fact, "memory_bytes": int(fact["memory_bytes"])} for name, fact in found.items()}


def disks(settings: Settings) -> list[dict[str, Any]]:
    """{"path", "used" (0 to 1), "used_bytes", "free_bytes"} of the file systems with FARM_HOME and with the database, one where they are the same."""
    found: dict[int, dict[str, Any]] = {}
    for path in (settings.home, *([Path(settings.database_folder)] if settings.database_folder else [])):
        try:
            device, usage = path.stat().st_dev, shutil.disk_usage(path)
        except OSError:
            continue
        share = round(usage.used / (usage.used + usage.free), 4)
        found.setdefault(device, {"path": str(path), "used": share, "used_bytes": usage.used, "free_bytes": usage.free})
    return list(found.values())


def judged(running: Mapping[str, Mapping[str, Any]], full: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """(reasons, notices) of programs and disks."""
    words = list(_full(full))
    reasons = [
        f"{name} was started again {fact['restarts_hour']} times within an hour: `./farm logs {name}` shows what it says"
        for name, fact in running.items()
        if fact["restarts_hour"] > MANY_RESTARTS
    ]
    return reasons + [word for used, word in words if used >= DISK_REASON], [word for used, word in words if used < DISK_REASON]


def _full(full: list[dict[str, Any]]) -> Iterator[tuple[float, str]]:
    for disk in full:
        if disk["used"] >= DISK_NOTICE:
            yield disk["used"], f"the disk with {disk['path']} is {disk['used']:.0%} full, {disk['free_bytes'] / 1e9:.1f} GB are left"
