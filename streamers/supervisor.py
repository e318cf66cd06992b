"""The whole of one streamer process: its parts, universe changes, vitals, back-pressure, and an orderly end."""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from time import time_ns
from typing import Any

from core import pulse
from core.board import Board
from core.journal import Journal
from core.lane import Lane
from core.redisdb import connect
from core.settings import Settings
from core.venue import Channel, Venue
from streamers.batcher import Linger
from streamers.claim import Claim
from streamers.clerk import VISIT_SECONDS, Clerk
from streamers.client import CLOSE_SECONDS
from streamers.express import Express
from streamers.fleet import Fleet
from streamers.overflow import Overflow
from streamers.pacer import Pacer
from streamers.placement import Placement
from streamers.publisher import Publisher
from streamers.ring import Ring
from streamers.sharding import Share
from streamers.slot import Wiring
from streamers.spool import Spool
from streamers.universe import Universe

log = logging.getLogger(__name__)

#: Deadlines are in seconds; four looks a second cost nothing and keep them to a quarter.
TICK_SECONDS = 0.25
WAITING_WORD_SECONDS = 10.0
#: SIGTERM to exit must stay within 5 s: first the sockets, then Redis gets this much, twice, before the rest goes to the spool.
FLUSH_SECONDS = 1.5
#: The board is asked from a thread that holds nobody up, but a stop should not meet it mid-wait for long.
BOARD_TIMEOUT_SECONDS = 2.0
#: The exit status of one whose name another host has.
REFUSED = 2


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
        self._streamer = f"{venue.name}:{options.share.part}:{options.replica}"
        self._who = f"streamer:{self._streamer}"
        spool_folder = settings.home / "spool" / self._streamer.replace(":", "-")
        self._spool = Spool(spool_folder, max_bytes=settings.spool_max_bytes)
        journal = Journal(connect(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds), settings.key_prefix)
        ring = Ring(max_bytes=settings.ring_max_bytes)
        self._publisher = Publisher(
            self._streamer,
            journal,
            ring,
            Overflow(self._spool),
            queue_max_bytes=settings.queue_max_bytes,
            on_pause=self._pause,
            on_resume=self._resume_soon,
        )
        lane = Lane(settings.redis_url, settings.key_prefix, timeout_seconds=settings.redis_timeout_seconds)
        self._express = Express(self._streamer, lane, ring, self._publisher, Random())
        client = connect(settings.redis_url, timeout_seconds=BOARD_TIMEOUT_SECONDS)
        board = Board(client, settings.key_prefix)
        self._claim = Claim(client, settings.key_prefix, self._streamer, spool_folder)
        self._universe = Universe(venue.name, settings, board)
        self._placement = Placement(venue.name, options.share, board)
        self._clerk = Clerk(
            *(self._who, board, self._universe, self._placement, self._claim), resync=self._resync_soon, rotate=self._rotate_soon
        )
        self._incarnation = uuid.uuid4().hex
        wiring = Wiring(
            venue=venue,
            base_url=settings.ws_url(venue.name, venue.ws_url),
            library=settings.streamer_client,
            batch_max_bytes=settings.batch_max_bytes,
            incarnation=self._incarnation,
            linger=Linger(self._loop, settings.linger_ms / 1000),
            pacer=Pacer(Random()),
            put=self._express.put,
            random=Random(),
            credentials=settings.credentials(venue.name),
        )
        self._fleet = Fleet(wiring, options.share, options.replica, self._placement)
        self._lacking = settings.lacking(venue.name, venue.login)
        self._express_running: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._started_us = time_ns() // 1000
        self._frames_then: dict[tuple[str, str], int] = {}
        self._next_word = self._next_vital = 0.0

    async def run(self) -> int:
        """The exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        # Before anything is appended under the name.
        if refused := await asyncio.to_thread(self._claim.refused):
            log.error("%s", refused)
            self._spool.close()
            return REFUSED
        log.info("streamer starts who=%s pid=%d incarnation=%s", self._who, os.getpid(), self._incarnation)
        self._publisher.start()
        self._express_running = asyncio.create_task(self._express.run())
        self._clerk.start(self._apply_soon)
        try:
            while not self._stop.is_set() and self._publisher.alive and self._clerk.alive and not self._clerk.refused:
                self._tick()
                await self._pause_between_ticks()
        finally:
            # A dead thread cannot be mended from here: whoever watches this process starts it again.
            healthy = self._publisher.alive and self._clerk.alive
            await self._leave()
        if self._clerk.refused:
            log.error("%s", self._clerk.refused)
            return REFUSED
        return 0 if healthy else 1

    async def _pause_between_ticks(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._stop.wait()
        except TimeoutError:
            pass

    def _tick(self) -> None:
        pulse.beat()
        self._express.tick()
        self._fleet.tick()
        now = self._loop.time()
        if now >= self._next_vital:
            self._next_vital = now + VISIT_SECONDS
            self._clerk.vital = self._vital()
            self._placement.placed = self._fleet.placed
            self._clerk.streams = sorted({str(slot.stream) for slot in self._fleet.slots})
        if now >= self._next_word and self._lacking:
            self._next_word = now + WAITING_WORD_SECONDS
            log.warning(
                "no socket is opened: the venue lets in nobody without a login venue=%s not_set=%s", self._venue.name, self._lacking
            )
        elif now >= self._next_word and any(self._universe.names(channel) is None for channel in self._wanted()):
            self._next_word = now + WAITING_WORD_SECONDS
            log.info("no instruments are known yet: tasks publish them, or list symbols in farm.toml venue=%s", self._venue.name)

    def _soon(self, function: Callable[..., None], *arguments: Any) -> None:
        """From another thread. The clerk is not waited for at the end and may find the loop closed: then nobody needs the call."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _apply_soon(self) -> None:
        self._soon(self._apply)

    def _apply(self) -> None:
        """Called after each look at the universe; a no-op when nothing has changed."""
        if self._stop.is_set() or self._lacking:
            return
        wanted = self._wanted()
        for gone in self._fleet.channels - {channel.name for channel in wanted}:
            self._fleet.place(self._venue.channel(gone), ())
        for channel in wanted:
            names = self._universe.names(channel)
            if names is not None:
                self._fleet.place(channel, names)

    def _wanted(self) -> list[Channel]:
        names = self._options.channels if self._options.channels is not None else self._universe.channels
        return [channel for channel in self._venue.channels if names is None or channel.name in names]

    def _resync_soon(self, stream: str, symbols: list[str]) -> None:
        self._soon(self._fleet.resync, stream, symbols)

    def _rotate_soon(self, stream: str) -> None:
        self._soon(self._fleet.rotate, stream)

    # Back-pressure

    def _pause(self) -> None:
        log.warning("journal is slow, sockets are not read for now queue_bytes=%d", self._publisher.queue_bytes)
        self._fleet.pause(True)

    def _resume_soon(self) -> None:
        self._soon(self._resume)

    def _resume(self) -> None:
        if self._publisher.paused:
            self._publisher.paused = False
            log.info("sockets are read again queue_bytes=%d", self._publisher.queue_bytes)
            self._fleet.pause(False)

    def _vital(self) -> dict[str, Any]:
        streams = []
        for vital in self._fleet.vitals():
            place = (vital["channel"], vital["shard"])
            rate = (vital["frames"] - self._frames_then.get(place, 0)) / VISIT_SECONDS
            self._frames_then[place] = vital["frames"]
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
            "slot_failures": self._fleet.failures,
            "last_error": self._publisher.last_error,
        }

    async def _leave(self) -> None:
        log.info("streamer stops who=%s", self._who)
        self._clerk.stop()
        await self._fleet.close(CLOSE_SECONDS + TICK_SECONDS)
        if self._express_running is not None:
            self._express_running.cancel()
        await self._express.finish(FLUSH_SECONDS)
        await asyncio.to_thread(self._publisher.stop, patience_seconds=FLUSH_SECONDS)
        log.info("streamer has left who=%s lost_frames=%d spool_bytes=%d", self._who, self._publisher.lost_frames, self._spool.size_bytes)
        self._spool.close()
