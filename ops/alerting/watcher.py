"""The loop: ask, judge, tell, remember. It needs nothing of what it watches, so that anything of it may be dead."""

import functools
import logging
import socket
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from core import timetable
from core.settings import ROOT, Settings, SettingsError
from db import queries
from ops.alerting import memory as memories
from ops.alerting import rules as files
from ops.alerting.judge import RECOVERY, Alert, Facts, Message, Reading, judge
from ops.alerting.memory import Memory
from ops.alerting.notices import Day, daily, notice
from ops.alerting.outbox import Outbox
from ops.alerting.places import places
from ops.alerting.rules import Rules
from ops.alerting.sources import Answer, Source, gather

log = logging.getLogger(__name__)

#: Sources that stand for a server: while one does not answer, the server is away.
_SERVERS = ("PostgreSQL", "Redis")


class Watcher:
    """`asked`: who tells facts. Times are seconds of the epoch, given by whoever calls."""

    def __init__(self, knobs: Settings, asked: Mapping[str, Callable[[], Answer]], began: float) -> None:
        self._knobs, self._began = knobs, began
        self._farm = f"Tapefarm on {socket.gethostname()}"
        self._runbooks = knobs.alert_runbooks_url.rstrip("/") or str(ROOT / "ops" / "runbooks")
        self._quiet, self._cron = timetable.quiet(knobs.alert_quiet), timetable.cron(knobs.alert_test_cron)
        self.places = tuple(places(knobs.alert_urls))
        self._sources = [Source(name, ask, began) for name, ask in asked.items()]
        self._recorder = Source("alerts", self._record, began)
        self._to_record: list[tuple[tuple[str, str, float], Alert]] = []
        self._recorded: deque[tuple[tuple[str, str, float], Alert]] = deque()
        self.rules, self._broken = Rules(), ""
        self.memory = memories.load(knobs.home) or Memory()
        self._figures: dict[str, float] = {}
        self._disks: Mapping[str, Reading] = {}
        self._outbox = Outbox(
            {"ALERT_URLS": knobs.alert_urls},
            waiting=deque(self.memory.waiting),
            given_up=self.memory.given_up,
            trouble={place: why for place, why in self.memory.trouble.items() if place in self.places},
        )

    def look(self, now: float) -> None:
        self._read_rules()
        facts = self._facts(now)
        known = self.memory.alerts
        self.memory.alerts, messages, over = judge(self.rules.rules, facts, known, now, self._quiet)
        for alert in (*self.memory.alerts.values(), *over):
            self.memory.note(known.get(alert.key), alert)
        self._tell(messages, now)
        self._say_daily(now)
        self._keep_rows()
        self.memory.looked_at = now
        self._outbox.turn(now)
        self._save()

    def turn(self, now: float) -> None:
        """Between two looks: see what became of what was sent."""
        if self._outbox.waiting:
            self._outbox.turn(now)
            self._save()

    def close(self, now: float) -> None:
        self._outbox.close(now)
        self._save()

    def _save(self) -> None:
        self.memory.waiting = list(self._outbox.waiting)
        self.memory.given_up, self.memory.trouble = self._outbox.given_up, dict(self._outbox.trouble)
        try:
            memories.save(self._knobs.home, self.memory)
        except OSError as exc:  # a full disk is among what is to be told
            log.warning("What the watcher knows could not be written. why=%s", exc)

    def _read_rules(self) -> None:
        path = ROOT / self._knobs.alerts_toml
        try:
            self.rules, self._broken = files.read(path), ""
        except SettingsError as exc:
            if str(exc) != self._broken:
                log.error("The rules cannot be used; those read before stay in force. why=%s", exc)
            self._broken = str(exc)

    def _facts(self, now: float) -> Facts:
        answers = gather(self._sources, now)
        facts = {measure: readings for answer in answers.values() for measure, readings in answer.facts.items()}
        for answer in answers.values():
            self._figures |= answer.figures
        self._disks = facts.get("disk_percent", {})
        facts["rules_unreadable"] = {self._knobs.alerts_toml: Reading(float(bool(self._broken)), self._broken or "it can be read")}
        servers = [source for source in self._sources if source.name in _SERVERS]
        facts["server_away_seconds"] = {source.name: _away(source, now) for source in servers}
        return facts

    def _tell(self, messages: list[Message], now: float) -> None:
        for message in messages:
            alert, level = message.alert, logging.INFO if message.kind == RECOVERY else logging.WARNING
            log.log(level, "%s. rule=%s subject=%s words=%s", message.kind.capitalize(), alert.rule, alert.subject, alert.words)
        if messages:
            self._outbox.add(notice(self._farm, messages, self._runbooks), self.places, now)

    def _say_daily(self, now: float) -> None:
        day = self.memory.day
        if not day:
            day = self.memory.day = {"at": now, **self._figures}
        if self._cron is None or not timetable.is_due(self._cron, _moment(day["at"]), _moment(now)):
            return
        gaps = gather([Source("day", functools.partial(self._gaps, day["at"]), now)], now)
        grown = {**self._figures, **(gaps["day"].figures if gaps else {})}
        for name in day.keys() & self._figures.keys():  # a total that fell has begun anew
            grown[name] = total - day[name] if (total := self._figures[name]) >= day[name] else total
        figures = {name: int(value) for name, value in grown.items() if name in day or name not in self._figures}
        disks = {folder: reading.value for folder, reading in self._disks.items()}
        self._outbox.add(daily(self._farm, Day(day["at"], figures, disks, tuple(self.memory.fired)), self.memory.firing), self.places, now)
        self.memory.day, self.memory.fired = {"at": now, **self._figures}, []

    def _gaps(self, since: float) -> Answer:
        (row,) = queries.rows(self._knobs.database_url, "gaps_of_day", since=since)
        return Answer(figures={"opened": row["opened"], "filled": row["filled"]})

    def _keep_rows(self) -> None:
        """In a thread of its own, as the database may hang. What it has taken is taken off at the next look."""
        while self._recorded:
            key, alert = self._recorded.popleft()
            if self.memory.unrecorded.get(key) == alert:
                del self.memory.unrecorded[key]
        if self.memory.unrecorded:
            self._to_record = list(self.memory.unrecorded.items())
            self._recorder.begin()

    def _record(self) -> Answer:
        for key, alert in self._to_record:
            row = {name: getattr(alert, name) for name in (*_KEY, *memories.CHANGING, "value", "words")}
            queries.run(self._knobs.database_url, "record_alert", **row)
            self._recorded.append((key, alert))
        return Answer()


_KEY = ("rule", "subject", "since")


def _away(source: Source, now: float) -> Reading:
    age = max(0.0, now - source.answered)
    return Reading(age, f"no answer for {age:.0f} s: {source.trouble}" if source.trouble else "it answers")


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
