"""Notices on their way: each is sent by a process of its own, tried again while a place does not take it, and bounded in number and time.

Nothing here waits: `turn` looks at the process, so a place that hangs keeps nobody from looking at the farm.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.settings import ROOT
from ops.alerting.notices import Notice

log = logging.getLogger(__name__)

#: Notices that wait; beyond, the oldest is given up.
MOST = 100
#: One place after the other is asked, and each gives up by itself after some 15 s.
CHILD_SECONDS = 90.0
#: At an orderly end; the supervisor waits a little longer.
LAST_SECONDS = 7.0
#: Between attempts: doubles up to the second.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
#: A day later an alert is told by `./farm alert list` alone.
GIVE_UP_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """`places`: those that have not taken it yet. Times are seconds of the epoch."""

    notice: Notice
    places: tuple[str, ...]
    since: float
    due: float
    attempts: int = 0


@dataclass(slots=True)
class Outbox:
    """`environ`: what the sending process sees, ALERT_URLS with it. `given_up`: notices that a place never took; `trouble`: why the last
    attempt at a place failed."""

    environ: Mapping[str, str] = field(repr=False)
    waiting: deque[Waiting] = field(default_factory=deque)
    given_up: int = 0
    trouble: dict[str, str] = field(default_factory=dict)
    _child: "subprocess.Popen[bytes] | None" = None
    _sending: Waiting | None = None
    _places: tuple[str, ...] = ()
    _until: float = 0.0

    def add(self, notice: Notice, places: Sequence[str], now: float) -> None:
        if places:
            self.waiting.append(Waiting(notice, tuple(places), now, now))
        while len(self.waiting) > MOST:
            self._give_up(self.waiting[0], "too many wait")

    def turn(self, now: float) -> None:
        """Take in what the sending process came to, and start the next one."""
        if self._child is not None:
            if self._child.poll() is None and time.monotonic() < self._until:
                return
            self._finish(now)
        for waiting in [one for one in self.waiting if now - one.since > GIVE_UP_SECONDS]:
            self._give_up(waiting, "a day has passed")
        before: set[str] = set()  # a place gets its notices in order
        for waiting in self.waiting:
            places = tuple(place for place in waiting.places if place not in before)
            if places and waiting.due <= now:
                self._start(waiting, places)
                return
            before |= set(waiting.places)

    def close(self, now: float) -> None:
        """What is being sent has a moment to arrive, or else arrives twice: it is sent again by whoever goes on."""
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(LAST_SECONDS)
            self._finish(now)

    def _start(self, waiting: Waiting, places: tuple[str, ...]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "ops.alerting.delivery"],
            cwd=ROOT,
            env={**os.environ, **self.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what a library says there may hold a URL
            start_new_session=True,
        )
        assert self._child.stdin is not None
        with suppress(BrokenPipeError), self._child.stdin as question:  # a notice fits into a pipe: nobody waits here
            question.write(json.dumps({"notice": asdict(waiting.notice), "places": places}).encode())
        self._sending, self._places, self._until = waiting, places, time.monotonic() + CHILD_SECONDS

    def _finish(self, now: float) -> None:
        assert self._child is not None and self._child.stdout is not None and self._sending is not None
        hung = self._child.poll() is None
        if hung:
            self._child.kill()
        self._child.wait()
        with self._child.stdout as answer:
            why = self._whys(answer.read(), hung=hung)
        sent, self._child, self._sending = self._sending, None, None
        for place in self._places:
            if why[place]:
                self.trouble[place] = why[place]
                log.error("An alert could not be delivered and is tried again. place=%s why=%s", place, why[place])
            else:
                self.trouble.pop(place, None)
                log.info("An alert was delivered. place=%s title=%s", place, sent.notice.title)
        left = tuple(place for place in sent.places if place not in self._places or why[place])
        if sent in self.waiting:
            number = self.waiting.index(sent)
            del self.waiting[number]
            if left:
                pause = min(FIRST_PAUSE * 2**sent.attempts, LONGEST_PAUSE)
                self.waiting.insert(number, replace(sent, places=left, due=now + pause, attempts=sent.attempts + 1))

    def _whys(self, answer: bytes, *, hung: bool) -> dict[str, str]:
        if hung:
            return dict.fromkeys(self._places, f"no end after {CHILD_SECONDS:.0f} s")
        try:
            found = {result["place"]: str(result["why"]) for result in json.loads(answer)}
        except ValueError:
            return dict.fromkeys(self._places, "the process that sends it failed: `./farm alert test` shows how")
        return {place: found.get(place, "ALERT_URLS names it no more") for place in self._places}

    def _give_up(self, waiting: Waiting, why: str) -> None:
        self.waiting.remove(waiting)
        self.given_up += 1
        log.error("An alert was given up. why=%s places=%s title=%s", why, ", ".join(waiting.places), waiting.notice.title)


def dumped(waiting: Sequence[Waiting]) -> list[dict[str, Any]]:
    return [asdict(one) for one in waiting]


def loaded(document: Sequence[Mapping[str, Any]]) -> list[Waiting]:
    """Raises TypeError, KeyError when it is not what `dumped` gave."""
    return [Waiting(**{**one, "notice": Notice(**one["notice"]), "places": tuple(one["places"])}) for one in document]
