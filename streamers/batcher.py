"""Frames into batches, by size and by a short linger, numbered over data and events alike. It knows neither sockets nor Redis.

`Batcher.add` is the hot path of the farm: everything that can be done once a batch is not done once a frame.
"""

from array import array
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import time_ns
from typing import Any

from core.journal import StreamName

#: Memory a frame costs beyond its bytes: the object's header, its time, two list slots.
FRAME_OVERHEAD_BYTES = 96


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A stretch of frames, or one session event when `event` is set, at its place in the connection's order."""

    stream: StreamName
    connection_id: str
    batch_no: int
    frames: list[bytes]
    received_us: Sequence[int]
    bytes: int
    event: str = ""
    context: dict[str, Any] | None = None

    @property
    def first_us(self) -> int:
        return self.received_us[0]

    @property
    def last_us(self) -> int:
        return self.received_us[-1]

    @property
    def memory_bytes(self) -> int:
        return self.bytes + FRAME_OVERHEAD_BYTES * (len(self.frames) + 1)


class Linger:
    """One timer for all connections of a process, so that their batches share a round trip to Redis.

    The first frame after a quiet time goes out at once; under load one flush every `seconds`. No frame waits longer than that.
    """

    def __init__(self, loop: AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._waiting: list[Batcher] = []
        self._timer: TimerHandle | None = None
        self._last_ring = 0.0

    def arm(self, batcher: "Batcher") -> None:
        self._waiting.append(batcher)
        if self._timer is None:
            delay = self._last_ring + self._seconds - self._loop.time()
            self._timer = self._loop.call_later(max(0.0, delay), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._last_ring = self._loop.time()
        waiting, self._waiting = self._waiting, []
        for batcher in waiting:
            batcher.flush()


class Batcher:
    """Of one connection. `put` takes finished batches, in order."""

    def __init__(self, stream: StreamName, connection_id: str, *, max_bytes: int, linger: Linger, put: Callable[[Batch], None]) -> None:
        self._stream = stream
        self._connection_id = connection_id
        self._max_bytes = max_bytes
        self._linger = linger
        self._put = put
        self._frames: list[bytes] = []
        self._times = array("q")
        self._bytes = 0
        self._batch_no = 0
        self._flushed_frames = 0
        self._flushed_us = 0

    @property
    def frames(self) -> int:
        """Frames taken so far."""
        return self._flushed_frames + len(self._frames)

    @property
    def last_data_us(self) -> int:
        """When the newest frame came; 0 before the first."""
        return self._times[-1] if self._times else self._flushed_us

    def add(self, frame: bytes) -> None:
        frames = self._frames
        if not frames:
            self._linger.arm(self)
        frames.append(frame)
        self._times.append(time_ns() // 1000)
        self._bytes += len(frame)
        if self._bytes >= self._max_bytes:
            self.flush()

    def event(self, type: str, context: dict[str, Any] | None) -> None:
        """A session event, behind every frame that came before it."""
        self.flush()
        self._put(Batch(self._stream, self._connection_id, self._batch_no, [], [time_ns() // 1000], 0, type, context))
        self._batch_no += 1

    def flush(self) -> None:
        if not self._frames:
            return
        batch = Batch(self._stream, self._connection_id, self._batch_no, self._frames, self._times, self._bytes)
        self._batch_no += 1
        self._flushed_frames += len(self._frames)
        self._flushed_us = self._times[-1]
        self._frames, self._times, self._bytes = [], array("q"), 0
        self._put(batch)
