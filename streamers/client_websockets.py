"""The plain client: pure Python, some seven times dearer a frame than the lean one, and the second opinion on it."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Coroutine, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from streamers.client import CLOSE_SECONDS, MAX_MESSAGE_BYTES, SEND_SECONDS, Handler
from streamers.errors import BadAddress, ConnectFailed, Refused

log = logging.getLogger(__name__)

#: At DEBUG the library writes down every frame, and with it a login.
_library_log = logging.getLogger(f"{__name__}.library")
_library_log.setLevel(logging.INFO)

#: The default of 16 pauses the transport on every burst.
MAX_QUEUE_FRAMES = 1024


class _Socket:
    def __init__(self, connection: ClientConnection, handler: Handler) -> None:
        self._connection = connection
        self._handler = handler
        self._reading = asyncio.Event()
        self._reading.set()
        self._cause = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._handler.on_open(self)
        self._spawn(self._read())

    def send(self, text: str) -> None:
        self._spawn(self._bounded(self._connection.send(text)))

    def ping(self) -> None:
        self._spawn(self._bounded(self._connection.ping()))

    def pause(self) -> None:
        self._reading.clear()
        self._connection.transport.pause_reading()

    def resume(self) -> None:
        self._reading.set()
        if not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()

    def close(self) -> None:
        self.resume()
        self._spawn(self._connection.close())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bounded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await work
        except ConnectionClosed:
            pass  # the reader tells the handler
        except TimeoutError:
            self._cause = f"peer took nothing for {SEND_SECONDS:g} s"
            self._connection.transport.abort()

    def _deliver(self, frame: bytes) -> None:
        try:
            self._handler.on_frame(frame)
        except Exception:
            # As the lean client does: a bug of ours must not cost the venue's next frames.
            log.exception("frame handler failed")

    async def _read(self) -> None:
        try:
            while True:
                if not self._reading.is_set():
                    await self._reading.wait()
                self._deliver(await self._connection.recv(decode=False))
        except ConnectionClosed as exc:
            code, reason = (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd else (0, "")
            told = f"closed by venue: {code} {reason}".rstrip() if code else "connection lost"
            self._handler.on_closed(self._cause or told)


async def connect(url: str, handler: Handler, tls: ssl.SSLContext | None, headers: Mapping[str, str], timeout_seconds: float) -> None:
    try:
        connection = await ws_connect(
            url,
            ssl=tls,
            additional_headers=dict(headers),
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=MAX_QUEUE_FRAMES,
            open_timeout=timeout_seconds,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,  # a pong proves nothing; data does
            proxy=None,
            logger=_library_log,
        )
    except InvalidURI as exc:
        raise BadAddress(f"{url[:80]!r} is no WebSocket address") from exc
    except InvalidStatus as exc:
        raise Refused(exc.response.status_code) from exc
    except (WebSocketException, OSError, TimeoutError) as exc:
        raise ConnectFailed(f"{type(exc).__name__}: {exc}".rstrip(": ")) from exc
    raw = connection.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _Socket(connection, handler).start()
