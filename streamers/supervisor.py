"""The whole of one streamer process: instruments over connections, universe changes, vitals, and an orderly end.

One of the two places with a broad `except`: a slot that fails for a reason nobody foresaw is counted, logged and started again.
"""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from time import time_ns
from typing import Any

from core.board import Board
from core.journal import Journal, StreamName
from core.lane import Lane
from core.redisdb import connect
from core.settings import Settings
from core.venue import Channel, Venue
from streamers.batcher import Linger
from streamers.clerk import VISIT_SECONDS, Clerk
from streamers.client import CLOSE_SECONDS
from streamers.express import Express
from streamers.overflow import Overflow
from streamers.publisher import Publisher
from streamers.sharding import Share, assign
from streamers.slot import Pacer, Slot, Wiring
from streamers.spool import Spool
from streamers.universe import Universe

log = logging.getLogger(__name__)

#: Deadlines are in seconds; four looks a second cost nothing and keep them to a quarter.
TICK_SECONDS = 0.25
WAITING_WORD_SECONDS = 10.0
#: A slot that raised is started again after so long.
RESTART_SECONDS = 10.0
#: SIGTERM to exit must stay within 5 s: first the sockets, then Redis gets this much, twice, before the rest goes to the spool.
FLUSH_SECONDS = 1.5
#: The board is asked from a thread that holds nobody up, but a stop should not meet it mid-wait for long.
BOARD_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    share: Share = Share()
    replica: str = "a"
    channels: tuple[str, ...] | None = None


class Supervisor:
    def __init__(self, venue: Venue, settings: Settings, options: Options) -> None:
        """Raises SpoolBusy when such a streamer runs already. Must be made inside a running event loop."""
        self._venue, self._settings, self._options = venue, settings, options
        self._loop = asyncio.get_running_loop()
        self._who = f"streamer:{venue.name}:{options.share.part}:{options.replica}"
        spool_folder = settings.home / "spool" / f"{venue.name}-{options.share.part}-{options.replica}"
        self._spool = Spool(spool_folder, max_bytes=settings.spool_max_bytes)
        journal = Journal(connect(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds), settings.key_prefix)
        self._publisher = Publisher(
            journal, Overflow(self._spool), queue_max_bytes=settings.queue_max_bytes, on_pause=self._pause, on_resume=self._resume_soon
        )
        lane = Lane(settings.redis_url, settings.key_prefix, timeout_seconds=settings.redis_timeout_seconds)
        self._express = Express(lane, self._publisher, Random())
        board = Board(connect(settings.redis_url, timeout_seconds=BOARD_TIMEOUT_SECONDS), settings.key_prefix)
        self._universe = Universe(venue.name, settings, board)
        self._clerk = Clerk(self._who, board, self._universe)
        self._wiring = Wiring(
            venue=venue,
            base_url=settings.ws_url(venue.name, venue.ws_url),
            library=settings.streamer_client,
            batch_max_bytes=settings.batch_max_bytes,
            incarnation=uuid.uuid4().hex,
            linger=Linger(self._loop, settings.linger_ms / 1000),
            pacer=Pacer(),
            put=self._express.put,
            random=Random(),
            credentials=settings.credentials(venue.name),
        )
        self._express_running: asyncio.Task[None] | None = None
        self._slots: dict[str, dict[int, Slot]] = {}
        self._tasks: dict[Slot, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._started_us = time_ns() // 1000
        self._frames_then: dict[StreamName, int] = {}
        self._failures = 0
        self._next_word = self._next_vital = 0.0

    async def run(self) -> int:
        """The exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        log.info("streamer starts who=%s pid=%d incarnation=%s", self._who, os.getpid(), self._wiring.incarnation)
        self._publisher.start()
        self._express_running = asyncio.create_task(self._express.run())
        self._clerk.start(self._apply_soon)
        try:
            while not self._stop.is_set() and self._publisher.alive and self._clerk.alive:
                self._tick()
                await self._pause_between_ticks()
        finally:
            # A dead thread cannot be mended from here: whoever watches this process starts it again.
            healthy = self._publisher.alive and self._clerk.alive
            await self._leave()
        return 0 if healthy else 1

    async def _pause_between_ticks(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._stop.wait()
        except TimeoutError:
            pass

    def _tick(self) -> None:
        self._express.tick()
        for slot in self._all_slots():
            slot.tick()
        now = self._loop.time()
        if now >= self._next_vital:
            self._next_vital = now + VISIT_SECONDS
            self._clerk.vital = self._vital()
        if now >= self._next_word and any(self._universe.names(channel) is None for channel in self._wanted()):
            self._next_word = now + WAITING_WORD_SECONDS
            log.info("no instruments are known yet, waiting venue=%s: tasks publish them, or list symbols in farm.toml", self._venue.name)

    def _all_slots(self) -> list[Slot]:
        return [slot for slots in self._slots.values() for slot in slots.values()]

    # ---- instruments over slots

    def _apply_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._apply)

    def _apply(self) -> None:
        """Called after each look at the universe; a no-op when nothing has changed."""
        if self._stop.is_set():
            return
        wanted = self._wanted()
        for gone in set(self._slots) - {channel.name for channel in wanted}:
            self._place(self._venue.channel(gone), ())
        for channel in wanted:
            names = self._universe.names(channel)
            if names is not None:
                self._place(channel, self._options.share.of_symbols(names))

    def _wanted(self) -> list[Channel]:
        names = self._options.channels if self._options.channels is not None else self._universe.channels
        return [channel for channel in self._venue.channels if names is None or channel.name in names]

    def _place(self, channel: Channel, symbols: Sequence[str]) -> None:
        slots = self._slots.setdefault(channel.name, {})
        placed = assign({number: slot.symbols for number, slot in slots.items()}, symbols, channel.instruments_per_connection)
        for number in set(slots) - set(placed):
            self._retire(slots.pop(number))
        for number, share in placed.items():
            if number not in slots:
                stream = StreamName(self._venue.name, channel.name, self._options.share.shard(number), self._options.replica)
                slots[number] = slot = Slot(self._wiring, channel, stream, share)
                slot.pause(self._publisher.paused)
                self._tasks[slot] = asyncio.create_task(self._keep(slot))
                log.info("slot opened stream=%s instruments=%d", stream, len(share))
            elif slots[number].symbols != share:
                log.info("slot changed stream=%s instruments=%d", slots[number].stream, len(share))
                slots[number].set_symbols(share)

    async def _keep(self, slot: Slot) -> None:
        while True:
            try:
                await slot.run()
            except Exception:
                self._failures += 1
                log.exception("slot failed and is started again stream=%s", slot.stream)
            slot.close("slot failed")
            await asyncio.sleep(RESTART_SECONDS)

    def _retire(self, slot: Slot) -> None:
        log.info("slot closed stream=%s", slot.stream)
        self._tasks.pop(slot).cancel()
        slot.close("no instruments")
        task = asyncio.create_task(slot.closed())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # Back-pressure

    def _pause(self) -> None:
        log.warning("journal is slow, sockets are not read for now queue_bytes=%d", self._publisher.queue_bytes)
        for slot in self._all_slots():
            slot.pause(True)

    def _resume_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._resume)

    def _resume(self) -> None:
        if self._publisher.paused:
            self._publisher.paused = False
            log.info("sockets are read again queue_bytes=%d", self._publisher.queue_bytes)
            for slot in self._all_slots():
                slot.pause(False)

    def _vital(self) -> dict[str, Any]:
        streams = []
        for slot in self._all_slots():
            vital = slot.vital()
            rate = (vital["frames"] - self._frames_then.get(slot.stream, 0)) / VISIT_SECONDS
            self._frames_then[slot.stream] = vital["frames"]
            streams.append({**vital, "frames_per_s": round(rate, 1)})
        return {
            "pid": os.getpid(),
            "started_at": self._started_us,
            "streams": streams,
            "queue_bytes": self._publisher.queue_bytes + self._express.queue_bytes,
            "express": self._express.taking,
            "spool_bytes": self._spool.size_bytes,
            "torn_bytes": self._spool.torn_bytes,
            "lost_frames": self._publisher.lost_frames,
            "paused": self._publisher.paused,
            "slot_failures": self._failures,
            "last_error": self._publisher.last_error,
        }

    async def _leave(self) -> None:
        log.info("streamer stops who=%s", self._who)
        self._clerk.stop()
        slots = self._all_slots()
        for task in self._tasks.values():
            task.cancel()
        for slot in slots:
            slot.close("stopped")
        leaving = [*self._closing, *(asyncio.create_task(slot.closed()) for slot in slots)]
        if leaving:
            await asyncio.wait(leaving, timeout=CLOSE_SECONDS + TICK_SECONDS)
        if self._express_running is not None:
            self._express_running.cancel()
        await self._express.finish(FLUSH_SECONDS)
        await asyncio.to_thread(self._publisher.stop, patience_seconds=FLUSH_SECONDS)
        log.info("streamer has left who=%s lost_frames=%d spool_bytes=%d", self._who, self._publisher.lost_frames, self._spool.size_bytes)
        self._spool.close()
