"""The only HTTP user: sends a Request, spends the venue's weight budget with all other processes, and sorts what comes back.

It never sleeps and never repeats: a task does, after TryLater's time. An Http belongs to one process; make it after a fork.

HttpError
├── TryLater        budget spent, 429, 418, 408, 5xx, timeouts, broken connections; says after how many seconds
│   └── Paced       the venue's token bucket is empty for a moment: whoever has time waits and asks again
├── Refused         any other status: status, and the venue's own code and message
└── ReplyTooLarge   the body passed the request's bound, and was not read further

Keys (P is the prefix, V the venue; written and read here only, each expires by itself):

| key | type | what it holds | time to live |
| --- | --- | --- | --- |
| P:budget:V:used:<minute> | integer | weight used in that UTC minute: our own spending, or the venue's count where larger | 2 minutes |
| P:budget:V:bucket | hash left, at (ms since 1970) | tokens held, where the venue refills a bucket by the second | 2 minutes |
| P:budget:V:paused | integer, ms since 1970 | nobody sends before; set by a 429 or a 418 | until then, at most 3 days |
| P:budget:V:strikes | integer | 429s without Retry-After in a row, for the next pause's length | 10 minutes |
"""

import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3

from core.redisdb import Client
from core.venue import Reply, Request, Venue

#: Of the venue's weight; the rest is for whoever else uses this address.
_BUDGET_SHARE = 0.8
_CHUNK_BYTES = 1 << 16
#: An error's body is read no further; the venue's code and message stand at its beginning.
_ERROR_BYTES = 1 << 16
#: After a broken connection or a 5xx without Retry-After.
_AGAIN_SECONDS = 5.0
#: A ban lasts from 2 minutes to 3 days (Binance's documents).
_BAN_SECONDS, _LONGEST_PAUSE_SECONDS = 120.0, 3 * 86400.0
#: 429 without Retry-After: 5 s, then twice as long each time, with up to half as much again by chance.
_FIRST_PAUSE_SECONDS, _MOST_DOUBLINGS = 5.0, 6
#: Clocks differ: what is sent at the turn of the minute may still be counted to the old one.
_TURN_SECONDS = 1.0

# All three are single steps in Redis, so that no two processes spend the same weight. KEYS: paused, used or strikes, bucket.
_SPEND = """
local now, weight, allowed, refill, held = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local paused = tonumber(redis.call('GET', KEYS[1]) or '0')
if paused > now then return {1, paused - now} end
if weight == 0 then return {0, 0} end
local used = tonumber(redis.call('GET', KEYS[2]) or '0')
if used + weight > allowed then return {2, 60000 - now % 60000} end
if refill > 0 then
  local bucket = redis.call('HMGET', KEYS[3], 'left', 'at')
  local at = math.max(tonumber(bucket[2] or now), now)
  local left = math.min(held, tonumber(bucket[1] or held) + (at - tonumber(bucket[2] or now)) * refill)
  if left < weight then return {3, math.ceil((weight - left) / refill)} end
  redis.call('HSET', KEYS[3], 'left', tostring(left - weight), 'at', string.format('%.0f', at))
  redis.call('PEXPIRE', KEYS[3], 120000)
end
redis.call('INCRBY', KEYS[2], weight)
redis.call('PEXPIRE', KEYS[2], 120000)
return {0, 0}
"""
_RAISE = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or '0') then redis.call('SET', KEYS[1], ARGV[1], 'PX', 120000) end
"""
# wait < 0: the venue did not say. Replies to requests that were under way together are one strike, not many.
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


class HttpError(Exception):
    """the request brought no reply"""


class TryLater(HttpError):
    """not now"""

    def __init__(self, reason: str, retry_after_seconds: float) -> None:
        super().__init__(f"{reason}; try again after {retry_after_seconds:.1f} s")
        self.retry_after_seconds = retry_after_seconds


class Paced(TryLater):
    """not at this moment"""


class Refused(HttpError):
    """the venue will not answer this request"""

    def __init__(self, status: int, code: int | str | None, message: str) -> None:
        super().__init__(f"HTTP {status}, code {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class ReplyTooLarge(HttpError):
    """the reply is larger than the request allows"""


class Http:
    """`timeout_seconds` bounds a silence, `total_seconds` a reply that trickles, which no silence gives away."""

    def __init__(
        self,
        venue: Venue,
        base_url: str,
        redis_client: Client,
        *,
        prefix: str,
        credentials: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        total_seconds: float = 60.0,
        clock_ns: Callable[[], int] = time.time_ns,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"{base_url!r} is no address to send requests to: give http(s)://host")
        self._venue = venue
        self._base_url = base_url.rstrip("/")
        self._hosts = venue.hosts if self._base_url == venue.rest_url.rstrip("/") else {}
        self._timeouts = (min(timeout_seconds, 5.0), timeout_seconds)  # to connect, and between two reads
        self._total_seconds = total_seconds
        self._clock_ns = clock_ns
        self._jitter = jitter
        self._credentials = credentials or {}
        self._allowed = int(venue.limits.weight_per_minute * _BUDGET_SHARE)
        # of the token bucket: gained a millisecond, and held
        self._bucket = (venue.limits.weight_per_second * _BUDGET_SHARE / 1000, venue.limits.burst * _BUDGET_SHARE)
        self._keys = f"{prefix}:budget:{venue.name}"
        self._spend, self._raise, self._pause = (redis_client.register_script(lua) for lua in (_SPEND, _RAISE, _PAUSE))
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": "tapefarm", "Accept-Encoding": "gzip", "Accept": "application/json"})
        # A proxy from the environment is for the world outside; it would swallow what is asked of this machine.
        self._session.trust_env = address.hostname not in ("localhost", "127.0.0.1", "::1")

    def fetch(self, request: Request) -> Reply:
        """The reply with status 200. Raises HttpError; redis.exceptions.RedisError while nobody can tell what is left to spend."""
        sent_ms = self._clock_ns() // 1_000_000
        self._spend_weight(request, sent_ms)
        try:
            with self._sent(request) as response:
                self._heed_used_weight(response, sent_ms)
                if response.status_code != 200:
                    raise self._sorted_status(response)
                body = self._body(response, request.max_bytes)
        except _BROKEN as exc:
            raise TryLater(f"{request.path}: {type(exc).__name__}: {str(exc)[:200]}", _AGAIN_SECONDS) from exc
        return Reply(request.poll, request.params, body, self._clock_ns() // 1000)

    def close(self) -> None:
        self._session.close()

    def _sent(self, request: Request) -> requests.Response:
        path, query = request.target()
        return self._session.request(
            "GET" if request.body is None else "POST",
            self._address(path),
            params=query,
            json=request.body,
            headers=self._signature(request),
            timeout=self._timeouts,
            allow_redirects=False,
            stream=True,
        )

    def _address(self, path: str) -> str:
        name, _, rest = path.removeprefix("/").partition("/")
        host = self._hosts.get(name)
        return self._base_url + path if host is None else f"{host.rstrip('/')}/{rest}"
    def _signature(self, request: Request) -> dict[str, str]:
        """Headers of this attempt; a signature is good for some seconds only."""
        if self._venue.sign is None or not self._credentials:
            return {}
        return dict(self._venue.sign(request, self._credentials, self._clock_ns() // 1000))

    def _spend_weight(self, request: Request, now_ms: int) -> None:
        refill, held = self._bucket
        most = min(self._allowed, held) if refill else self._allowed
        if request.weight > most:
            raise ValueError(f"{request.path} weighs {request.weight}, and the budget is {most:g}")
        keys = [f"{self._keys}:paused", self._used_key(now_ms), f"{self._keys}:bucket"]
        state, wait_ms = self._spend(keys, [now_ms, request.weight, self._allowed, refill, held])
        if state == 1:
            raise TryLater(f"{self._venue.name} is paused", wait_ms / 1000)
        if state == 2:
            raise TryLater(f"{self._venue.name}: the weight of this minute is spent", wait_ms / 1000 + _TURN_SECONDS * (1 + self._jitter()))
        if state == 3:
            raise Paced(f"{self._venue.name}: the tokens of this moment are spent", wait_ms / 1000)

    def _used_key(self, now_ms: int) -> str:
        return f"{self._keys}:used:{now_ms // 60_000}"

    def _heed_used_weight(self, response: requests.Response, sent_ms: int) -> None:
        name = self._venue.used_weight_header
        text = response.headers.get(name, "") if name else ""
        if text.isascii() and text.isdigit():
            self._raise([self._used_key(sent_ms)], [int(text[:9])])

    def _pause_all(self, wait_seconds: float | None) -> float:
        """Stop every process of this venue; how long, in seconds. None: the venue did not say."""
        wait_ms = -1 if wait_seconds is None else int(wait_seconds * 1000)
        arguments = [self._clock_ns() // 1_000_000, wait_ms, int(_FIRST_PAUSE_SECONDS * 1000), _MOST_DOUBLINGS, self._jitter()]
        return float(self._pause([f"{self._keys}:paused", f"{self._keys}:strikes"], arguments)) / 1000

    def _body(self, response: requests.Response, max_bytes: int) -> bytes:
        declared = response.headers.get("Content-Length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > max_bytes:
            raise ReplyTooLarge(f"{declared} bytes declared, at most {max_bytes} allowed")
        deadline = time.monotonic() + self._total_seconds
        chunks, size = [], 0
        # read1 returns what one read of the socket brought; read would wait for a whole chunk and never see the deadline.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            if size > max_bytes:
                raise ReplyTooLarge(f"more than the {max_bytes} bytes allowed")
            if time.monotonic() > deadline:
                raise TryLater(f"the reply trickled for {self._total_seconds:.0f} s", _AGAIN_SECONDS)
            chunks.append(chunk)
        return b"".join(chunks)

    def _sorted_status(self, response: requests.Response) -> HttpError:
        status = response.status_code
        asked = retry_after_seconds(response.headers.get("Retry-After"), self._clock_ns())
        if status == 429:
            return TryLater(f"{self._venue.name}: HTTP 429, too many requests", self._pause_all(asked))
        if status == 418:
            return TryLater(f"{self._venue.name}: HTTP 418, banned", self._pause_all(_BAN_SECONDS if asked is None else asked))
        if status == 408 or status >= 500:
            return TryLater(f"{self._venue.name}: HTTP {status}", _AGAIN_SECONDS if asked is None else asked)
        return Refused(status, *self._explained(response))

    def _explained(self, response: requests.Response) -> tuple[int | str | None, str]:
        try:
            body = self._body(response, _ERROR_BYTES)
        except (HttpError, *_BROKEN):
            return None, response.reason or ""
        return explained(body, response.reason or "")


#: What may break between here and the venue; all of it passes.
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


def retry_after_seconds(text: str | None, now_ns: int) -> float | None:
    """The Retry-After header, seconds or a date, as seconds from now; between 1 s and 3 days. None: absent or unreadable."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_ns / 1e9
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 1.0), _LONGEST_PAUSE_SECONDS)


def explained(body: bytes, fallback: str) -> tuple[int | str | None, str]:
    """The code and message of an error's body: {"code","msg"}, or the same under "error", or plain text."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if isinstance(found, dict) and isinstance(found.get("error"), dict):
        found = found["error"]
    if not isinstance(found, dict):
        return None, (body[:300].decode("utf-8", "replace").strip() or fallback)
    code = found.get("code")
    message = next((found[name] for name in ("msg", "message", "error") if found.get(name)), fallback)
    return code if isinstance(code, int | str) else None, str(message)[:300]
