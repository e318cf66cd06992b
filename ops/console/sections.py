"""What each part of the page shows of the farm itself, from the functions that answer `/api/…` and the commands too."""

import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from db import queries
from ops.cli.hours import HOUR, floor
from ops.cli.strip import CELLS, cell_of
from ops.console import completeness, running, status
from ops.console.farm import Farm

#: Points of the chart of rates: minutes before somebody looked, and looks since.
MINUTES, LOOKS = 120, 600
#: Points that are further apart are not joined.
BREAK_SECONDS = 150
HOURS, DAYS = 24, 2
#: Rows that are listed at once.
GAPS, ALERTS, TABLES = 50, 12, 12
Context = dict[str, Any]

_looks: deque[tuple[float, dict[str, float]]] = deque(maxlen=LOOKS)


def alive(farm: Farm, _: str) -> Context:
    found = status.components(farm)
    return {"seen": farm.health.get().value, "components": found.components, "canaries": found.canaries}


def rates(farm: Farm, _: str) -> Context:
    """Rows a second of each venue now, and on the chart since an hour or two."""
    seen = farm.health.get()
    streams = seen.value["surveyed"].get("streams", [])
    now = dict.fromkeys(sorted({stream["venue"] for stream in streams}), 0.0)
    for stream in streams:
        now[stream["venue"]] += stream["rows_per_s"]
    if now and (not _looks or _looks[-1][0] < seen.at):
        _looks.append((seen.at, now))
    return {"channels": seen.value["channels"], "rates": now, "total": sum(now.values()), "chart": _curves(farm, sorted(now))}


def _curves(farm: Farm, venues: list[str]) -> dict[str, Any]:
    """{"names", "data": [seconds, values of each venue, ...]}: minutes as the farm noted them, then looks."""
    points: dict[float, dict[str, float]] = {}
    first = _looks[0][0] if _looks else time.time()
    for row in queries.rows(farm.url, "health_rates", minutes=MINUTES):
        if row["checked_at"].timestamp() < first and row["rows_per_s"] is not None:
            points.setdefault(row["checked_at"].timestamp() // 60 * 60, {})[row["venue"]] = row["rows_per_s"]
    points |= dict(_looks)
    at = sorted(points)
    # Where the farm did not run, nothing is drawn.
    for before, after in pairwise(list(at)):
        if after - before > BREAK_SECONDS:
            points[before + 1] = {}
    at = sorted(points)
    return {"names": venues, "data": [[round(one, 1) for one in at], *([points[one].get(venue) for one in at] for venue in venues)]}


def lag(farm: Farm, _: str) -> Context:
    streams = farm.health.get().value["surveyed"].get("streams", [])
    worst = max((stream["lag_ms"]["p99"] or 0 for stream in streams), default=0)
    return {
        "streams": sorted(streams, key=lambda one: (one["venue"], one["channel"], one["shard"], one["replica"])),
        "worst": max(worst, 1),
    }


# --- what is missing ------------------------------------------------------------------------------------------------------
def missing(farm: Farm, _: str) -> Context:
    now = datetime.now(UTC)
    found = farm.coverage(DAYS, lambda: completeness.hours(farm.url, DAYS)).value
    moments = [floor(now) - number * HOUR for number in reversed(range(HOURS))]
    strips = [_strip(channel, moments) for channel in found["channels"]]
    legend = {name: glyph for name, (glyph, _) in CELLS.items()}
    return {"strips": strips, "moments": moments, "stale": found["stale"], "legend": legend}


def _strip(channel: dict[str, Any], moments: Iterable[datetime]) -> Context:
    known, judged = {hour["hour"]: hour for hour in channel["hours"]}, channel["judged_until"]
    cells = []
    for at in moments:
        hour = known.get(at)
        state = cell_of(hour, open_end=judged is not None and at + HOUR > judged)
        key = "|".join((channel["venue"], channel["channel"], at.isoformat()))
        cells.append({"at": at, "state": state, "key": key, "hour": hour, "glyph": CELLS[state][0]})
    return {name: channel[name] for name in ("venue", "channel", "instruments", "verified", "clean")} | {"cells": cells}


def gaps(farm: Farm, about: str) -> Context | None:
    """Of an hour of a channel ("venue|channel|hour"), or of the last day ("day"), with the jobs that are after them."""
    where: dict[str, Any] = {}
    until = datetime.now(UTC)
    since = until - HOURS * HOUR
    if about != "day":
        try:
            where["venue"], where["channel"], text = about.split("|")
            since = datetime.fromisoformat(text).astimezone(UTC)
            until = since + HOUR
        except (ValueError, OverflowError):
            return None
    found = completeness.gaps(farm, **where, since=since, until=until, limit=GAPS)
    return {"about": about, "since": since, **where, "gaps": found.gaps, "more": found.before is not None, "lasted": _lasted}


def _lasted(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else max((end - begin).total_seconds(), 0.0)


# --- what the farm does with itself ---------------------------------------------------------------------------------------
def disk(farm: Farm, _: str) -> Context:
    found = farm.storage.get().value
    tables = sorted((one for one in found["tables"] if one["bytes"]), key=lambda one: -one["bytes"])
    disks = {one["path"]: one for one in found["disks"]}
    live = farm.health.get().value["surveyed"].get("disks", [])
    return {"disks": disks, "tables": tables[:TABLES], "more": max(0, len(tables) - TABLES), "live": live}


def tasks(farm: Farm, _: str) -> Context:
    """What runs next first."""
    found = running.tasks(farm)
    now = datetime.now(UTC)
    schedule = sorted(found.schedule, key=lambda one: (one.next_at is None, one.next_at or now, one.name))
    return {"schedule": schedule, "now": now}


def alerts(farm: Farm, _: str) -> Context:
    return {"found": running.alerts(farm, limit=ALERTS)}
