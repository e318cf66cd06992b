"""The farm's look at itself: a canary on every queue, and once a minute a row that says whether all was well."""

import json
from typing import Any

from db import queries
from tasks import app, in_force, resources
from tasks.survey import survey

#: Of what the supervisor knows, what is worth a line a minute; what it did last stands in its log.
PROGRAM_FIGURES = ("restarts", "restarts_hour", "memory_bytes")


@app.task
def canary(queue: str) -> dict[str, Any]:
    """Proves that somebody consumes the queue: status looks at the age of this fact."""
    queries.run(resources.config().database_url, "record_fact", key=f"canary:{queue}", value=json.dumps({}))
    return {"queue": queue}


@app.task
def check() -> dict[str, Any]:
    """Write what `./farm status` would say into platform_health_logs and collector_status, and what is in force into system_metadata."""
    url = resources.config().database_url
    found = survey(resources.config(), resources.board(), resources.journal())
    for stream in found["streams"]:
        queries.run(
            url,
            "record_collector",
            stream=stream["name"],
            state=stream["state"],
            instruments=stream["instruments"],
            rows_per_second=round(stream["rows_per_s"]),
            backlog_entries=stream["backlog_entries"],
        )
    streams = {stream["name"]: stream for stream in found["streams"]}
    figures = {key: found[key] for key in ("gaps_open", "quarantined", "disks", "canaries")} | {
        "programs": {name: {key: fact[key] for key in PROGRAM_FIGURES} for name, fact in found["programs"].items()},
        "backlog_entries": sum(stream["backlog_entries"] for stream in streams.values()),
        "waited_s": max((stream["waited_s"] for stream in streams.values()), default=0.0),
        "data_age_s": {name: stream["last_data_age_s"] for name, stream in streams.items()},
        # In all: what came between two checks is their difference, whoever asks and whenever.
        "rows": {f"{row['venue']}:{row['channel']}": row["rows"] for row in queries.rows(url, "rows_written")},
    }
    healthy, reasons = not found["reasons"], found["reasons"] + found["notices"]
    _record("", reasons, figures, healthy=healthy)
    for venue in sorted({stream["venue"] for stream in streams.values()} | set(resources.config().collect)):
        mine = [reason for reason in found["reasons"] if reason.startswith(f"{venue}:")]
        notices = [notice for notice in found["notices"] if notice.startswith(f"{venue}:")]
        _record(venue, mine + notices, _figures([one for one in streams.values() if one["venue"] == venue]), healthy=not mine)
    in_force.tell(resources.config_now(), str(resources.journal().client.info("server")["redis_version"]))
    return {"healthy": healthy, "reasons": reasons}


def _record(venue: str, reasons: list[str], figures: dict[str, Any], *, healthy: bool) -> None:
    told = {"reasons": json.dumps(reasons), "figures": json.dumps(figures)}
    queries.run(resources.config().database_url, "record_health", venue=venue, healthy=int(healthy), **told)


def _figures(streams: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the streams of one venue."""
    ages = [stream["last_data_age_s"] for stream in streams if stream["last_data_age_s"] is not None]
    lags = [stream["lag_ms"]["p99"] for stream in streams if stream["lag_ms"]["p99"] is not None]
    return {
        "streams": len(streams),
        "live": sum(stream["state"] == "live" for stream in streams),
        "instruments": sum(stream["instruments"] for stream in streams),
        "rows_per_s": round(sum(stream["rows_per_s"] for stream in streams), 1),
        "backlog_entries": sum(stream["backlog_entries"] for stream in streams),
        "waited_s": max((stream["waited_s"] for stream in streams), default=0.0),
        "data_age_s": min(ages, default=None),
        "lag_p99_ms": max(lags, default=None),
    }
