"""The way of a batch while all is well: packed and appended on the event loop. Whatever goes wrong goes on through the publisher.

Order is kept: batches take this way only when the publisher has nothing left, and when it fails the publisher gets them all.
"""

import asyncio
import logging
from random import Random

from core.journal import Mark, Wiped
from core.lane import Lane
from core.redisdb import RedisError
from streamers import tally
from streamers.backoff import delays
from streamers.batcher import Batch
from streamers.overflow import Entry
from streamers.publisher import GROUP_BYTES, Publisher, packed
from streamers.ring import Ring

log = logging.getLogger(__name__)

#: With so much waiting Redis is slower than the sockets: packing belongs into the publisher's thread then.
WAITING_MAX_BYTES = 2 * GROUP_BYTES
REOPEN_CAP_SECONDS = 3.0


class Express:
    """All of it belongs to the event loop."""

    def __init__(self, who: str, lane: Lane, ring: Ring, publisher: Publisher, random: Random) -> None:
        """`ring` is shared with the publisher."""
        self._who, self._lane, self._ring, self._publisher, self._random = who, lane, ring, publisher, random
        lane.on_settled, lane.on_failed = self._settled, self._failed
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Batch] = []
        self._under_way: list[Batch] = []
        self._entries: list[Entry] = []
        self._bytes = 0
        self._taking = False
        self._lost = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def taking(self) -> bool:
        """Whether batches go this way at present."""
        return self._taking

    @property
    def queue_bytes(self) -> int:
        return self._bytes

    def put(self, batch: Batch) -> None:
        tally.count(batch)
        if not self._taking:
            self._taking = self._lane.ready and self._publisher.idle
        if not self._taking:
            self._publisher.put(batch)
            return
        if not self._waiting and not self._under_way:
            # Batches of other connections that are flushed in this turn of the loop share the append.
            self._loop.call_soon(self._send)
            self._empty.clear()
        self._waiting.append(batch)
        self._bytes += batch.memory_bytes
        if self._bytes > WAITING_MAX_BYTES:
            self._hand_over()

    def tick(self) -> None:
        self._lane.check(self._loop.time())

    async def run(self) -> None:
        """Keep the lane open, until cancelled."""
        waits = delays(self._random, first_seconds=0.1, cap_seconds=REOPEN_CAP_SECONDS)
        while True:
            self._lost.clear()
            try:
                await self._lane.open()
            except (OSError, RedisError) as exc:
                log.debug("no lane to redis cause=%s", exc)
            else:
                self._publisher.hurry()
                waits = delays(self._random, first_seconds=0.1, cap_seconds=REOPEN_CAP_SECONDS)
                await self._lost.wait()
            await asyncio.sleep(next(waits))

    async def finish(self, patience_seconds: float) -> None:
        """What was put is in the journal, or with the publisher, when this returns."""
        try:
            async with asyncio.timeout(patience_seconds):
                await self._empty.wait()
        except TimeoutError:
            log.warning(
                "redis did not answer in time, the rest goes through the publisher batches=%d", len(self._under_way) + len(self._waiting)
            )
        self._hand_over()
        self._lane.close()

    def _send(self) -> None:
        if self._under_way or not self._waiting:
            return
        self._under_way, self._waiting = self._waiting, []
        self._entries = [packed(batch) for batch in self._under_way]
        new, mark = self._ring.begin(self._entries)
        self._lane.send(self._entries, new=new, mark=Mark(self._who, mark))

    def _settled(self, ids: list[bytes]) -> None:
        if self._under_way:
            self._ring.confirm(self._entries, ids)
        self._bytes -= sum(batch.memory_bytes for batch in self._under_way)
        self._under_way = []
        self._send()
        if not self._under_way:
            self._empty.set()

    def _failed(self, cause: Exception) -> None:
        log.warning("redis does not take an append, batches go through the publisher cause=%s", cause)
        if isinstance(cause, Wiped):
            self._ring.forget_streams()
        # Redis may come back with less than it had: the publisher has a look before anything is appended.
        self._publisher.doubt()
        self._hand_over()
        self._lost.set()

    def _hand_over(self) -> None:
        """What may have been appended already is appended again: a reader knows a batch by its number."""
        self._taking = False
        batches, self._under_way, self._waiting = [*self._under_way, *self._waiting], [], []
        self._bytes = 0
        self._empty.set()
        for batch in batches:
            self._publisher.put(batch)
