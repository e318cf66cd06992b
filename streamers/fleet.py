"""The slots of one streamer process: instruments over channels, shards and sockets.

One of the two places with a broad `except`: a slot that fails for a reason nobody foresaw is counted, logged and started again.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from core.journal import StreamName
from core.venue import Channel
from streamers.placement import Placement
from streamers.sharding import Share, assign
from streamers.slot import Slot, Wiring

log = logging.getLogger(__name__)

#: A slot that raised is started again after so long.
RESTART_SECONDS = 10.0


class Fleet:
    """A shard has `Channel.sockets` slots, which say the same and write into the same journal stream."""

    def __init__(self, wiring: Wiring, share: Share, replica: str, placement: Placement) -> None:
        self._wiring, self._share, self._replica, self._placement = wiring, share, replica, placement
        self._shards: dict[str, dict[int, list[Slot]]] = {}
        self._tasks: dict[Slot, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._paused = False
        self.failures = 0

    @property
    def slots(self) -> list[Slot]:
        return [slot for shards in self._shards.values() for slots in shards.values() for slot in slots]

    @property
    def channels(self) -> set[str]:
        return set(self._shards)

    @property
    def placed(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """channel -> shard number -> its symbols."""
        return {channel: {number: slots[0].symbols for number, slots in shards.items()} for channel, shards in self._shards.items()}

    def place(self, channel: Channel, symbols: Sequence[str]) -> None:
        """Spread these symbols over the channel's slots; a no-op when nothing has changed."""
        if channel.name in self._shards:
            current = before = self.placed[channel.name]
        else:
            current, before = {}, self._placement.of(channel.name, channel.instruments_per_connection)
        shards = self._shards.setdefault(channel.name, {})
        placed = assign(before, self._share.of_symbols(symbols), channel.instruments_per_connection)
        for number in set(shards) - set(placed):
            for slot in shards.pop(number):
                self._retire(slot)
        for number, share in placed.items():
            if number not in shards:
                shards[number] = [self._open(channel, number, share) for _ in range(channel.sockets)]
            elif current[number] != share:
                log.info("slot changed stream=%s instruments=%d", shards[number][0].stream, len(share))
                for slot in shards[number]:
                    slot.set_symbols(share)

    def tick(self) -> None:
        for slot in self.slots:
            slot.tick()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        for slot in self.slots:
            slot.pause(paused)

    def resync(self, stream: str, symbols: Sequence[str]) -> None:
        """Ask for the whole state of these anew; a name that is empty stands for all."""
        log.info("state is asked for anew stream=%s symbols=%d", stream, len(symbols))
        for slot in self.slots:
            if str(slot.stream) == stream:
                slot.resync(() if "" in symbols else symbols)

    def rotate(self, stream: str) -> None:
        """New connections in the place of the present ones, one after the other."""
        for slot in self.slots:
            if str(slot.stream) == stream:
                slot.rotate("asked for by the writers")

    def vitals(self) -> list[dict[str, Any]]:
        """One a journal stream: the better of its sockets, and the frames of all."""
        return [_joined([slot.vital() for slot in slots]) for shards in self._shards.values() for slots in shards.values()]

    async def close(self, patience_seconds: float) -> None:
        slots = self.slots
        for task in self._tasks.values():
            task.cancel()
        for slot in slots:
            slot.close("stopped")
        leaving = [*self._closing, *(asyncio.create_task(slot.closed()) for slot in slots)]
        if leaving:
            await asyncio.wait(leaving, timeout=patience_seconds)

    def _open(self, channel: Channel, number: int, symbols: Sequence[str]) -> Slot:
        stream = StreamName(self._wiring.venue.name, channel.name, self._share.shard(number), self._replica)
        slot = Slot(self._wiring, channel, stream, symbols)
        slot.pause(self._paused)
        self._tasks[slot] = asyncio.create_task(self._keep(slot))
        log.info("slot opened stream=%s instruments=%d", stream, len(symbols))
        return slot

    async def _keep(self, slot: Slot) -> None:
        while True:
            try:
                await slot.run()
            except Exception:
                self.failures += 1
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


def _joined(vitals: Sequence[dict[str, Any]]) -> dict[str, Any]:
    best = max(vitals, key=lambda vital: (vital["connected"], vital["last_data_us"]))
    return {
        **best,
        "unproven": min(vital["unproven"] for vital in vitals),
        "frames": sum(vital["frames"] for vital in vitals),
        "reconnects": sum(vital["reconnects"] for vital in vitals),
        "sockets": sum(vital["connected"] for vital in vitals),
    }
