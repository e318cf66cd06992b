"""Token buckets: what a request costs, refilled all the time; one for each account, one for each address that does not sign."""

import time
from dataclasses import dataclass, field

COST = 10
COSTS = {"/markets/trades": 20, "/markets/orderbooks": 20}  # what the account's own page on costs lists
ANONYMOUS_SHARE = 0.5
HELD_SECONDS = 2.0


@dataclass
class Bucket:
    left: float
    at: float


@dataclass
class Buckets:
    refill: float  # tokens a second of the account
    _held: dict[str, Bucket] = field(default_factory=dict)

    def rate(self, account: str) -> float:
        return self.refill if account else self.refill * ANONYMOUS_SHARE

    def charge(self, account: str, address: str, cost: int) -> bool:
        """False when the bucket does not hold so much now."""
        rate, now = self.rate(account), time.monotonic()
        if len(self._held) > 10_000:
            self._held.clear()
        bucket = self._held.setdefault(account or f"anonymous {address}", Bucket(rate * HELD_SECONDS, now))
        bucket.left = min(rate * HELD_SECONDS, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left < cost:
            return False
        bucket.left -= cost
        return True
