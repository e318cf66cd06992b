"""The door to WebSockets: one small interface and the choice of the library behind it. It knows no venue and no journal.

A handler is told in this order: on_open once, on_frame for every message, on_closed once.
"""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

#: Polymarket's first frame grows with the assets of a connection; beyond this a peer is broken.
MAX_MESSAGE_BYTES = 32 << 20
CONNECT_SECONDS = 10.0
#: How long a peer has to answer a closing handshake, while what it sent before still comes in.
CLOSE_SECONDS = 1.0
SEND_SECONDS = 5.0


class Socket(Protocol):
    """Every call returns at once; a peer that takes nothing ends in on_closed within a bounded time."""

    def send(self, text: str) -> None: ...

    def ping(self) -> None: ...

    def pause(self) -> None:
        """Stop reading: the peer meets TCP back-pressure."""

    def resume(self) -> None: ...

    def close(self) -> None:
        """Ask for an orderly end; frames already under way are still delivered."""


class Handler(Protocol):
    def on_open(self, socket: Socket) -> None: ...

    def on_frame(self, frame: bytes) -> None:
        """One whole text or binary message."""

    def on_closed(self, cause: str) -> None: ...


@lru_cache
def default_tls() -> ssl.SSLContext:
    """Loading the system's certificates takes tens of milliseconds: once a process."""
    return ssl.create_default_context()


async def connect(
    url: str,
    handler: Handler,
    *,
    library: str = "picows",
    tls: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = CONNECT_SECONDS,
) -> None:
    """Returns once the handler was told on_open. `headers`: of the handshake, beyond its own. Raises ConnectFailed or BadAddress."""
    context = (tls or default_tls()) if url.startswith("wss:") else None
    # Imported here so that a process carries one library only.
    if library == "picows":
        from streamers.client_picows import connect as connect_picows

        await connect_picows(url, handler, context, headers or {}, timeout_seconds)
    else:
        from streamers.client_websockets import connect as connect_websockets

        await connect_websockets(url, handler, context, headers or {}, timeout_seconds)
