"""Who may look, and what a browser may do with what it gets. Everything else that is served stands behind this door."""

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from core.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

#: Reached from this machine alone.
LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: For those who start programs anew and send traffic, and know no password; they say nothing of the farm.
OPEN = ("/health/live", "/health/ready")
#: Nothing is loaded from elsewhere, and nobody shows the page as a part of his own.
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'{scripts}"
HEADERS = {
    "content-security-policy": POLICY.format(scripts=""),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def objection(knobs: Settings) -> str | None:
    """Why the console may not be served so."""
    if ":" in knobs.console_user:
        return "CONSOLE_USER cannot be used: leave out colons."
    if knobs.console_address not in LOOPBACK and not (knobs.console_user and knobs.console_password):
        return f"CONSOLE_ADDRESS={knobs.console_address!r} shows the farm to others: set CONSOLE_USER and CONSOLE_PASSWORD too."
    return None


class Door:
    """Asks for the password where one is set, and else takes only requests that were meant for this machine: a page from elsewhere whose
    name is made to point here would read the farm through its visitor's browser (DNS rebinding)."""

    def __init__(self, app: App, knobs: Settings) -> None:
        self._app = app
        self._login = f"{knobs.console_user}:{knobs.console_password}".encode() if knobs.console_password else None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["path"], given)
        if refusal is not None:
            status, words, more = refusal
            await _answer(send, status, words, more)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in there]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        await self._app(scope, receive, sent)

    def _refusal(self, path: str, given: Mapping[str, str]) -> tuple[int, str, Mapping[str, str]] | None:
        if self._login is None:
            if meant_for_here(given.get("host", "")):
                return None
            return 421, "This is the console of a farm on its own machine: ask for it as 127.0.0.1 or localhost.", {}
        if path in OPEN or secrets.compare_digest(_login(given.get("authorization", "")), self._login):
            return None
        return (
            401,
            "The console wants its name and password (CONSOLE_USER, CONSOLE_PASSWORD).",
            {"www-authenticate": 'Basic realm="Tapefarm", charset="UTF-8"'},
        )


def meant_for_here(host: str) -> bool:
    """`host`: of the request, with or without a port; a browser always names one."""
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return not host or name.lower() in LOOPBACK


def _login(header: str) -> bytes:
    scheme, _, text = header.partition(" ")
    try:
        return base64.b64decode(text, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return b""


async def _answer(send: Send, status: int, words: str, more: Mapping[str, str]) -> None:
    headers = {"content-type": "text/plain; charset=utf-8", **HEADERS, **more}
    await send({"type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]})
    await send({"type": "http.response.body", "body": words.encode()})
