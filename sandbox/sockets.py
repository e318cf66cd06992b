"""One client's WebSocket: frames collected over a tick and written at once, and an honest account of what got out.

The handshake, control frames and reading are aiohttp's; data frames go straight to the transport.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.ledger import Ledger
from sandbox.wsframes import text_frame

log = logging.getLogger(__name__)
CLOSE_SECONDS = 2.0
PONG_SECONDS = 600
_numbers = itertools.count(1)


class Socket:
    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        route: str,
        ledger: Ledger,
        max_buffered: int,
        ending: Callable[[], None],  # told before the first event that must no longer count as delivered here
    ) -> None:
        self.number = next(_numbers)
        self.route = route
        self.combined = False
        self.streams: dict[str, Any] = {}  # name as the client wrote it -> what it gets, None for nothing
        self.stalled = self.deaf = self.closing = False
        self.reason = "client"
        self.opened_us = self.pinged_us = self.ponged_us = 0
        self.out: list[bytes] = []
        self._ws, self._transport, self._ledger, self._max_buffered = ws, transport, ledger, max_buffered
        self._ending = ending
        self._aborted = False
        self._written = 0
        self._unsent: deque[tuple[int, int]] = deque()  # (bytes written through this tick, its time)
        self._tasks: set[asyncio.Future[Any]] = set()

    @property
    def muted(self) -> bool:
        return self.stalled or self.deaf or self.closing

    def note(self, us: int, event: str, **fields: Any) -> None:
        self._ledger.sockets.add(us, event, socket=self.number, route=self.route, **fields)

    def say(self, body: bytes, us: int) -> None:
        """An answer outside the tick."""
        if not (self.deaf or self.closing):
            self.out.append(text_frame(body))
            self.flush(us)

    def flush(self, us: int) -> None:
        data = b"".join(self.out)
        self.out.clear()
        gone = self._transport.is_closing()
        waiting = 0 if gone else self._transport.get_write_buffer_size()
        while not gone and self._unsent and self._unsent[0][0] <= self._written - waiting:
            self._unsent.popleft()
        self._written += len(data)
        self._unsent.append((self._written, us))
        if gone:
            return
        self._transport.write(data)
        if waiting > self._max_buffered:
            log.warning("closed a slow consumer", extra={"socket": self.number, "buffered": waiting})
            self.drop("slow consumer")

    def ping(self, us: int) -> None:
        if self.deaf or self.closing:
            return
        if self.pinged_us and us - max(self.ponged_us, self.opened_us) > PONG_SECONDS * 1_000_000:
            self.drop("no pong")
            return
        self.pinged_us = us
        self._transport.write(b"\x89\x0d" + str(us // 1000).encode())

    def pong(self, payload: bytes) -> None:
        if not self.deaf:
            self._transport.write(bytes((0x8A, len(payload))) + payload)

    def hear(self, *, deaf: bool) -> None:
        """Half-open: the TCP connection stands, nothing is read, answered or sent."""
        if deaf != self.deaf and not self._transport.is_closing():
            self.deaf = deaf
            (self._transport.pause_reading if deaf else self._transport.resume_reading)()

    def drop(self, reason: str) -> None:
        """Close without a closing handshake. Bytes already handed over still go out: the ledger says they were sent."""
        if self.closing:
            return
        self.closing, self.reason = True, reason
        self._ending()
        self._transport.close()
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._abort)

    def close(self, code: int, text: str, reason: str) -> None:
        if self.closing:
            return
        self.closing, self.reason = True, reason
        self._ending()
        task = asyncio.ensure_future(self._ws.close(code=code, message=text.encode()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        asyncio.get_running_loop().call_later(2 * CLOSE_SECONDS, self._abort)

    def _abort(self) -> None:
        """A client that does not read would keep a closing socket for ever."""
        if self._transport.get_write_buffer_size():
            self._aborted = True
        self._transport.abort()

    def announce_shutdown(self, us: int, grace_seconds: float) -> None:
        self.say(b'{"event":{"e":"serverShutdown","E":%d}}' % (us // 1000), us)
        loop = asyncio.get_running_loop()
        loop.call_later(grace_seconds, self.close, 1001, "Server shutdown", "shutdown notice")

    def closed(self, us: int, *, clean: bool) -> None:
        """Last line of this socket. Frames sent at or after `unsure_since_us` may not have left this machine."""
        if not self.closing:
            self.reason = "client" if clean else "lost"
        # what the venue closes is flushed first; a client that goes away leaves the last tick in doubt
        flushed = self.closing and not self._aborted
        unsure_since_us = self._unsent[0][1] if self._unsent and not flushed else None
        self.closing = True
        self.note(us, "closed", reason=self.reason, unsure_since_us=unsure_since_us)
