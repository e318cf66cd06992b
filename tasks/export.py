"""Closed days into files: the task looks whether a day wants it and starts a process for it, which keeps neither queue nor memory."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import Any

from core.settings import ROOT
from db import queries
from db.parquet import wanted
from tasks import app, resources

#: The fact that all closed days are exported; alerts look at its age.
FACT = "export:parquet"
_running: "list[subprocess.Popen[bytes]]" = []


@app.task
def closed_days() -> dict[str, Any]:
    """Start the exporter when something is to be done. It ends with the process that started it, and the next ring starts it anew."""
    _running[:] = [process for process in _running if process.poll() is None]
    if _running:
        return {"ended": "the exporter goes on"}
    settings = resources.config()
    folder = settings.data / "parquet"
    days = wanted.closed(settings.database_url, date.min, datetime.now(UTC).date())
    waiting = sum(1 for _ in wanted.wanted(folder, days, wanted.read_known(folder)))
    if waiting:
        _running.append(subprocess.Popen([sys.executable, "-m", "tasks.exporter", str(os.getpid())], cwd=ROOT, stdin=subprocess.DEVNULL))
    else:
        queries.run(settings.database_url, "record_fact", key=FACT, value=json.dumps({}))
    return {"days": waiting}
