"""A publisher under a hand that puts batches, and what tests ask of it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep, time_ns

from core.journal import StreamName
from streamers.batcher import Batch
from streamers.publisher import Publisher
from streamers.ring import Ring
from streamers.spool import Spool

STREAM = StreamName("tiny", "trades")


@dataclass
class Bench:
    """A publisher with everything around it, and frames that know their number."""

    publisher: Publisher
    spool: Spool
    ring: Ring
    connection: str = "c1"
    batch_no: int = 0
    frames: int = 0
    paused: int = 0

    def event(self, type: str) -> None:
        self.publisher.put(Batch(STREAM, self.connection, self.batch_no, [], [time_ns()], 0, type, {}))
        self.batch_no += 1

    def data(self, count: int = 100, *, padding: int = 0) -> None:
        frames = [f"{self.frames + number} {'x' * padding}".encode() for number in range(count)]
        self.frames += count
        self.publisher.put(Batch(STREAM, self.connection, self.batch_no, frames, [time_ns()] * count, sum(map(len, frames))))
        self.batch_no += 1

    @property
    def sent(self) -> list[int]:
        return list(range(self.frames))


Start = Callable[..., Bench]


def until(ready: Callable[[], object], *, seconds: float = 20.0) -> None:
    deadline = monotonic() + seconds
    while not ready():
        assert monotonic() < deadline, "it did not come true in time"
        sleep(0.005)


def numbers(frames: list[bytes]) -> list[int]:
    return [int(frame.split(b" ")[0]) for frame in frames]
