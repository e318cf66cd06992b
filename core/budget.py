"""What a venue lets us ask: its weight, counted over all processes of one address through Redis, and pauses that it demands.

Keys (P is the prefix, V the venue; written and read here only, each expires by itself):

| key | type | what it holds | time to live |
| --- | --- | --- | --- |
| P:budget:V:used:<minute> | integer | weight used in that UTC minute: our own spending, or the venue's count where larger | 2 minutes |
| P:budget:V:share:<minute> | integer | of that, what those spent who are content with a share | 2 minutes |
| P:budget:V:bucket | hash left, at (ms since 1970) | tokens held, where the venue refills a bucket by the second | 2 minutes |
| P:budget:V:allowance | hash refill (per second), held | what the venue says our login's bucket is, where it is more than every login's | 3 hours |
| P:budget:V:paused | integer, ms since 1970 | nobody sends before; set by a 429 or a 418 | until then, at most 3 days |
| P:budget:V:strikes | integer | 429s without Retry-After in a row, for the next pause's length | 10 minutes |
"""

import random
from collections.abc import Callable

from core.redisdb import Client
from core.venue import Limits

#: Of the venue's weight; the rest is for whoever else uses this address.
BUDGET_SHARE = 0.8
#: 429 without Retry-After: 5 s, then twice as long each time, with up to half as much again by chance.
_FIRST_PAUSE_SECONDS, _MOST_DOUBLINGS = 5.0, 6
#: Clocks differ: what is sent at the turn of the minute may still be counted to the old one.
_TURN_SECONDS = 1.0

#: The venue is asked again within the hour.
_ALLOWANCE_SECONDS = 3 * 3600

# All three are single steps in Redis, so that no two processes spend the same weight.
# KEYS: paused, used, share, bucket, allowance. ARGV: now, weight, allowed in the minute, of that to a share (-1: all of it), and of the
# bucket what it gains a millisecond (0: there is none), what it holds, what is left in it for others, and both as they were declared.
_SPEND = """
local now, weight, allowed, own = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local refill, held, spared = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local more = refill > 0 and redis.call('HMGET', KEYS[5], 'refill', 'held') or {}
if more[1] then
  local faster, larger = tonumber(more[1]) / tonumber(ARGV[8]), tonumber(more[2]) / tonumber(ARGV[9])
  allowed, own, refill, held, spared = allowed * faster, own * faster, refill * faster, held * larger, spared * larger
end
local paused = tonumber(redis.call('GET', KEYS[1]) or '0')
if paused > now then return {1, paused - now} end
if weight == 0 then return {0, 0} end
if tonumber(redis.call('GET', KEYS[2]) or '0') + weight > allowed then return {2, 60000 - now % 60000} end
if own >= 0 and tonumber(redis.call('GET', KEYS[3]) or '0') + weight > own then return {2, 60000 - now % 60000} end
if refill > 0 then
  local bucket = redis.call('HMGET', KEYS[4], 'left', 'at')
  local at = math.max(tonumber(bucket[2] or now), now)
  local left = math.min(held, tonumber(bucket[1] or held) + (at - tonumber(bucket[2] or now)) * refill)
  if left < weight + spared then return {3, math.ceil((weight + spared - left) / refill)} end
  redis.call('HSET', KEYS[4], 'left', tostring(left - weight), 'at', string.format('%.0f', at))
  redis.call('PEXPIRE', KEYS[4], 120000)
end
for _, key in ipairs(own >= 0 and {KEYS[2], KEYS[3]} or {KEYS[2]}) do
  redis.call('INCRBY', key, weight)
  redis.call('PEXPIRE', key, 120000)
end
return {0, 0}
"""
# KEYS: used.
_RAISE = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or '0') then redis.call('SET', KEYS[1], ARGV[1], 'PX', 120000) end
"""
# KEYS: paused, strikes. wait < 0: the venue did not say. Replies to requests that were under way together are one strike, not many.
_PAUSE = """
local now, wait, first, doublings, chance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local paused = tonumber(redis.call('GET', KEYS[1]) or '0')
if wait < 0 then
  if paused > now then return paused - now end
  local strikes = redis.call('INCR', KEYS[2])
  redis.call('PEXPIRE', KEYS[2], 600000)
  wait = first * 2 ^ math.min(strikes - 1, doublings) * (1 + chance / 2)
end
wait = math.ceil(math.max(wait, paused - now))
redis.call('SET', KEYS[1], string.format('%.0f', now + wait), 'PX', wait)
return wait
"""


class Exhausted(Exception):
    """nothing may be sent now; `paced` when it is a matter of moments"""

    def __init__(self, reason: str, seconds: float, *, paced: bool = False) -> None:
        super().__init__(reason)
        self.seconds, self.paced = seconds, paced


class Budget:
    """`share`: the part of the budget that this spender is content with, so that the rest is left to the others; None: all of it.

    Every method raises redis.exceptions.RedisError while nobody can tell what is left to spend.
    """

    def __init__(
        self,
        venue: str,
        limits: Limits,
        redis_client: Client,
        *,
        prefix: str,
        share: float | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._venue, self._limits, self._redis, self._jitter = venue, limits, redis_client, jitter
        self._keys = f"{prefix}:budget:{venue}"
        self._allowance = f"{self._keys}:allowance"
        self._allowed = int(limits.weight_per_minute * BUDGET_SHARE)
        self._share = -1 if share is None else int(self._allowed * share)
        self._refill, self._held = limits.weight_per_second * BUDGET_SHARE / 1000, limits.burst * BUDGET_SHARE
        self._spared = 0.0 if share is None else self._held * (1 - share)
        minute = self._allowed if share is None else self._share
        self._most = min(minute, self._held - self._spared) if self._refill else minute
        self._spend, self._raise, self._pause = (redis_client.register_script(lua) for lua in (_SPEND, _RAISE, _PAUSE))

    def spend(self, what: str, weight: int, now_ms: int) -> None:
        """Take the weight, or raise Exhausted; ValueError when it is more than there ever is."""
        if weight > self._most:
            raise ValueError(f"{what} weighs {weight}, and the budget is {self._most:g}")
        keys = [
            f"{self._keys}:paused",
            self._used(now_ms),
            f"{self._keys}:share:{now_ms // 60_000}",
            f"{self._keys}:bucket",
            self._allowance,
        ]
        declared = [self._limits.weight_per_second, self._limits.burst]
        state, wait_ms = self._spend(keys, [now_ms, weight, self._allowed, self._share, self._refill, self._held, self._spared, *declared])
        if state == 1:
            raise Exhausted(f"{self._venue} is paused", wait_ms / 1000)
        if state == 2:
            raise Exhausted(f"{self._venue}: the weight of this minute is spent", wait_ms / 1000 + _TURN_SECONDS * (1 + self._jitter()))
        if state == 3:
            raise Exhausted(f"{self._venue}: the tokens of this moment are spent", wait_ms / 1000, paced=True)

    def allow(self, per_second: float, held: float) -> None:
        """The venue says that our bucket gains and holds so much. Less than it declares for every login is not believed."""
        if self._refill:
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(self._allowance, "refill", str(max(per_second, self._limits.weight_per_second)))
            pipe.hset(self._allowance, "held", str(max(held, self._limits.burst)))
            pipe.expire(self._allowance, _ALLOWANCE_SECONDS)
            pipe.execute()

    def heed(self, used: int, sent_ms: int) -> None:
        """The venue's own count of a minute stands where it is larger than ours."""
        self._raise([self._used(sent_ms)], [used])

    def pause(self, seconds: float | None, now_ms: int) -> float:
        """Stop every process of this venue; how long, in seconds. None: the venue did not say."""
        wait_ms = -1 if seconds is None else int(seconds * 1000)
        arguments = [now_ms, wait_ms, int(_FIRST_PAUSE_SECONDS * 1000), _MOST_DOUBLINGS, self._jitter()]
        return float(self._pause([f"{self._keys}:paused", f"{self._keys}:strikes"], arguments)) / 1000

    def left(self, now_ms: int) -> float:
        """Of all that may be spent, what is left at this moment: 0 to 1; 0 while it is paused. Spends nothing."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(f"{self._keys}:paused")
        pipe.get(self._used(now_ms))
        pipe.hmget(f"{self._keys}:bucket", "left", "at")
        pipe.hmget(self._allowance, "refill", "held")
        paused, used, (held_then, at), (refill, held) = pipe.execute()
        if int(paused or 0) > now_ms:
            return 0.0
        faster = float(refill) / self._limits.weight_per_second if refill and self._refill else 1.0
        left = 1 - int(used or 0) / (self._allowed * faster)
        if self._refill and held_then:
            most = self._held * (float(held) / self._limits.burst if held else 1.0)
            since_ms = max(0, now_ms - float(at))
            left = min(left, (float(held_then) + since_ms * self._refill * faster) / most)
        return min(max(left, 0.0), 1.0)

    def _used(self, now_ms: int) -> str:
        return f"{self._keys}:used:{now_ms // 60_000}"
