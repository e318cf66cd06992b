"""What the farm says of itself from a moment on, each saying with its time: restarts, `./farm status`, gaps, quarantine, logs.

A saying is one line: `restart NAME`, `status REASON`, `gap CAUSE CHANNEL`, `quarantine REASON`, `log NAME LINE` (warnings and worse, and what the
supervisor's watchdog did).
Each source is asked by a thread of its own, as a stopped server makes whoever asks it wait.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ops.chaos.farm import OURS, Farm
from ops.cli import status
from ops.cli.errors import AWAY, Refused
from ops.local import supervision
from ops.local.errors import LocalError

POLL_SECONDS = 0.25
#: A status that has not been answered for so long is one too.
STATUS_SECONDS = 20.0
#: Of the programs that are watched; the sandbox is the venue, and Flower and the console only look on.
UNHEARD = ("sandbox", "flower", "console", "ringer", "second-beat")
_GRAVE = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC|Traceback)\b|WARN watchdog:")
_MOST_LOG_BYTES = 4 << 20


class Watch:
    """Sayings since the beginning of a fault, kept until the next one begins."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._heard: dict[str, float] = {}
        self._ended = threading.Event()
        self._restarts: dict[str, int] = {}
        self._read: dict[Path, int] = {}
        self._last_gap = self._last_frame = 0
        self.report: dict[str, Any] = {"healthy": False, "reasons": ["`./farm status` has not been asked yet"]}
        self._reported_at = 0.0
        self._asked_at = time.monotonic()
        self._known: set[str] = set()

    @contextmanager
    def running(self) -> Iterator["Watch"]:
        asked = (self._programs, self._status, self._tables)
        threads = [threading.Thread(target=self._repeat, args=(ask,), daemon=True) for ask in asked]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()

    def begin(self) -> None:
        """What is said from now on is said of the next fault; what `./farm status` says already is no news."""
        with self._lock:
            self._began, self._heard = time.monotonic(), {}
            self._known = set(self.report["reasons"])

    def first(self, pattern: str) -> tuple[float | None, str]:
        """(seconds since the beginning, saying) of the first saying that matches."""
        wanted = re.compile(pattern, re.IGNORECASE)
        with self._lock:
            found = sorted((at - self._began, said) for said, at in self._heard.items() if wanted.search(said))
        return found[0] if found else (None, "")

    def healthy_since(self, moment: float) -> bool:
        """Whether a status that was asked for after the moment (monotonic) is healthy."""
        with self._lock:
            return bool(self.report["healthy"]) and self._reported_at >= moment

    def _say(self, text: str) -> None:
        with self._lock:
            self._heard.setdefault(text[:300], time.monotonic())

    def _repeat(self, ask: Callable[[], None]) -> None:
        while not self._ended.wait(POLL_SECONDS):
            with suppress(*AWAY, LocalError, Refused):
                ask()

    def _programs(self) -> None:
        for known in supervision.states(self._farm.home):
            if known.restarts > self._restarts.get(known.name, 0):
                self._say(f"restart {known.name}")
            self._restarts[known.name] = known.restarts
        for path in (self._farm.home / "logs").glob("*.log"):
            if path.stem not in UNHEARD:
                self._log(path)
        if time.monotonic() - self._asked_at > STATUS_SECONDS:
            self._say(f"status no answer for {STATUS_SECONDS:g} s")

    def _log(self, path: Path) -> None:
        size = path.stat().st_size
        start = self._read.get(path, size)
        if size < start:  # a new file under the old name
            start = 0
        with path.open("rb") as file:
            file.seek(max(start, size - _MOST_LOG_BYTES))
            text = file.read(size - file.tell())
        whole = text.rfind(b"\n") + 1
        self._read[path] = size - (len(text) - whole)
        for line in text[:whole].decode(errors="replace").splitlines():
            if _GRAVE.search(line) and OURS not in line:
                self._say(f"log {path.stem} {line}")

    def _status(self) -> None:
        began = self._asked_at = time.monotonic()
        found = status.report(self._farm.home)
        with self._lock:
            self.report, self._reported_at = found, began
            known = self._known
            self._known = known & set(found["reasons"])
        self._asked_at = time.monotonic()
        for reason in found["reasons"] if not found["healthy"] else ():
            if reason not in known:
                self._say(f"status {reason}")

    def _tables(self) -> None:
        with self._farm.transaction() as cursor:
            cursor.execute(
                "SET statement_timeout = '5s'; SELECT gap_id, cause, channel FROM data_gaps WHERE gap_id > %s ORDER BY 1", (self._last_gap,)
            )
            for number, cause, channel in cursor.fetchall():
                self._last_gap = number
                self._say(f"gap {cause} {channel}")
            cursor.execute("SELECT quarantine_id, reason FROM quarantine WHERE quarantine_id > %s ORDER BY 1", (self._last_frame,))
            for number, reason in cursor.fetchall():
                self._last_frame = number
                self._say(f"quarantine {reason}")
