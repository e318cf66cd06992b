"""REST answers about the exchange and the account: status, schedule, limits."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.kalshi.buckets import COST, COSTS, HELD_SECONDS, Buckets
from sandbox.kalshi.keys import KEY_ID
from sandbox.kalshi.queries import Query
from sandbox.kalshi.times import rfc3339
from sandbox.kalshi.venue import Kalshi

NEW_YORK = ZoneInfo("America/New_York")
THURSDAY, FROM_HOUR, TO_HOUR, WEEKS = 3, 3, 5, 4
SHARDS = ("Default", "Combos", "Crypto and commodities", "Sports")


class Exchange:
    def __init__(self, venue: Kalshi, buckets: Buckets) -> None:
        self._venue, self._buckets = venue, buckets

    def status(self, query: Query) -> dict[str, Any]:
        maintained = self._venue.troubles.maintained()
        pause = maintained or self._venue.faults.first("trading_pause")
        active, trading = maintained is None, pause is None
        transfers = {"intra_exchange_transfers_active": active}
        shards = [
            {"exchange_index": index, "description": name, "exchange_active": active, "trading_active": trading, **transfers}
            for index, name in enumerate(SHARDS)
        ]
        body = {"exchange_active": active, "trading_active": trading, **transfers, "exchange_index_statuses": shards}
        return body | ({"exchange_estimated_resume_time": rfc3339(pause.until_us)} if pause and pause.until_us else {})

    def schedule(self, query: Query) -> dict[str, Any]:
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        hours = {day: [{"open_time": "00:00", "close_time": "00:00"}] for day in days}
        hours["thursday"] = [{"open_time": "00:00", "close_time": "03:00"}, {"open_time": "05:00", "close_time": "00:00"}]
        week = {"start_time": "2026-01-01T05:00:00Z", "end_time": "2030-01-01T05:00:00Z", **hours}
        windows = sorted([*self._weekly(), *self._venue.commands.windows])
        told = [{"start_datetime": rfc3339(start), "end_datetime": rfc3339(end)} for start, end in windows]
        return {"schedule": {"standard_hours": [week], "maintenance_windows": told}}

    def _weekly(self) -> list[tuple[int, int]]:
        """The next Thursdays, from 03:00 to 05:00 in New York."""
        now = datetime.fromtimestamp(self._venue.clock.now_us() / 1e6, NEW_YORK)
        first = (now + timedelta(days=(THURSDAY - now.weekday()) % 7)).replace(minute=0, second=0, microsecond=0)
        found = []
        for week in range(WEEKS):
            day = first + timedelta(days=7 * week)
            ends = [day.replace(hour=hour).astimezone(UTC).timestamp() for hour in (FROM_HOUR, TO_HOUR)]
            found.append((int(ends[0]) * 1_000_000, int(ends[1]) * 1_000_000))
        return found

    def limits(self, query: Query) -> dict[str, Any]:
        rate = self._buckets.rate(KEY_ID)
        read = {"refill_rate": int(rate), "bucket_capacity": int(rate * HELD_SECONDS)}
        return {"usage_tier": "basic", "read": read, "write": {"refill_rate": 100, "bucket_capacity": 200}, "grants": []}

    def costs(self, query: Query) -> dict[str, Any]:
        rows = [{"method": "GET", "path": f"/trade-api/v2{path}", "cost": cost} for path, cost in COSTS.items()]
        return {"default_cost": COST, "endpoint_costs": rows}
