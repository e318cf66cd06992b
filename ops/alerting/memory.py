"""What the watcher remembers over its restarts, in FARM_HOME/alerts.json: no database is needed for it. `./farm alert list` and
`./farm status` read the same file."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.alerting import outbox
from ops.alerting.judge import Alert, Key
from ops.alerting.outbox import Waiting

log = logging.getLogger(__name__)

FILE = "alerts.json"
#: Alerts whose rows the database has not taken yet; beyond, the oldest are not recorded there.
MOST_UNRECORDED = 1_000
#: Alerts that the day's word lists.
MOST_FIRED = 50
#: The watcher looks every few seconds; one that has not for so long does not look.
BLIND_SECONDS = 330.0
#: What makes a row worth writing again; a value that goes on growing does not.
CHANGING = ("severity", "fired", "ended", "sent", "last_sent")


@dataclass(slots=True)
class Memory:
    """Times are seconds of the epoch. `day`: figures at the day's last word. `fired`: what has fired since, in words."""

    looked_at: float = 0.0
    alerts: dict[Key, Alert] = field(default_factory=dict)
    unrecorded: dict[tuple[str, str, float], Alert] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    trouble: dict[str, str] = field(default_factory=dict)
    given_up: int = 0
    day: dict[str, float] = field(default_factory=dict)
    fired: list[str] = field(default_factory=list)

    @property
    def firing(self) -> list[Alert]:
        return sorted(
            (alert for alert in self.alerts.values() if alert.fired is not None and alert.ended is None), key=lambda one: one.since
        )

    def note(self, before: Alert | None, alert: Alert) -> None:
        """Its row in the database shall say this, and the day's word that it fired."""
        if alert.fired is None or (before is not None and _row(before) == _row(alert)):
            return
        self.unrecorded[alert.rule, alert.subject, alert.since] = alert
        while len(self.unrecorded) > MOST_UNRECORDED:
            (lost, *_) = self.unrecorded
            del self.unrecorded[lost]
            log.warning("Too many alerts wait for the database, and the oldest will have no row. alert=%s", lost)
        if (before is None or before.fired is None) and len(self.fired) <= MOST_FIRED:
            words = f"{datetime.fromtimestamp(alert.fired, UTC):%m-%d %H:%M} {alert.rule} {alert.subject}: {alert.words}"
            self.fired.append(words if len(self.fired) < MOST_FIRED else "and more, which the table alerts has")


def troubles(known: Memory, now: float) -> list[str]:
    """Why a call for help might not be heard."""
    found = [f"an alert does not reach {place}, and is sent again: {why}" for place, why in known.trouble.items()]
    if known.given_up:
        found.append(f"{known.given_up} messages were given up, as a place never took them: `./farm logs watcher` names them")
    if now - known.looked_at > BLIND_SECONDS:
        found.append(f"the watcher has not looked at the farm for {now - known.looked_at:.0f} s: `./farm logs watcher` shows what it says")
    return found


def _row(alert: Alert) -> tuple[object, ...]:
    return tuple(getattr(alert, name) for name in CHANGING)


def load(home: Path) -> Memory | None:
    """None when there is none, or none that can be read: a watcher then begins anew."""
    try:
        document = json.loads((home / FILE).read_text(encoding="utf-8"))
        return _parsed(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save(home: Path, memory: Memory) -> None:
    document = {
        "looked_at": memory.looked_at,
        "alerts": [asdict(alert) for alert in memory.alerts.values()],
        "unrecorded": [asdict(alert) for alert in memory.unrecorded.values()],
        "waiting": outbox.dumped(memory.waiting),
        "trouble": memory.trouble,
        "given_up": memory.given_up,
        "day": memory.day,
        "fired": memory.fired,
    }
    draft = home / f".{FILE}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False)
    draft.replace(home / FILE)


def _parsed(document: Mapping[str, Any]) -> Memory:
    alerts, unrecorded = ([Alert(**one) for one in document[name]] for name in ("alerts", "unrecorded"))
    return Memory(
        looked_at=float(document["looked_at"]),
        alerts={alert.key: alert for alert in alerts},
        unrecorded={(alert.rule, alert.subject, alert.since): alert for alert in unrecorded},
        waiting=outbox.loaded(document["waiting"]),
        trouble=dict(document["trouble"]),
        given_up=int(document["given_up"]),
        day={name: float(value) for name, value in document["day"].items()},
        fired=[str(words) for words in document["fired"]],
    )
