"""One connection slot, which is one journal shard: connects, backs off, and replaces a connection before it closes the old one."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from os import getpid
from random import Random
from time import time_ns
from typing import Any
from urllib.parse import urlsplit

from core.journal import StreamName
from core.venue import Channel, Venue
from streamers import client, tally
from streamers.backoff import delays
from streamers.batcher import Batch, Batcher, Linger
from streamers.connection import Connection
from streamers.errors import Refused, StreamerError, Verdict, verdict
from streamers.pacer import Pacer
from streamers.session import Session

log = logging.getLogger(__name__)

#: A connection that held so long was a good one: the next failure starts with short delays.
GOOD_SECONDS = 10.0
#: After a refusal by status (429, 418 and the like).
LATE_SECONDS = 60.0
#: Once the new connection has delivered every symbol both append for so long: what the venue sends to both it does not send at once.
OVERLAP_SECONDS = 1.0
#: A symbol may be still for hours: then nothing is sent to the old connection either, and it goes after so long, or what a first frame
#: may take.
STILL_SECONDS = 60.0

_numbers = count()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What all slots of a process share."""

    venue: Venue
    base_url: str
    library: str
    batch_max_bytes: int
    incarnation: str
    linger: Linger
    pacer: Pacer
    put: Callable[[Batch], None]
    random: Random
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


class Slot:
    def __init__(self, wiring: Wiring, channel: Channel, stream: StreamName, symbols: Sequence[str]) -> None:
        self._wiring = wiring
        self._channel = channel
        self.stream = stream
        self.symbols = tuple(symbols)
        self.last_cause = ""
        self.connections: list[Connection] = []
        self._paused = False
        self._frames_before = 0
        self._last_data_us = 0
        self._since_us = time_ns() // 1000
        self._changed = asyncio.Event()
        self._failure: Verdict | None = None
        self._attempts = 0

    async def run(self) -> None:
        """Until cancelled. Raises StreamerError when no attempt can help."""
        waits = self._waits()
        while True:
            fresh = await self._attempt()
            if await self._good_seconds(fresh) >= GOOD_SECONDS:
                waits = self._waits()
            if fresh.closed:
                await self._wait(waits)

    async def _wait(self, waits: Iterator[float]) -> None:
        if self._failure is not Verdict.AWAY:  # else the next turn is a probe
            await asyncio.sleep(LATE_SECONDS if self._failure is Verdict.RETRY_LATE else next(waits))

    async def _good_seconds(self, fresh: Connection) -> float:
        """Returns when the connection has ended, or has to be replaced while it goes on: how long it was good."""
        await self._until(lambda: fresh.settled or fresh.closed)
        if not fresh.settled:
            return 0.0
        proven_at = asyncio.get_running_loop().time()
        await self._retire_others(fresh)
        await self._until(lambda: fresh.wants_rotation or fresh.closed)
        return asyncio.get_running_loop().time() - proven_at

    def set_symbols(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        for connection in self.connections:
            connection.change(self.symbols)

    def resync(self, symbols: Sequence[str]) -> None:
        """Ask for the whole state of these anew (none: of all), on every connection."""
        for connection in self.connections:
            connection.resync(symbols)

    def rotate(self, cause: str) -> None:
        for connection in self.connections:
            connection.rotate(cause)

    def tick(self) -> None:
        for connection in list(self.connections):
            connection.tick()
        if len(self.connections) > 1:
            self._changed.set()  # a symbol that has spoken is no change by itself

    def pause(self, paused: bool) -> None:
        self._paused = paused
        for connection in self.connections:
            connection.pause(paused)

    def close(self, cause: str) -> None:
        for connection in list(self.connections):
            connection.close(cause)
        self._on_change()

    async def closed(self) -> None:
        await self._until(lambda: not self.connections)

    @property
    def frames(self) -> int:
        return self._frames_before + sum(connection.batcher.frames for connection in self.connections)

    def vital(self) -> dict[str, Any]:
        newest = self.connections[-1] if self.connections else None
        return {
            "channel": self._channel.name,
            "shard": self.stream.shard,
            "instruments": len(self.symbols),
            "unproven": newest.session.unproven if newest else len(self.symbols),
            "frames": self.frames,
            "last_data_us": max([self._last_data_us, *(c.batcher.last_data_us for c in self.connections)]),
            "since_us": self._since_us,
            "connected": any(c.open for c in self.connections),
            "connection_id": newest.id if newest else "",
            "reconnects": max(0, self._attempts - 1),
            "last_cause": self.last_cause,
        }

    def _waits(self) -> Iterator[float]:
        return delays(self._wiring.random)

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._changed.clear()
            await self._changed.wait()

    async def _attempt(self) -> Connection:
        """A connection that is open, or closed again when the attempt failed."""
        await self._wiring.pacer.turn()
        self._attempts += 1
        self._failure = None
        url = self._url(self.symbols)
        connection = self._connection(url)
        connection.pause(self._paused)
        self.connections.append(connection)
        try:
            headers = self._wiring.venue.stream.headers(self._channel, self._wiring.credentials, time_ns() // 1000)
            await client.connect(url, connection, library=self._wiring.library, headers=headers)
        except StreamerError as exc:
            self._failed(connection, exc)
        else:
            self._wiring.pacer.reached()
            connection.change(self.symbols)  # they may have changed while it was connecting
        return connection

    def _failed(self, connection: Connection, error: StreamerError) -> None:
        log.warning("connection attempt failed stream=%s error=%s", self.stream, error)
        connection.close(str(error))
        self._on_change()
        self.last_cause = str(error)
        self._failure = verdict(error)
        tally.count_failure(self.stream.venue, self.stream.channel, refused=isinstance(error, Refused))
        if self._failure is Verdict.GIVE_UP:
            raise error
        if self._failure is Verdict.AWAY:
            self._wiring.pacer.failed()
        else:
            self._wiring.pacer.reached()

    def _connection(self, url: str) -> Connection:
        wiring, venue = self._wiring, self._wiring.venue
        connection_id = f"{time_ns():x}-{getpid():x}-{next(_numbers)}"
        parts = urlsplit(url)
        session = Session(
            venue.stream,
            self._channel,
            venue.limits,
            self.symbols,
            # Without the query: some venues carry keys there.
            about={
                "url": f"{parts.hostname}{parts.path}",
                "incarnation": wiring.incarnation,
                "shard": self.stream.shard,
                "terms": dict(self._channel.terms),
            },
            # An address that does not depend on the symbols cannot have named them.
            url_subscribes=url != self._url(()),
            greeting=venue.stream.greeting(self._channel, wiring.credentials),
            logs_in=self._channel.login and bool(wiring.credentials),
            jitter=wiring.random.random(),
        )
        batcher = Batcher(self.stream, connection_id, max_bytes=wiring.batch_max_bytes, linger=wiring.linger, put=wiring.put)
        return Connection(connection_id, session, batcher, venue.stream, on_change=self._on_change)

    def _url(self, symbols: Sequence[str]) -> str:
        return self._wiring.venue.stream.url(self._wiring.base_url, self._channel, symbols)

    async def _retire_others(self, fresh: Connection) -> None:
        if len(self.connections) > 1:
            await self._overlap(fresh)
        if fresh.closed:
            return
        for connection in list(self.connections):
            if connection is not fresh:
                connection.close("rotated")

    async def _overlap(self, fresh: Connection) -> None:
        """Until the fresh connection has delivered every symbol, is closed, or is the only one."""
        try:
            async with asyncio.timeout(min(STILL_SECONDS, self._channel.first_frame_seconds)):
                await self._until(lambda: fresh.delivers or fresh.closed or len(self.connections) == 1)
        except TimeoutError:
            log.info("some symbols are still, the older connection goes stream=%s silent=%d", self.stream, fresh.session.unproven)
        await asyncio.sleep(OVERLAP_SECONDS)

    def _on_change(self) -> None:
        for connection in [c for c in self.connections if c.closed]:
            self.connections.remove(connection)
            self._frames_before += connection.batcher.frames
            self._last_data_us = max(self._last_data_us, connection.batcher.last_data_us)
            self.last_cause = connection.cause
            if connection.opened:
                tally.count_end(self.stream.venue, self.stream.channel, connection.cause)
        self._changed.set()
