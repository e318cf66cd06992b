"""Appends to the journal from an event loop, without a thread: one connection, one group of entries under way at a time.

A thread that sleeps between flushes is woken with cold caches twice a flush, which costs more than the append itself.
"""

import asyncio
import ssl
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, cast

import hiredis
from redis.connection import parse_url

from core.journal import Batch, Mark, StreamName, Wiped, append_commands, appended_ids
from core.redisdb import RedisError

OPEN_SECONDS = 5.0


class LaneError(RedisError):
    """the journal did not take an append"""


class Lane:
    """`on_settled` (with the ids of the entries) and `on_failed` are called from the loop; after `on_failed` it is closed until `open` is
    called again. A stream that is not `new` and not there is a failure, Wiped."""

    def __init__(self, url: str, prefix: str, *, timeout_seconds: float) -> None:
        self._url, self._prefix, self._timeout = url, prefix, timeout_seconds
        self.on_settled: Callable[[list[bytes]], None] = lambda _: None
        self.on_failed: Callable[[Exception], None] = lambda _: None
        self._wire: _Wire | None = None
        self._opened: asyncio.Future[None] | None = None
        self._asked_at = 0.0
        self._entries = 0
        self._open = False

    @property
    def ready(self) -> bool:
        """A group may be sent now."""
        return self._open and self._wire is not None and not self._wire.awaited

    async def open(self) -> None:
        """Connect and log in. Raises OSError (a timeout is one) or LaneError."""
        self._opened = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._connect()
                await self._opened
        except BaseException:
            self.close()
            raise
        self._open = True

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        target: dict[str, Any] = parse_url(self._url)  # type: ignore[no-untyped-call]  # of redis-py
        wire = self._wire = _Wire(self)
        if path := target.get("path"):
            await loop.create_unix_connection(lambda: wire, path)
        else:
            secure = ssl.create_default_context(cafile=target.get("ssl_ca_certs")) if self._url.startswith("rediss:") else None
            await loop.create_connection(lambda: wire, target.get("host", "localhost"), target.get("port", 6379), ssl=secure)
        password, user = target.get("password"), target.get("username")
        login = [("AUTH", user, password) if user else ("AUTH", password)] if password else []
        self._write([*login, ("SELECT", target.get("db", 0))])

    def send(self, entries: Sequence[Batch], *, new: Collection[StreamName], mark: Mark | None = None) -> None:
        """Append, all or none; only while `ready`."""
        self._entries = len(entries)
        self._write(append_commands(self._prefix, entries, new, mark))

    def close(self) -> None:
        self._end()

    def _write(self, commands: Sequence[Iterable[Any]]) -> None:
        assert self._wire is not None
        self._asked_at = asyncio.get_running_loop().time()
        self._wire.ask(commands)

    def check(self, now: float) -> None:
        """To be called every now and then (loop's clock): an answer that is overdue ends the connection."""
        if self._wire is not None and self._wire.awaited and now - self._asked_at > self._timeout:
            self.ended(self._wire, TimeoutError("redis does not answer"))

    def answered(self, wire: "_Wire", reply: object, error: Exception | None) -> None:
        if wire is not self._wire or self._opened is None:
            return
        if error is not None:
            self.ended(wire, error)
        elif not self._opened.done():
            self._opened.set_result(None)
        else:
            try:
                ids = appended_ids(reply, self._entries)
            except Wiped as exc:
                self.ended(wire, exc)
            else:
                self.on_settled(ids)

    def ended(self, wire: "_Wire", cause: Exception) -> None:
        """A connection that is not the present one has nothing to say."""
        if wire is not self._wire:
            return
        was_open = self._open
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(cause)
        self._end()
        if was_open:
            self.on_failed(cause)

    def _end(self) -> None:
        self._open = False
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()


class _Wire(asyncio.Protocol):
    """One connection: counts answers and keeps the first that is an error."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._error: Exception | None = None
        self.awaited = 0

    def ask(self, commands: Sequence[Iterable[Any]]) -> None:
        assert self._transport is not None
        self.awaited = len(commands)
        self._transport.write(b"".join(map(packed, commands)))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lane.ended(self, exc or ConnectionError("redis closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while self.awaited and (reply := self._reader.gets()) is not False:
            self.awaited -= 1
            for part in reply if isinstance(reply, list) else (reply,):
                if isinstance(part, Exception):
                    self._error = self._error or LaneError(str(part))
            if not self.awaited:
                self._lane.answered(self, reply, self._error)


def packed(command: Iterable[Any]) -> bytes:
    """A command in Redis' protocol."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
    return b"".join((b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)))
