"""What runs when and what went wrong: the schedule, failures of tasks, alerts."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

import celeryconfig
from db import queries
from ops.alerting import memory
from ops.alerting.memory import troubles
from ops.console.farm import Asked

router = APIRouter(prefix="/api", tags=["running"])

MOST_ROWS = 500


class Entry(BaseModel):
    name: str
    task: str
    args: list[str]
    queue: str
    every_seconds: float | None = Field(description="null: at times of a crontab")
    crontab: str | None
    last_at: datetime | None = Field(description="when it was rung last; null: not since Redis remembers")
    next_at: datetime | None = Field(description="null while the last is not known")
    failures: int = Field(description="of the task, in all")


class Tasks(BaseModel):
    schedule: list[Entry]
    failures: dict[str, int] = Field(description="task: failures so far")


class Firing(BaseModel):
    rule: str
    subject: str
    severity: str
    since: datetime
    value: float
    words: str
    runbook: str


class Past(BaseModel):
    rule: str
    subject: str
    severity: str
    since_at: datetime
    fired_at: datetime
    ended_at: datetime | None
    value: float
    words: str
    messages: int
    last_sent_at: datetime | None


class Alerts(BaseModel):
    looked_at: datetime | None = Field(description="by the watcher; null: never")
    firing: list[Firing]
    troubles: list[str] = Field(description="why a call for help might not be heard")
    recent: list[Past]
    limit: int


@router.get("/tasks")
def tasks(farm: Asked) -> Tasks:
    """Each entry of the schedule with its last and next run."""
    with farm.board() as board:
        rung, failures = board.rung(), board.failures()
    now = datetime.now(UTC)
    return Tasks(
        schedule=[_entry(name, entry, rung.get(name), failures, now) for name, entry in sorted(celeryconfig.beat_schedule.items())],
        failures=failures,
    )


def _entry(name: str, entry: dict[str, Any], rung: float | None, failures: dict[str, int], now: datetime) -> Entry:
    last = None if rung is None else datetime.fromtimestamp(rung, UTC)
    regular = isinstance(entry["schedule"], int | float)
    return Entry(
        name=name,
        task=entry["task"],
        args=[str(value) for value in entry["args"]],
        queue=_queue(entry),
        every_seconds=float(entry["schedule"]) if regular else None,
        crontab=None if regular else _crontab(entry["schedule"]),
        last_at=last,
        next_at=None if last is None else _next(entry["schedule"], last, now),
        failures=failures.get(entry["task"], 0),
    )


def _queue(entry: Mapping[str, Any]) -> str:
    routes: Mapping[str, Any] = celeryconfig.task_routes
    routed = (str(route["queue"]) for pattern, route in routes.items() if entry["task"].startswith(pattern.removesuffix("*")))
    return str(entry["options"].get("queue") or next(routed, celeryconfig.task_default_queue))


def _crontab(schedule: Any) -> str:
    fields = ("_orig_minute", "_orig_hour", "_orig_day_of_month", "_orig_month_of_year", "_orig_day_of_week")
    return " ".join(str(getattr(schedule, field)) for field in fields)


def _next(schedule: Any, last: datetime, now: datetime) -> datetime:
    """One that is overdue is due now."""
    if isinstance(schedule, int | float):
        return max(now, datetime.fromtimestamp(last.timestamp() + schedule, UTC))
    begin, length, _ = schedule.remaining_delta(last)
    found: datetime = begin + length
    return max(now, found.astimezone(UTC))


@router.get("/alerts")
def alerts(farm: Asked, limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50) -> Alerts:
    """What calls for help now, as the watcher knows it without a database, and what did lately."""
    known = memory.load(farm.knobs.home)
    firing = [
        Firing(
            **{name: getattr(one, name) for name in ("rule", "subject", "severity", "value", "words")},
            since=datetime.fromtimestamp(one.since, UTC),
            runbook=one.page,
        )
        for one in (known.firing if known else [])
    ]
    return Alerts(
        looked_at=datetime.fromtimestamp(known.looked_at, UTC) if known else None,
        firing=firing,
        troubles=troubles(known, time.time()) if known else ["no watcher has looked at this farm yet"],
        recent=[Past(**row) for row in queries.rows(farm.url, "alerts_lately", limit=limit)],
        limit=limit,
    )
