"""Asks a provider over HTTPS, with a token that stands in no log, and tries again where that can help, within bounds.

What is only read, or may be done twice, is asked again after a lost answer. Anything else raises Unsure, and whoever asked looks again.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity

from core.http import retry_after_seconds
from ops.cloud import CloudError, Refused, Unsure

ATTEMPTS = 6
#: A wait that a provider asks for beyond this is told instead of slept.
LONGEST_WAIT_SECONDS = 120.0
_FIRST_WAIT_SECONDS = 1.0
_TIMEOUTS = (5.0, 30.0)
#: 100 pages of 50 at least: no account has so many firewalls.
MOST_PAGES = 100
_WORDS = 300
#: "conflict" and "locked" of Hetzner: somebody else is at it, and nothing was done.
_BUSY = {409: "conflict", 423: "locked"}


class _Again(Exception):
    """Nothing was done, or it may be done twice; `seconds`: what the provider asks for."""

    def __init__(self, sentence: str, seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class _Bearer(requests.auth.AuthBase):
    """As an object: requests would let a line of ~/.netrc take the place of a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Api:
    """`sleep` and `clock` are a test's."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        what: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        address = urlsplit(base_url)
        local = address.hostname in ("localhost", "127.0.0.1", "::1")
        if address.scheme != "https" and not (local and address.scheme == "http"):
            raise CloudError(f"{base_url} is asked with a token, and so over https only.")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise CloudError(f"The token of {what} has characters that no token has: copy it again, without quotes and line ends.")
        self._base_url, self._token, self._what = base_url.rstrip("/"), token, what
        self.sleep, self.clock = sleep, clock
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        self._session.headers["User-Agent"] = "tapefarm"
        self._session.trust_env = not local  # a proxy is for the world outside

    def ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Any = None, repeatable: bool = False
    ) -> dict[str, Any]:
        """The answer's object. Raises CloudError."""
        twice = repeatable or method == "GET"
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            wait=_wait,
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            found: dict[str, Any] = retrying(self._asked, method, path, query, body, twice)
        except _Again as exc:
            raise CloudError(f"{exc}, {ATTEMPTS} times: try again later; nothing was changed by this request.") from None
        return found

    def pages(self, path: str, key: str, query: dict[str, str], more: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
        """All that is listed, or CloudError: a part of it is not to pass for the whole."""
        for number in range(1, MOST_PAGES + 1):
            answer = self.ask("GET", path, query={**query, "page": str(number)})
            listed = answer.get(key)
            if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
                raise CloudError(f"{self._what} answered GET {path} without {key!r}: nothing was changed.")
            yield from listed
            if not more(answer):
                return
        raise CloudError(f"{self._what} lists more than {MOST_PAGES} pages of {key}: nothing was changed.")

    def _asked(self, method: str, path: str, query: dict[str, str] | None, body: Any, twice: bool) -> dict[str, Any]:
        try:
            response = self._session.request(
                method, f"{self._base_url}{path}", params=query, json=body, timeout=_TIMEOUTS, allow_redirects=False
            )
        except requests.ConnectTimeout as exc:
            raise _Again(self._clean(f"{self._what} cannot be reached ({type(exc).__name__})")) from None
        except requests.RequestException as exc:
            told = f"the answer of {self._what} to {method} {path} was lost ({type(exc).__name__})"
            raise (_Again if twice else Unsure)(told) from None
        if response.status_code >= 300:
            raise self._sorted(response, f"{method} {path}", twice)
        return self._object(response, f"{method} {path}")

    def _object(self, response: requests.Response, request: str) -> dict[str, Any]:
        if response.status_code == 204 or not response.content:
            return {}
        try:
            found = response.json()
        except requests.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise CloudError(f"{self._what} answered {request} with something that is no JSON object: look again by --dry-run.")
        return found

    def _sorted(self, response: requests.Response, request: str, twice: bool) -> Exception:
        status = response.status_code
        code, words = self._words(response)
        told = self._clean(f"{self._what} answered {request} with HTTP {status}{f' {code}' if code else ''}: {words}")
        if status == 429 or (status in _BUSY and code == _BUSY[status]):
            seconds = self._asked_for(response)
            if seconds is not None and seconds > LONGEST_WAIT_SECONDS:
                return CloudError(f"{told}. It asks to wait for {seconds:.0f} s: try again then; nothing was changed by this request.")
            return _Again(told, seconds)
        if status >= 500:
            return _Again(told, self._asked_for(response)) if twice else Unsure(told)
        return Refused(f"{told}{_ADVICE.get(status, '')}", status)

    def _words(self, response: requests.Response) -> tuple[str, str]:
        """(code, message) of DigitalOcean ({"id", "message"}) and Hetzner ({"error": {"code", "message", "details": {"fields"}}})."""
        try:
            found = response.json()
        except requests.JSONDecodeError:
            found = {}
        found = found if isinstance(found, dict) else {}
        error = found["error"] if isinstance(found.get("error"), dict) else found
        words = str(error.get("message") or response.reason)
        details = error.get("details")
        fields = details.get("fields") if isinstance(details, dict) else None
        for field in fields if isinstance(fields, list) else ():
            if isinstance(field, dict):
                words += f"; {field.get('name')}: {', '.join(map(str, field.get('messages') or ()))}"
        return str(error.get("code") or error.get("id") or ""), words[:_WORDS]

    def _asked_for(self, response: requests.Response) -> float | None:
        """Seconds: Retry-After, or until the moment that RateLimit-Reset names."""
        now = self.clock()
        seconds = retry_after_seconds(response.headers.get("Retry-After"), int(now * 1e9))
        reset = response.headers.get("RateLimit-Reset", "")
        if seconds is None and reset.isascii() and reset.isdigit():
            seconds = max(1.0, float(reset[:12]) - now)
        return seconds

    def _clean(self, text: str) -> str:
        """A provider, or a proxy before it, might send back what it was sent."""
        return text.replace(self._token, "…") if self._token else text


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Again) and error.seconds is not None:
        return error.seconds + random.random()  # noqa: S311  # jitter wants spread, not secrecy
    return tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=30)(state)


_ADVICE = {
    401: ". The token is not taken: make one that may read and write, and put it into the environment.",
    403: ". The token may not do that: make one that may read and write firewalls.",
    404: ". Something named here is not there, or belongs to another project: look at the ids of --apply-to.",
    409: ". Somebody has made one of this name meanwhile, or changes it now: try again.",
    422: ". It takes no part of that: look at sources, ids and tags; nothing was changed.",
}


def only(every: list[dict[str, Any]], total: object, name: str, what: str) -> dict[str, Any] | None:
    """The one of this name among all that are listed. Raises CloudError where it cannot be told."""
    if isinstance(total, int) and total != len(every):
        raise CloudError(f"{what} counts {total} firewalls and has listed {len(every)}: nothing was changed; try again.")
    found = [one for one in every if one.get("name") == name]
    if len(found) > 1:
        raise CloudError(f"{what} has {len(found)} firewalls that are called {name}: rename the others; nothing was changed.")
    if found and not found[0].get("id"):
        raise CloudError(f"{what} tells no id of {name}: nothing was changed.")
    return found[0] if found else None


def poll(api: Api, done: Callable[[], bool], what: str, *, times: int = 60, seconds: float = 1.0) -> None:
    """Until `done`; both providers carry a change to the machines after they have answered. Raises CloudError."""
    for _ in range(times):
        if done():
            return
        api.sleep(seconds)
    raise CloudError(f"{what} is taken, and not in force everywhere after {times * seconds:.0f} s: run this again to see whether it is.")
