"""Whether a venue's hosts can be reached from here, and if not, which step fails and what that means."""

import base64
import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from core.venue import Venue
from ops.doctor import clock
from ops.doctor.finding import FAILURE, OK, WARNING, Finding

#: For each step: a name, a connection, a handshake, an answer.
STEP_SECONDS = 4.0
#: What a status says of whoever asks, not of what was asked for: any other one is an answer.
_BLOCKED = "The venue does not serve this address or country: record from a server where it does."
_MEANINGS = {
    403: _BLOCKED,
    451: _BLOCKED,
    418: "The venue has banned this address for a while, as too much was asked of it: wait, and look at who else asks from here.",
    429: "The venue wants to be asked less: other programs share this address; the farm waits and goes on.",
}
DNS = "The name cannot be resolved: look at /etc/resolv.conf, or at what filters names here."
TCP = "The name is known and nobody takes the connection: a firewall, or the venue is down."
TLS = "The certificate is not the venue's, or our own are too old: a proxy that reads along, a wrong clock, or apt-get install ca-certificates."
ANSWER = "The connection stands and no answer comes: a proxy or a firewall in between, or the venue is ill."
SERVER = "The venue itself is ill, or in maintenance: the farm goes on by itself when it is back."


@dataclass(frozen=True, slots=True)
class Answer:
    """`date`: seconds since 1970 of the Date header, with our clock at its arrival and how long the answer took; None where there is none."""

    status: int
    seconds: float
    date: tuple[float, float] | None


class Unreachable(Exception):
    """A step towards a host that failed; `meaning` says what may be behind it."""

    def __init__(self, step: str, cause: Exception | str, meaning: str) -> None:
        super().__init__(f"{step} fails: {cause}")
        self.meaning = meaning


def hosts(venue: Venue, ws_url: str, rest_url: str) -> list[tuple[str, str]]:
    """(what, URL) of each host, once."""
    rest = list(venue.hosts.values()) if venue.hosts and rest_url.rstrip("/") == venue.rest_url.rstrip("/") else [rest_url]
    found = [("REST", url) for url in rest] + [("WebSocket", ws_url)]
    return list({(what, urlsplit(url).netloc): (what, url) for what, url in found}.values())


def check(venue: str, what: str, url: str, *, needed: bool) -> Callable[[], Iterator[Finding]]:
    """`needed`: the farm records from there. Else what fails is a warning."""
    name = f"{venue} {what}"

    def look() -> Iterator[Finding]:
        try:
            answer = ask(url, upgrade=what == "WebSocket")
        except Unreachable as exc:
            yield Finding(name, FAILURE if needed else WARNING, f"{urlsplit(url).hostname}: {exc}", exc.meaning)
            return
        yield judged(name, urlsplit(url).hostname or "", answer, needed=needed)
        if what == "REST" and answer.date is not None:
            theirs, ours = answer.date
            # Whole seconds were cut off, and it was written some time between question and answer.
            yield clock.offset(f"{venue} clock", theirs + 0.5 - (ours - answer.seconds / 2), 0.5 + answer.seconds / 2)

    return look


def judged(name: str, host: str, answer: Answer, *, needed: bool) -> Finding:
    told = f"{host}: HTTP {answer.status} in {1000 * answer.seconds:.0f} ms"
    meaning = _MEANINGS.get(answer.status) or (SERVER if answer.status >= 500 else "")
    if not meaning:
        return Finding(name, OK, told)
    state = FAILURE if needed and answer.status in (403, 418, 451) else WARNING
    return Finding(name, state, told, meaning)


def ask(url: str, *, upgrade: bool) -> Answer:
    """The first answer of the host, step by step. Raises Unreachable."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme in ("https", "wss")
    port = parts.port or (443 if secure else 80)
    connection = http.client.HTTPConnection(host, port, timeout=STEP_SECONDS)
    named = host if parts.port is None else f"{host}:{port}"
    connection.sock = _secured(_connected(host, _addresses(host, port)), host, secure=secure)
    began = time.perf_counter()
    try:
        connection.request("GET", parts.path or "/", headers={"Host": named, **_headers(upgrade=upgrade)})
        response = connection.getresponse()
        taken, at = time.perf_counter() - began, time.time()
    except (OSError, http.client.HTTPException) as exc:
        raise Unreachable("the answer", _words(exc), ANSWER) from exc
    finally:
        connection.close()
    return Answer(response.status, taken, _date(response.headers.get("Date"), at))


def _addresses(host: str, port: int) -> Sequence[tuple[int, tuple[str, int]]]:
    try:
        return [(family, address[:2]) for family, *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]  # type: ignore[misc]
    except (OSError, UnicodeError) as exc:
        raise Unreachable("DNS", _words(exc), DNS) from exc


def _connected(host: str, addresses: Sequence[tuple[int, tuple[str, int]]]) -> socket.socket:
    """By the first address that takes it, of the first few."""
    cause: Exception | str = f"{host} has no address"
    for _, address in addresses[:3]:
        try:
            return socket.create_connection(address, timeout=STEP_SECONDS)
        except OSError as exc:
            cause = exc
    raise Unreachable("TCP", _words(cause), TCP)


def _secured(plain: socket.socket, host: str, *, secure: bool) -> socket.socket:
    if not secure:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except OSError as exc:
        plain.close()
        raise Unreachable("TLS", _words(exc), TLS) from exc


def _headers(*, upgrade: bool) -> dict[str, str]:
    common = {"User-Agent": "tapefarm", "Accept": "*/*"}
    if not upgrade:
        return common
    key = base64.b64encode(os.urandom(16)).decode()
    return common | {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}


def _date(text: str | None, at: float) -> tuple[float, float] | None:
    try:
        return (parsedate_to_datetime(text).timestamp(), at) if text else None
    except ValueError:
        return None


def _words(cause: Exception | str) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)[:200]
