"""What is looked up when somebody asks for metrics: of the survey, the machine, Redis, the database. Whoever is away tells nothing."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from typing import Any

from core import metrics as told
from core import redisdb
from core.board import Board
from core.budget import Budget
from core.counts import Metric
from core.settings import ROOT, Settings, SettingsError
from db import queries
from ops.alerting import memory, rules
from ops.cli.errors import AWAY
from ops.console.holdings import holdings
from ops.report.components import components
from ops.report.status import REDIS_SECONDS
from tasks import machine
from venues import VENUES

#: (metric, values of its labels, value)
Sample = tuple[Metric, tuple[str, ...], float]
#: Of gaps; told with 0 too, so that the first one is seen as a change.
CAUSES = ("sequence", "disconnected", "frozen", "lost", "journal", "silent", "not subscribed", "book", "witness", "planned pause")


def gauges(knobs: Settings, judged: Mapping[str, Any] | None) -> list[Sample]:
    """`judged`: the document of ops.report.health; None where it did not come in time."""
    surveyed: Mapping[str, Any] = judged["surveyed"] if judged else {}
    rows = judged["components"] if judged else components(knobs.home, knobs)[0]
    found: list[Sample] = [(told.HEALTHY, (), float(judged is not None and judged["state"] == "healthy"))]
    found += [*_machine(knobs), *_programs(rows), *_alerts(knobs), *_streams(surveyed), *_kept(surveyed)]
    asked: list[Callable[[], Iterable[Sample]]] = [lambda: _redis(knobs)]
    if surveyed:  # else the database is away, or Redis, and asking it again would only take time
        asked += [lambda: _gaps(knobs), lambda: holdings(knobs)]
    for ask in asked:
        with suppress(*AWAY):
            found += ask()
    return found


def _machine(knobs: Settings) -> Iterable[Sample]:
    for disk in machine.disks(knobs):
        yield told.DISK_FREE, (disk["path"],), disk["free_bytes"]
        yield told.DISK_USED, (disk["path"],), disk["used"]
    for name, fact in machine.programs(knobs.home).items():
        yield told.PROGRAM_MEMORY, (name,), fact["memory_bytes"]


def _programs(rows: Iterable[Mapping[str, Any]]) -> Iterable[Sample]:
    for row in rows:
        yield told.PROGRAM_RUNNING, (row["name"],), float(row["state"] == "running")
        yield told.PROGRAM_RESTARTS, (row["name"],), row["restarts"]


def _alerts(knobs: Settings) -> Iterable[Sample]:
    try:
        names = set(rules.read(ROOT / knobs.alerts_toml).rules)
    except SettingsError:
        names = set()
    known = memory.load(knobs.home)
    firing = [alert.rule for alert in known.firing] if known else []
    return [(told.ALERTS_FIRING, (name,), firing.count(name)) for name in sorted(names | set(firing))]


def _streams(surveyed: Mapping[str, Any]) -> Iterable[Sample]:
    for stream in surveyed.get("streams", ()):
        place = stream["venue"], stream["channel"], stream["shard"], stream["replica"]
        if stream["last_data_age_s"] is not None:
            yield told.DATA_AGE, place, stream["last_data_age_s"]
        yield told.BACKLOG_ENTRIES, place, stream["backlog_entries"]
        yield told.BACKLOG_SECONDS, place, stream["waited_s"]
        yield told.INSTRUMENTS, place, stream["instruments"]


def _kept(surveyed: Mapping[str, Any]) -> Iterable[Sample]:
    now = time.time()
    for queue, age in surveyed.get("canaries", {}).items():
        yield told.QUEUE_AGE, (queue,), age
    for subject, state in surveyed.get("backups", {}).items():
        yield told.BACKUP_AGE, (subject,), max(0.0, now - state["at"])


def _redis(knobs: Settings) -> list[Sample]:
    with closing(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)) as redis:
        venues = [VENUES[name] for name in knobs.collect if name in VENUES]
        now_ms = time.time_ns() // 1_000_000
        budgets = [(venue.name, Budget(venue.name, venue.limits, redis, prefix=knobs.key_prefix).left(now_ms)) for venue in venues]
        spooled: dict[tuple[str, str], list[float]] = {}
        for who, vital in Board(redis, knobs.key_prefix).vitals("streamer").items():
            _, venue, _, replica = who.split(":")
            total = spooled.setdefault((venue, replica), [0.0, 0.0])
            total[0] += vital.get("spool_bytes", 0)
            total[1] += vital.get("lost_frames", 0)
    found: list[Sample] = [(told.REST_BUDGET, (venue,), left) for venue, left in budgets]
    for place, (waiting, lost) in spooled.items():
        found += [(told.SPOOL_BYTES, place, waiting), (told.LOST_FRAMES, place, lost)]
    return found


def _gaps(knobs: Settings) -> Iterable[Sample]:
    known = {(row["venue"], row["cause"]): (row["open"], row["day"]) for row in queries.rows(knobs.reading_url, "gaps_by_cause")}
    none = {(venue, cause): (0, 0) for venue in knobs.collect if venue in VENUES for cause in CAUSES}
    for place, (lasting, begun) in (none | known).items():
        yield told.GAPS_OPEN, place, lasting
        yield told.GAPS_DAY, place, begun
