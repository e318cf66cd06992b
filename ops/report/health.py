"""How the farm is, with what a monitor wants beside the judgement: endpoints in use, what came in lately, what waits, what is missing."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from core.settings import Settings
from db import queries
from ops.cli.errors import AWAY
from ops.report.status import examined, told
from venues import VENUES

#: Rows are counted over these times, name -> seconds.
WINDOWS = {"rows_5m": 300.0, "rows_60m": 3600.0}
Row = Mapping[str, Any]


def document(home: Path, knobs: Settings) -> dict[str, Any]:
    """Never raises for what is down: that is a reason."""
    surveyed, reasons, notices, rows = examined(home, knobs)
    channels: list[dict[str, Any]] = []
    gaps: dict[str, int] = {}
    if surveyed:
        try:
            channels, gaps = _channels(knobs.database_url, surveyed["streams"]), _gaps(knobs)
        except AWAY as exc:
            reasons = [*reasons, told(exc)]
    return {
        "state": "unhealthy" if reasons else "healthy",
        "reasons": reasons,
        "notices": notices,
        "looked_at": datetime.fromtimestamp(time.time(), UTC),
        "endpoints": endpoints(knobs),
        "components": rows,
        "channels": channels,
        "gaps_open": gaps,
        "quarantined": surveyed.get("quarantined", 0),
        "surveyed": surveyed,
    }


def endpoints(knobs: Settings) -> dict[str, dict[str, str]]:
    """venue -> where its sockets and its REST calls go, with nothing in it that could be a secret."""
    found = {}
    for name in knobs.collect:
        if name in VENUES:
            venue = VENUES[name]
            found[name] = {"ws": bare(knobs.ws_url(name, venue.ws_url)), "rest": bare(knobs.rest_url(name, venue.rest_url))}
    return found


def bare(url: str) -> str:
    """Without login, options and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _gaps(knobs: Settings) -> dict[str, int]:
    known = {row["venue"]: row["gaps"] for row in queries.rows(knobs.database_url, "open_gaps_by_venue")}
    return {venue: 0 for venue in knobs.collect if venue in VENUES} | known


def _channels(url: str, streams: Sequence[Row]) -> list[dict[str, Any]]:
    checks = {row["seconds"]: row for row in queries.rows(url, "rows_at_checks", seconds=list(WINDOWS.values()))}
    written = {(row["venue"], row["channel"]): row for row in queries.rows(url, "rows_written")}
    now = datetime.now(UTC)
    by_place: dict[tuple[str, str], list[Row]] = {place: [] for place in written}
    for stream in streams:
        by_place.setdefault((stream["venue"], stream["channel"]), []).append(stream)
    return [
        {
            "venue": place[0],
            "channel": place[1],
            "instruments": sum(stream["instruments"] for stream in parts),
            **{name: lately(written.get(place), checks.get(seconds), seconds, now) for name, seconds in WINDOWS.items()},
            **_waiting(parts),
        }
        for place, parts in sorted(by_place.items())
    ]


def _waiting(parts: Iterable[Row]) -> dict[str, Any]:
    """Of the streams of a channel; one that only REST polls bring has none that is watched."""
    parts = list(parts)
    return {
        "last_data_age_s": min((one["last_data_age_s"] for one in parts if one["last_data_age_s"] is not None), default=None),
        "backlog_entries": sum(one["backlog_entries"] for one in parts),
        "backlog_s": max((one["waited_s"] for one in parts), default=0.0),
    }


def lately(written: Row | None, check: Row | None, seconds: float, now: datetime) -> dict[str, Any]:
    """{"rows", "seconds"}: what was written, and in which time. Since the check that was made so many seconds ago or just before; of a
    channel that is younger, since its first frame; of a farm that has just begun to count, since it did; `rows` is absent where it has not."""
    if written is None:
        return {"rows": 0, "seconds": seconds}
    before = (check or {}).get("rows", {}).get(f"{written['venue']}:{written['channel']}")
    since, heard = check["checked_at"] if check and before is not None else None, written["heard_from"]
    if (since is None or _age(since, now) < seconds) and heard is not None and _age(heard, now) <= seconds:
        since, before = heard, 0
    if since is None:
        return {"rows": None, "seconds": seconds}
    return {"rows": max(0, written["rows"] - int(before)), "seconds": round(_age(since, now), 1)}


def _age(at: datetime, now: datetime) -> float:
    return (now - at).total_seconds()
