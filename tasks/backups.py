"""Backups and the weekly drill: begun when they are due, each in a process of its own, as they may take longer than any task."""

import os
import subprocess
import sys
import time
from typing import Any

from core.settings import ROOT
from db.backups import facts, folder, times
from tasks import app, lifecycle, resources

#: The argument of `python -m db.backups`, and the lock under which it works.
_WORKS = {times.HOURLY: ("hourly", "backup"), times.DAILY: ("daily", "backup"), times.PROOF: ("drill", "drill")}
#: Begun by this process; asked how they ended, or they would stay in the system's list for ever.
_begun: list[subprocess.Popen[bytes]] = []


@app.task
def look() -> dict[str, Any]:
    """Begin what is due and not at work already. Result: what was begun, what goes on, and when each was good last."""
    _begun[:] = [process for process in _begun if process.poll() is None]
    knobs, now = resources.config(), time.time()
    states, place = facts.look(knobs, now), resources.config().data / "backups"
    begun: list[str] = []
    for subject in times.due(states, now):
        name, lock = _WORKS[subject]
        if not lifecycle.ending() and not folder.busy(place, lock) and lock not in {_WORKS[other][1] for other in begun}:
            _begun.append(subprocess.Popen([sys.executable, "-m", "db.backups", name, "--parent", str(os.getpid())], cwd=ROOT))
            begun.append(subject)
    working = [lock for lock in ("backup", "drill") if folder.busy(place, lock)]
    return {"begun": begun, "working": working, "age_hours": {name: round((now - state.at) / 3600, 1) for name, state in states.items()}}
