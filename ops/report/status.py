"""How the farm is: the one judgement, behind `./farm status` and the console. From its programs, the journal, the board and the database."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from core import redisdb
from core.board import Board
from core.journal import Journal
from core.settings import Settings
from db import queries
from ops.alerting import memory
from ops.cli.errors import AWAY, sentence
from ops.cli.programs import FIRST_REPLICA, WATCHER_NAME, use_database
from ops.report.components import components
from tasks.survey import survey

REDIS_SECONDS = 3.0
STREAM_FIELDS = ("venue", "channel", "shard", "instruments", "rows_per_s", "last_data_age_s", "backlog_entries", "lag_ms")


def report(home: Path, knobs: Settings | None, blind: str = "") -> dict[str, Any]:
    """The document of `./farm status --json`. Never raises for what is down: that is a reason. `blind`: why there are no settings."""
    surveyed, reasons, notices, rows = examined(home, knobs, blind)
    found: dict[str, Any] = {"streams": [], "gaps_open": 0, "quarantined": 0, "backups": {}}
    if surveyed:
        # Who runs no replicas need not know of them.
        named = ("replica",) if any(stream["replica"] != FIRST_REPLICA for stream in surveyed["streams"]) else ()
        found["streams"] = [
            {name: stream[name] for name in (*STREAM_FIELDS[:3], *named, *STREAM_FIELDS[3:])} for stream in surveyed["streams"]
        ]
        found |= {name: surveyed[name] for name in ("gaps_open", "quarantined", "backups")}
    shown = [{name: row[name] for name in ("name", "state", "pid", "restarts")} for row in rows]
    return {"healthy": not reasons, "reasons": reasons + notices, "components": shown, **found}


def examined(
    home: Path, knobs: Settings | None, blind: str = ""
) -> tuple[dict[str, Any], list[str], list[str], Sequence[Mapping[str, Any]]]:
    """(what tasks.survey found, or nothing; reasons; notices; components)."""
    rows, reasons, notices = components(home, knobs)
    surveyed: dict[str, Any] = {}
    if knobs is not None:
        surveyed, lacking = _surveyed(knobs)
        reasons = reasons + lacking
    elif not reasons:
        reasons = [blind]
    reasons = [*reasons, *surveyed.get("reasons", []), *_unheard(home, rows)]
    return surveyed, reasons, notices + surveyed.get("notices", []), rows


def _unheard(home: Path, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why nobody would be told of what is wrong. A watcher that has just been started has yet to look."""
    watcher = next((row for row in rows if row["name"] == WATCHER_NAME and row["state"] == "running"), None)
    known = memory.load(home)
    if watcher is None or known is None:
        return []
    known.looked_at = max(known.looked_at, watcher["since"] or 0.0)
    return memory.troubles(known, time.time())


def _surveyed(knobs: Settings) -> tuple[dict[str, Any], list[str]]:
    """(survey, reasons why there is none): without its three witnesses there is no survey, so each is asked by itself."""
    with closing(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)) as redis:
        if not use_database(knobs):
            return _without_database(redis)
        try:
            return survey(knobs, Board(redis, knobs.key_prefix), Journal(redis, knobs.key_prefix)), []
        except AWAY as exc:
            reasons = []
            for ask in (redis.ping, lambda: queries.rows(knobs.database_url, "stream_offsets")):
                try:
                    ask()
                except AWAY as cause:
                    reasons.append(told(cause))
            return {}, reasons or [told(exc)]


def _without_database(redis: redisdb.Client) -> tuple[dict[str, Any], list[str]]:
    """Streams, lag and gaps are known to hosts that reach the database."""
    try:
        redis.ping()
    except AWAY as exc:
        return {}, [told(exc)]
    return {}, []


def told(exc: Exception) -> str:
    known = sentence(exc)
    return known[0].replace(": `./farm status` says what runs.", "") if known else f"{type(exc).__name__}: {exc}"
