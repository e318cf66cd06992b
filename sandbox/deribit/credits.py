"""What requests cost: three pools per client address or account, refilled all the time. From the venue's page on rate limits."""

import time
from dataclasses import dataclass, field

# method -> (cost, pool); everything else costs 500 of 50 000
COSTS = {"public/get_instruments": (10_000, 500_000), "public/subscribe": (3_000, 30_000)}
USUAL = (500, 50_000)


@dataclass
class Pool:
    left: float
    at: float


@dataclass
class Credits:
    refill: float  # a second
    _pools: dict[tuple[str, int], Pool] = field(default_factory=dict)

    def charge(self, account: str, method: str) -> bool:
        """False when the account has no credit left for this request."""
        cost, size = COSTS.get(method, USUAL)
        now = time.monotonic()
        if len(self._pools) > 10_000:
            self._pools.clear()
        pool = self._pools.setdefault((account, size), Pool(size, now))
        pool.left = min(size, pool.left + (now - pool.at) * self.refill)
        pool.at = now
        if pool.left < cost:
            return False
        pool.left -= cost
        return True
