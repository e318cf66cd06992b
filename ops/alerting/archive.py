"""What may be told of the raw archive: how far it is, what it missed, and what other storage lacks."""

from collections.abc import Mapping

from core.settings import Settings
from db import queries
from ops.alerting.judge import Reading
from ops.alerting.rates import HourlyGrowth


class Archive:
    def __init__(self, knobs: Settings) -> None:
        self._knobs = knobs
        self._missed = HourlyGrowth()

    def look(self, now: float) -> dict[str, dict[str, Reading]]:
        """Nothing of an archive that is switched off."""
        if not self._knobs.archives:
            return {}
        rows = queries.rows(self._knobs.database_url, "archived_streams")
        facts = {row["key"]: row["value"] for row in queries.rows(self._knobs.database_url, "facts", prefix="archive:")}
        trouble = facts.get("archive:write", {}).get("trouble") or ""
        behind: dict[str, float] = {}
        for row in rows:
            channel = ":".join(row["stream"].split(":")[:2])
            behind[channel] = max(behind.get(channel, 0.0), now - row["archived_to"])
        missed = self._missed.look({row["stream"]: int(row["missed"]) for row in rows}, now)
        return {
            "archive_behind_seconds": {
                channel: Reading(seconds, f"the archive is {seconds:.0f} s behind{f' ({trouble})' if trouble else ''}")
                for channel, seconds in behind.items()
            },
            "archive_missed_per_hour": {
                stream: Reading(float(count), f"{count:,} entries were trimmed before they were archived")
                for stream, count in missed.items()
            },
            "upload_behind_hours": _behind(facts.get("archive:upload", {}), now) if self._knobs.s3_endpoint_url else {},
        }


def _behind(fact: Mapping[str, object], now: float) -> dict[str, Reading]:
    oldest = fact.get("oldest")
    if not isinstance(oldest, int | float):
        return {"archive": Reading(0.0, "all is there")}
    hours = max(0.0, now - oldest) / 3600
    trouble = f" ({fact['trouble']})" if fact.get("trouble") else ""
    return {"archive": Reading(hours, f"{fact.get('files')} files wait, the oldest for {hours:.1f} hours{trouble}")}
