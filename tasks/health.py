"""The farm's look at itself: a canary on every queue, and once a minute a row that says whether all was well."""

import json
from typing import Any

from db import queries
from tasks import app, resources
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
    """Write what `./farm status` would say into platform_health_logs and collector_status."""
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
    }
    healthy, reasons = not found["reasons"], found["reasons"] + found["notices"]
    queries.run(url, "record_health", healthy=int(healthy), reasons=json.dumps(reasons), figures=json.dumps(figures))
    return {"healthy": healthy, "reasons": reasons}
