"""How whole the record is over a time, as a document: channels with their hours, and the gaps behind what is broken."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from db import queries

STATES = ("verified", "witnessed", "unverifiable", "broken", "paused")
HOUR = timedelta(hours=1)
#: Gaps in one document.
MOST_GAPS = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """`symbols`: a pattern as of a shell. Hours are whole ones: the first holds `since`, the last one ends at `until` or behind it."""

    since: datetime
    until: datetime
    venue: str | None = None
    channel: str | None = None
    symbols: str | None = None

    def parameters(self) -> dict[str, Any]:
        pattern = None if self.symbols is None else regular(self.symbols)
        return {"venue": self.venue, "channel": self.channel, "symbols": pattern, "since": floor(self.since), "until": self.until}


def floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def regular(pattern: str) -> str:
    """`*` any characters, `?` one, `[...]` one of these; the rest as it stands."""
    parts = re.split(r"(\*|\?|\[[^\]\\]+\])", pattern)
    words = {"*": ".*", "?": "."}
    return f"^{''.join(words.get(part) or (part if part[:1] == '[' and part[-1:] == ']' else re.escape(part)) for part in parts)}$"


def answer(url: str, question: Question, with_rows: Collection[tuple[str, str]], *, gaps: bool) -> dict[str, Any]:
    """The document of `--json`; with `gaps`, the rows behind what is broken. `with_rows`: (venue, channel) of feeds that become rows."""
    given = question.parameters()
    now = {(row["venue"], row["channel"]): row for row in queries.rows(url, "coverage_channels", **_only(given, "venue channel symbols"))}
    rows = queries.rows(url, "coverage_hours", **given)
    by_channel = {place: list(part) for place, part in groupby(rows, key=lambda row: (row["venue"], row["channel"]))}
    places = sorted({*by_channel, *(place for place in now if place in with_rows)})
    found: dict[str, Any] = {
        "from": given["since"],
        "to": given["until"],
        "channels": [_channel(*place, by_channel.get(place, []), now.get(place)) for place in places],
        "stale": queries.rows(url, "stale_coverage")[0]["waiting"],
    }
    if gaps:
        behind = queries.rows(url, "coverage_gaps", **given, limit=MOST_GAPS)
        found["gaps_found"] = behind[0]["found"] if behind else 0
        found["gaps"] = [{name: value for name, value in gap.items() if name != "found"} for gap in behind]
    return found


def _only(given: dict[str, Any], names: str) -> dict[str, Any]:
    return {name: given[name] for name in names.split()}


def _channel(venue: str, channel: str, rows: list[dict[str, Any]], now: dict[str, Any] | None) -> dict[str, Any]:
    seconds = {state: sum(row[state] for row in rows) for state in STATES}
    return {
        "venue": venue,
        "channel": channel,
        "instruments": max((row["instruments"] for row in rows), default=0),
        **shares(seconds),
        "seconds": seconds,
        "newest_at": max((row["newest_at"] for row in rows if row["newest_at"] is not None), default=None),
        "judged_until": now["judged_until"] if now else None,
        "behind": (now["behind"] or []) if now else [],
        "strangers": int(now["strangers"]) if now else 0,
        "hours": [
            {
                **_only(row, "hour instruments broken_instruments"),
                "state": state_of(row),
                **_only(row, " ".join(STATES)),
                "newest_at": row["newest_at"],
            }
            for row in rows
        ],
    }


def shares(seconds: dict[str, float]) -> dict[str, float | None]:
    """Percent of the time that was asked for without the pauses: `verified` is proven whole, `clean` has no known loss. Never rounded up."""
    whole = sum(seconds.values()) - seconds["paused"]
    if whole <= 0:
        return {"verified": None, "clean": None}
    return {"verified": _down(seconds["verified"] / whole), "clean": _down(1 - seconds["broken"] / whole)}


def _down(share: float) -> float:
    return int(share * 10_000 + 1e-6) / 100


def state_of(row: dict[str, Any]) -> str:
    """Of an hour of many instruments: broken where one of them is; else what most of the time is."""
    if row["broken_instruments"]:
        return "broken"
    most = max((state for state in STATES if state != "broken"), key=lambda state: row[state])
    return "planned pause" if most == "paused" else most


def plain(value: Any) -> Any:
    """As JSON has it: times in ISO 8601."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value
