"""Whether every worker consumes: canaries of our own, a few seconds apart, and what came of them in the database."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from core.settings import ROOT
from db import queries
from ops.chaos.farm import Farm
from ops.cli.errors import AWAY
from ops.local.launch import bound_argv

EVERY_SECONDS = 4.0
#: The queue whose canaries are left to the schedule: a drain keeps its slot for half a minute, and that writers consume is seen by the rows.
BUSY = "writers"


class Canaries:
    """Between `send` and its answer the broker may be away: the answer is read by a thread, and asked for no more than once at a time."""

    def __init__(self, farm: Farm, process: "subprocess.Popen[str]") -> None:
        self._farm, self._process = farm, process
        self._sent_at = 0.0
        self._answered = True
        self._queues: frozenset[str] = frozenset()
        threading.Thread(target=self._read, daemon=True).start()

    def consumed_since(self, moment: datetime, *, rung: bool) -> bool:
        """Whether each queue has consumed a canary since; sends new ones now and then. `rung`: and the one that only the schedule rings."""
        if self._answered and time.monotonic() - self._sent_at > EVERY_SECONDS:
            self._answered, self._sent_at = False, time.monotonic()
            pipe: Any = self._process.stdin
            pipe.write("ring\n")
            pipe.flush()
        try:
            facts = queries.rows(self._farm.knobs.database_url, "facts", prefix="canary:")
        except AWAY:
            return False
        young = {row["key"].partition(":")[2] for row in facts if row["updated_at"] > moment}
        wanted = self._queues | {BUSY} if rung else self._queues
        return bool(self._queues) and wanted <= young

    def _read(self) -> None:
        answers: Any = self._process.stdout
        for line in answers:
            self._queues = frozenset(line.split()) or self._queues
            self._answered = True


@contextmanager
def canaries(farm: Farm) -> Iterator[Canaries]:
    argv = bound_argv([sys.executable, "-m", "ops.chaos.ringer"], death_signal="KILL")
    with (
        (farm.home / "logs" / "ringer.log").open("ab") as log,
        subprocess.Popen(
            argv, cwd=ROOT, env=farm.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield Canaries(farm, process)
        finally:
            process.kill()
