"""Loaded into supervisord through its plugin door: counts restarts, never gives a program up, lets no orphan live, ends what is stuck.

Imports the standard library, supervisor and two neighbours that do the same: it runs in the process that has to outlive all others.
"""

import json
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.states import ProcessStates

from ops.local import processes
from ops.local.watchdog import Verdict, Watch

# supervisord waits one second longer after each failure and gives up after startretries of them. A database that is
# away for a night must neither end a program for good nor leave it asleep for minutes when it is back.
LONGEST_PAUSE_SECONDS = 10
# A program that was started again so often within an hour waits before each further start, a second longer each time.
MANY_RESTARTS = 10
_HOUR = 3600.0
_KEPT_RESTARTS = 1000


class FarmInterface:
    """The `farm.` methods of supervisord's RPC."""

    def __init__(self, supervisord: Any, facts: Path | None) -> None:
        """`facts`: the file that tells the farm's own tasks what the supervisor knows."""
        self._supervisord, self._facts = supervisord, facts
        self._restarts: Counter[str] = Counter()
        self._lately: dict[str, deque[float]] = {}
        self._watches: dict[tuple[str, int], Watch] = {}
        self._troubles: dict[str, dict[str, Any]] = {}
        self._looked = time.monotonic()
        events.subscribe(events.ProcessStateStartingEvent, self._starting)
        events.subscribe(events.ProcessStateBackoffEvent, self._failed)
        for ended in (events.ProcessStateExitedEvent, events.ProcessStateBackoffEvent, events.ProcessStateStoppedEvent):
            events.subscribe(ended, self._ended)
        events.subscribe(events.ProcessStateExitedEvent, self._exited)
        events.subscribe(events.Tick5Event, self._tick)
        events.subscribe(events.Tick60Event, self._tell)

    def facts(self) -> dict[str, dict[str, Any]]:
        """Program to what is known of it: how often it was started again by itself, since supervisord began and in the last hour, memory
        and silence, and the last trouble with it."""
        return {process.config.name: self._fact(process) for process in self._processes()}

    def _starting(self, event: Any) -> None:
        if event.from_state in (ProcessStates.EXITED, ProcessStates.BACKOFF):
            name = event.process.config.name
            self._restarts[name] += 1
            self._lately.setdefault(name, deque(maxlen=_KEPT_RESTARTS)).append(time.monotonic())

    def _failed(self, event: Any) -> None:
        process = event.process
        process.backoff = min(process.backoff, LONGEST_PAUSE_SECONDS)
        process.delay = min(process.delay, time.time() + LONGEST_PAUSE_SECONDS)

    def _exited(self, event: Any) -> None:
        """supervisord starts at once what had been up for a while: one that ends again and again waits as one that fails."""
        process = event.process
        if (many := self._within_hour(process.config.name)) >= MANY_RESTARTS:
            process.state = ProcessStates.BACKOFF
            process.backoff = min(many - MANY_RESTARTS + 1, LONGEST_PAUSE_SECONDS)
            process.delay = time.time() + process.backoff
            process.spawnerr = f"started again {many} times within an hour"

    def _ended(self, event: Any) -> None:
        """End what a killed program left in its group, before a second copy of it starts."""
        pid = event.process.pid
        if pid and pid > 1:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def _tick(self, _: Any) -> None:
        try:
            self._look()
        except Exception as exc:  # noqa: BLE001 (whatever it is, it must not end the supervisor)
            self._say(f"the watchdog failed: {exc!r}")

    def _look(self) -> None:
        now = time.monotonic()
        elapsed, self._looked = now - self._looked, now
        table = processes.look()
        # Before its first second is over a program is still `sh`, and stopping ones have their own deadline.
        running = {(p.config.name, p.pid): p for p in self._processes() if p.state == ProcessStates.RUNNING and p.pid}
        for gone in set(self._watches) - set(running):
            self._watches.pop(gone).close()
        for key, process in running.items():
            if key not in self._watches:
                self._watches[key] = Watch.of(process.config.environment or {})
                continue
            self._act(process, self._watches[key].look(processes.family(table, process.pid), elapsed))

    def _act(self, process: Any, verdict: Verdict) -> None:
        for pid in verdict.stopped:
            self._note(process, f"process {pid} was stopped and has been continued")
            _signal(pid, signal.SIGCONT)
        if verdict.kill:
            self._note(process, f"{verdict.kill} and has been killed")
            _signal(process.pid, signal.SIGKILL)
        elif verdict.end:
            self._note(process, f"{verdict.end} and has been asked to end")
            _signal(process.pid, signal.SIGTERM)

    def _note(self, process: Any, what: str) -> None:
        name = process.config.name
        self._say(f"watchdog: {name} {what}")
        count = self._troubles.get(name, {}).get("count", 0) + 1
        self._troubles[name] = {"count": count, "at": time.time(), "what": what}
        self._tell()

    def _say(self, words: str) -> None:
        self._supervisord.options.logger.warn(words)  # noqa: G010 (supervisor's own logger has no other)

    def _fact(self, process: Any) -> dict[str, Any]:
        name = process.config.name
        watch = self._watches.get((name, process.pid))
        return {
            "running": process.state == ProcessStates.RUNNING,
            "restarts": self._restarts[name],
            "restarts_hour": self._within_hour(name),
            "memory_bytes": str(watch.memory if watch else 0),  # XML-RPC has no whole numbers beyond 32 bits
            "silent_seconds": round(watch.silence) if watch else 0,
            "trouble": self._troubles.get(name, {}),
        }

    def _tell(self, _: Any = None) -> None:
        if self._facts is None:
            return
        draft = self._facts.with_suffix(".new")
        with suppress(OSError):  # a full disk: the facts grow old, which their readers see
            draft.write_text(json.dumps({"at": time.time(), "programs": self.facts()}))
            draft.replace(self._facts)

    def _within_hour(self, name: str) -> int:
        since = time.monotonic() - _HOUR
        return sum(at > since for at in self._lately.get(name, ()))

    def _processes(self) -> Iterator[Any]:
        for group in self._supervisord.process_groups.values():
            yield from group.processes.values()


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def make_rpcinterface(supervisord: Any, facts: str | None = None, **_: Any) -> FarmInterface:
    return FarmInterface(supervisord, Path(facts) if facts else None)
