"""One of several processes does a thing: whoever holds the lease, a key in Redis that expires unless it is renewed (keys: core/redisdb.py).

The holder is known by a token of its own, so that nobody renews or gives back what another holds. It knows by its own clock when its
lease may have passed to another, without asking: a process that was stopped for a minute wakes up without it.
"""

import uuid
from collections.abc import Callable
from time import monotonic
from typing import Any

from core.redisdb import Client

# KEYS: the lease. ARGV: token, milliseconds. A Redis out of memory still lets the holder keep it.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if holder then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    def __init__(self, client: Client, key: str, *, seconds: float, clock: Callable[[], float] = monotonic, token: str = "") -> None:
        """`token`: of a holder that outlives its process; empty: this object's own."""
        self._client: Any = client
        self._hold, self._release = client.register_script(_HOLD), client.register_script(_RELEASE)
        self._key, self._seconds, self._clock = key, seconds, clock
        self.token = token or uuid.uuid4().hex
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Without asking Redis: nobody else can have it before this ends."""
        return self._clock() < self._until

    def holder(self) -> str:
        """The token of who has it now, or ''. Raises RedisError."""
        return (self._client.get(self._key) or b"").decode()

    def renew(self) -> bool:
        """Take or keep the lease; false while another holds it. Raises RedisError, and then `held` goes on as long as it was sure."""
        asked = self._clock()
        taken = bool(self._hold(keys=[self._key], args=[self.token, int(self._seconds * 1000)]))
        self._until = asked + self._seconds if taken else 0.0
        return taken

    def release(self) -> None:
        """Give it back, so that the next need not wait. Raises RedisError."""
        self._until = 0.0
        self._release(keys=[self._key], args=[self.token])
