"""Gathers what alerts.toml may set bounds for (the measures are listed in ops/alerting/rules.py), from one witness each."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from core import redisdb
from core.board import Board
from core.journal import Journal, StreamName
from core.settings import Settings
from db import queries
from ops.alerting.archive import Archive
from ops.alerting.judge import Reading
from ops.alerting.rates import HourlyGrowth
from ops.alerting.sources import Answer
from ops.cli import running
from ops.cli.programs import stands_in
from tasks import machine
from tasks.survey import survey
from venues import VENUES

REDIS_SECONDS = 5.0
Readings = dict[str, Reading]


class Witnesses:
    """Everybody who is asked; `began`: when the watcher began to look, as what happened before it saw nobody."""

    def __init__(self, knobs: Settings, home: Path, began: float, clock: Callable[[], float] = time.time) -> None:
        self._knobs, self._home, self._began, self._clock = knobs, home, began, clock
        redis = redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)
        self._board, self._journal = Board(redis, knobs.key_prefix), Journal(redis, knobs.key_prefix)
        self._failures, self._quarantined, self._restarts = HourlyGrowth(), HourlyGrowth(), HourlyGrowth()
        self._archive = Archive(knobs)

    def asked(self) -> Mapping[str, Callable[[], Answer]]:
        return {
            "PostgreSQL": self.database,
            "Redis": self.redis,
            "streams": self.streams,
            "programs": self.programs,
            "machine": self.machine,
        }

    def database(self) -> Answer:
        now, url = self._clock(), self._knobs.database_url
        offsets = queries.rows(url, "stream_offsets")
        sung = {row["key"]: row["updated_at"].timestamp() for row in queries.rows(url, "facts", prefix="canary:")}
        quarantined = self._quarantined.look({row["stream"]: int(row["quarantined"]) for row in offsets}, now)
        facts = {
            "canary_age_seconds": {
                key.partition(":")[2]: self._age(now, at, "nobody has consumed it for {:.0f} s") for key, at in sung.items()
            },
            "beat_silence_seconds": {"beat": self._age(now, max(sung.values(), default=0.0), "no queue has been rung for {:.0f} s")},
            "quarantined_per_hour": _counts(quarantined, "{:,} frames could not be read in the last hour"),
            "gaps_per_hour": {
                f"{row['venue']}:{row['channel']}": Reading(
                    row["gaps"], f"{row['gaps']:,} gaps in the last hour; the newest: {row['newest']}"
                )
                for row in queries.rows(url, "gaps_lately")
            },
            "rollups_age_seconds": {
                row["subject"]: self._age(now, row["caught_up_at"].timestamp(), "bars have been behind their rows for {:.0f} s")
                for row in queries.rows(url, "rollups_caught_up")
            },
            **self._archive.look(now),
            "backup_age_hours": {
                row["key"].partition(":")[2]: _old(now, row["value"].get("at") or row["updated_at"].timestamp(), row["value"])
                for row in queries.rows(url, "facts", prefix="backup:")
            },
            "export_age_hours": {
                row["key"].partition(":")[2]: _unexported(now, row["updated_at"].timestamp())
                for row in queries.rows(url, "facts", prefix="export:")
            },
            "risk_halt": {
                row["key"].partition(":")[2]: Reading(float(bool(row["value"].get("reason"))), f"halted: {row['value'].get('reason')}")
                for row in queries.rows(url, "facts", prefix="halt:")
            },
            "pair_suspended": {
                f"pair {row['pair_id']}": Reading(1.0, f"{row['reason']} ({row['title_a']})")
                for row in queries.rows(url, "pairs_suspended")
            },
        }
        return Answer(facts, {"rows": sum(row["rows"] for row in offsets)})

    def redis(self) -> Answer:
        failures = self._failures.look(self._board.failures(), self._clock())
        return Answer({"errors_per_hour": _counts(failures, "it failed {:,} times in the last hour")})

    def streams(self) -> Answer:
        now, url = self._clock(), self._knobs.database_url
        found = survey(self._knobs, self._board, self._journal)["streams"]
        paused = {row["venue"] for row in queries.rows(url, "venues_in_pause")}
        awake = [stream for stream in found if stream["venue"] not in paused]
        offsets = queries.offsets(url)
        waited = {str(name): self._journal.waited_seconds(name, offsets.get(str(name), "0-0")) for name in self._journal.streams()}
        return Answer(
            {
                "venue_silence_seconds": self._silences(now, awake),
                "stream_overdue_seconds": self._overdue(now, awake),
                "backlog_age_seconds": {
                    name: Reading(seconds, f"the oldest entry has waited {seconds:.0f} s to be written") for name, seconds in waited.items()
                },
            }
        )

    def programs(self) -> Answer:
        """Nothing where no program is known to belong to this host."""
        rows, _ = running.programs(self._home, self._knobs)
        if not rows:
            return Answer()
        up = {row["name"] for row in rows if row["state"] == "running"}
        grown = self._restarts.look({row["name"]: row["restarts"] for row in rows}, self._clock())
        # A supervisor of ours has counted since before the watcher began.
        restarts = grown | {name: fact["restarts_hour"] for name, fact in machine.programs(self._home).items()}
        return Answer(
            {
                "program_down": {row["name"]: _down(row, up) for row in rows},
                "restarts_per_hour": _counts(restarts, "it was started again {:,} times in the last hour"),
            },
            {"restarts": sum(row["restarts"] for row in rows)},
        )

    def machine(self) -> Answer:
        memory = psutil.virtual_memory()
        return Answer(
            {
                "disk_percent": {disk["path"]: _disk(disk) for disk in machine.disks(self._knobs)},
                "memory_percent": {
                    "memory": Reading(memory.percent, f"{memory.percent:.0f} % of {memory.total / 2**30:.1f} GiB are in use")
                },
            }
        )

    def _age(self, now: float, at: float, words: str) -> Reading:
        """Of something that has to happen again and again; what was before the watcher's time counts only from its beginning on."""
        age, seen = max(0.0, now - at), now - self._began
        return Reading(age, words.format(age) if at else words.format(seen), seen)

    def _silences(self, now: float, streams: list[dict[str, Any]]) -> Readings:
        """Of every venue to collect; one that lets in nobody without a login is told by `./farm status` alone."""
        wanted = [name for name in self._knobs.collect if name in VENUES and not self._knobs.lacking(name, VENUES[name].login)]
        ages = {name: [s["last_data_age_s"] for s in streams if s["venue"] == name and s["last_data_age_s"] is not None] for name in wanted}
        there = {stream["venue"] for stream in streams}
        newest = {name: now - min(known) if known else 0.0 for name, known in ages.items() if name in there}
        return {name: self._age(now, at, "no data for {:.0f} s") for name, at in newest.items()}

    def _overdue(self, now: float, streams: list[dict[str, Any]]) -> Readings:
        """By place: the replica that was heard last counts."""
        found: Readings = {}
        for stream in streams:
            name, age = StreamName.parse(stream["name"]), stream["last_data_age_s"]
            allowed = VENUES[name.venue].channel(name.channel).idle_seconds
            subject = f"{name.venue}:{name.channel}:{name.shard}"
            if age is None:
                continue
            reading = Reading(
                max(0.0, age - allowed), f"no data for {age:.0f} s, where {allowed:.0f} s are usual at most", now - self._began
            )
            found[subject] = min(found.get(subject, reading), reading, key=lambda one: one.value)
        return found


def _counts(counts: Mapping[str, int], words: str) -> Readings:
    return {subject: Reading(float(count), words.format(count)) for subject, count in counts.items()}


def _old(now: float, at: float, value: Mapping[str, Any]) -> Reading:
    """Of a backup that was made, of a proof that one can be restored, or of what has been awaited since and never came."""
    hours = max(0.0, now - at) / 3600
    words = f"the last good one is {hours:.1f} hours old" if value.get("file") else f"there has been none for {hours:.1f} hours"
    return Reading(hours, words + (f"; {value['trouble']}" if value.get("trouble") else ""))


def _unexported(now: float, at: float) -> Reading:
    hours = max(0.0, now - at) / 3600
    return Reading(hours, f"closed days have not all been in their files for {hours:.1f} hours")


def _down(row: Mapping[str, Any], up: set[str]) -> Reading:
    down = row["name"] not in up and not stands_in(row["name"], up)
    problem = f" ({row['problem']})" if row["problem"] else ""
    return Reading(float(down), f"it is {row['state']}{problem}")


def _disk(disk: Mapping[str, Any]) -> Reading:
    return Reading(100 * disk["used"], f"{disk['used']:.0%} are in use, {disk['free_bytes'] / 2**30:.1f} GiB are free")
