"""Brings the database to the newest schema, as `alembic upgrade head` does."""

import os
import subprocess
import sys
from collections.abc import Mapping

from core.settings import ROOT
from ops.cli.errors import Refused

#: A migration of a large table may take long; a lock that never comes is given up by its own timeout.
TIMEOUT_SECONDS = 3600


def upgrade(environment: Mapping[str, str]) -> None:
    argv = [sys.executable, "-m", "alembic", "-c", str(ROOT / "migrations" / "alembic.ini"), "upgrade", "head"]
    try:
        done = subprocess.run(
            argv, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise Refused(f"The migrations did not end within {TIMEOUT_SECONDS} s: look at pg_stat_activity with `./farm psql`.") from exc
    if done.returncode:
        raise Refused(
            f"The database cannot be brought to this version's schema: {_cause(done.stderr)} Nothing of the failed step was kept."
        )


def _cause(stderr: str) -> str:
    """The error among the lines of a traceback: the last one that begins as one, or the last at all."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line.partition(":")[0] and not line.startswith(("File", "raise"))]
    cause = (errors or lines or ["alembic failed without a word"])[-1]
    return cause if cause.endswith(".") else f"{cause}."
