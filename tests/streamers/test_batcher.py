from collections.abc import Callable
from typing import Any

from core.journal import CONNECTED, StreamName
from streamers.batcher import Batch, Batcher, Linger

STREAM = StreamName("tiny", "trades")


class Loop:
    """The two calls of an event loop that a linger makes, with the time in the test's hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Any:
        self.timers.append((self.now + delay, call))
        return object()

    def advance(self, to: float) -> None:
        self.now = to
        due, self.timers = [t for t in self.timers if t[0] <= to], [t for t in self.timers if t[0] > to]
        for _, call in due:
            call()


def made(*, max_bytes: int = 1000, loop: Loop | None = None) -> tuple[Batcher, list[Batch], Loop]:
    loop = loop or Loop()
    out: list[Batch] = []
    linger = Linger(loop, 0.010)  # type: ignore[arg-type]
    return Batcher(STREAM, "c1", max_bytes=max_bytes, linger=linger, put=out.append), out, loop


def frames(out: list[Batch]) -> list[tuple[int, list[bytes]]]:
    return [(batch.batch_no, batch.frames) for batch in out]


def test_size_flushes_at_once() -> None:
    batcher, out, _ = made(max_bytes=10)
    for frame in (b"12345", b"6789", b"0", b"next"):
        batcher.add(frame)
    assert frames(out) == [(0, [b"12345", b"6789", b"0"])]
    assert (out[0].bytes, batcher.frames) == (10, 4)


def test_the_first_frame_after_a_quiet_time_does_not_wait() -> None:
    batcher, out, loop = made()
    batcher.add(b"a")
    assert out == []
    loop.advance(100.0)
    assert frames(out) == [(0, [b"a"])]


def test_under_load_there_is_one_flush_a_linger() -> None:
    batcher, out, loop = made()
    batcher.add(b"a")
    loop.advance(100.0)
    batcher.add(b"b")
    loop.advance(100.004)
    batcher.add(b"c")
    loop.advance(100.009)
    assert len(out) == 1
    loop.advance(100.010)
    assert frames(out) == [(0, [b"a"]), (1, [b"b", b"c"])]


def test_an_event_stands_behind_the_frames_before_it_and_counts_as_a_batch() -> None:
    batcher, out, _ = made()
    batcher.event(CONNECTED, {"x": 1})
    batcher.add(b"a")
    batcher.event("disconnected", None)
    assert [(batch.batch_no, batch.event, batch.frames) for batch in out] == [(0, CONNECTED, []), (1, "", [b"a"]), (2, "disconnected", [])]


def test_all_connections_share_the_timer() -> None:
    loop = Loop()
    out: list[Batch] = []
    linger = Linger(loop, 0.010)  # type: ignore[arg-type]
    for name in ("c1", "c2"):
        Batcher(STREAM, name, max_bytes=100, linger=linger, put=out.append).add(name.encode())
    assert len(loop.timers) == 1
    loop.advance(100.0)
    assert [batch.connection_id for batch in out] == ["c1", "c2"]


def test_each_frame_has_its_time() -> None:
    batcher, out, _ = made()
    for _ in range(3):
        batcher.add(b"")
    batcher.flush()
    assert list(out[0].received_us) == sorted(out[0].received_us)
    assert len(out[0].received_us) == 3
    assert batcher.last_data_us == out[0].received_us[-1]
