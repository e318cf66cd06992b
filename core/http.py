"""The only HTTP user: sends a Request, spends the venue's weight budget with all other processes, and sorts what comes back.

It never sleeps and never repeats: a task does, after TryLater's time. An Http belongs to one process; make it after a fork.

HttpError
├── TryLater        budget spent, 429, 418, 408, 5xx, timeouts, broken connections; says after how many seconds
│   └── Paced       the venue's token bucket is empty for a moment: whoever has time waits and asks again
├── Refused         any other status: status, and the venue's own code and message
└── ReplyTooLarge   the body passed the request's bound, and was not read further
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

from core import metrics
from core.budget import Budget, Exhausted
from core.redisdb import Client
from core.venue import Reply, Request, Venue

_CHUNK_BYTES = 1 << 16
#: An error's body is read no further; the venue's code and message stand at its beginning.
_ERROR_BYTES = 1 << 16
#: After a broken connection or a 5xx without Retry-After.
_AGAIN_SECONDS = 5.0
#: A ban lasts from 2 minutes to 3 days (Binance's documents).
_BAN_SECONDS, _LONGEST_PAUSE_SECONDS = 120.0, 3 * 86400.0


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
        share: float | None = None,
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
        self._credentials = credentials or {}
        self._budget = Budget(venue.name, venue.limits, redis_client, prefix=prefix, share=share, jitter=jitter)
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": "tapefarm", "Accept-Encoding": "gzip", "Accept": "application/json"})
        # A proxy from the environment is for the world outside; it would swallow what is asked of this machine.
        self._session.trust_env = address.hostname not in ("localhost", "127.0.0.1", "::1")

    def allow(self, per_second: float, held: float) -> None:
        """The venue has told what our login may spend."""
        self._budget.allow(per_second, held)

    def fetch(self, request: Request) -> Reply:
        """The reply with status 200. Raises HttpError; redis.exceptions.RedisError while nobody can tell what is left to spend."""
        sent_ms = self._now_ms()
        try:
            self._budget.spend(request.path, request.weight, sent_ms)
        except Exhausted as exc:
            raise (Paced if exc.paced else TryLater)(str(exc), exc.seconds) from exc
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
        status = "none"
        try:
            response = self._session.request(
                "GET" if request.body is None else "POST",
                self._address(path),
                params=query,
                json=request.body,
                headers=self._signature(request),
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            )
            status = str(response.status_code)
            return response
        finally:
            metrics.REST_REQUESTS.add(1, self._venue.name, status)

    def _address(self, path: str) -> str:
        name, _, rest = path.removeprefix("/").partition("/")
        host = self._hosts.get(name)
        return self._base_url + path if host is None else f"{host.rstrip('/')}/{rest}"

    def _signature(self, request: Request) -> dict[str, str]:
        """Headers of this attempt; a signature is good for some seconds only."""
        if self._venue.sign is None or not self._credentials:
            return {}
        return dict(self._venue.sign(request, self._credentials, self._clock_ns() // 1000))

    def _heed_used_weight(self, response: requests.Response, sent_ms: int) -> None:
        name = self._venue.used_weight_header
        text = response.headers.get(name, "") if name else ""
        if text.isascii() and text.isdigit():
            self._budget.heed(int(text[:9]), sent_ms)

    def _now_ms(self) -> int:
        return self._clock_ns() // 1_000_000

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
            return TryLater(f"{self._venue.name}: HTTP 429, too many requests", self._budget.pause(asked, self._now_ms()))
        if status == 418:
            seconds = _BAN_SECONDS if asked is None else asked
            return TryLater(f"{self._venue.name}: HTTP 418, banned", self._budget.pause(seconds, self._now_ms()))
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
