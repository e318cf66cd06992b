"""When a farm has recovered: it calls itself healthy, has written what came since, and every worker consumes."""

import time
from datetime import UTC, datetime

from db import queries
from ops.chaos.canaries import Canaries
from ops.chaos.farm import Farm
from ops.chaos.watch import Watch
from ops.cli.errors import AWAY

POLL_SECONDS = 0.25


def await_recovery(farm: Farm, watch: Watch, birds: Canaries, patience_seconds: float, *, rung: bool = False) -> float | None:
    """Seconds until all of that is seen to have happened after now; None when it takes too long. `rung`: and the schedule rings."""
    began, moment = time.monotonic(), datetime.now(UTC)
    while time.monotonic() - began < patience_seconds:
        consumed = birds.consumed_since(moment, rung=rung)
        if consumed and watch.healthy_since(began) and committed_since(farm, moment):
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    return None


def committed_since(farm: Farm, moment: datetime) -> bool:
    """Whether every stream of a socket has committed an event that is younger than the moment."""
    try:
        rows = queries.rows(farm.knobs.database_url, "stream_offsets")
    except AWAY:
        return False
    fed = [row for row in rows if row["shard"] != "rest" and row["venue"] in farm.state.sandboxed and row["last_event_at"]]
    return bool(fed) and all(row["last_event_at"] > moment for row in fed)
