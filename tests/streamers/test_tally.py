"""What a streamer counts."""

from collections.abc import Callable

import pytest

from core import metrics
from core.journal import StreamName
from streamers import tally
from streamers.batcher import Batch

Counted = Callable[..., list[float]]
STREAM = StreamName("v", "c", "0", "b")


def batch(*frames: bytes, event: str = "") -> Batch:
    return Batch(STREAM, "id", 1, list(frames), [1] * max(1, len(frames)), sum(map(len, frames)), event)


def test_batches_are_counted_by_frames_and_bytes(counted: Counted) -> None:
    tally.count(batch(b"12345", b"123"))
    tally.count(batch(b"1"))
    assert (counted(metrics.FRAMES, "v", "c", "b"), counted(metrics.BYTES, "v", "c", "b")) == ([3], [9])
    assert counted(metrics.BATCH_FRAMES, "v", "c")[:3] == [1, 1, 0]
    assert counted(metrics.BATCH_BYTES, "v", "c")[-1] == 9


def test_a_session_event_brings_no_frames(counted: Counted) -> None:
    tally.count(batch(event="connected"))
    assert counted(metrics.BATCH_FRAMES, "v", "c") == []


@pytest.mark.parametrize(
    ("cause", "reason"),
    [("idle", "silent"), ("no first frame", "silent"), ("rotated", "rotated"), ("connection lost", "closed"), ("1012 restart", "closed")],
)
def test_an_end_has_one_of_a_few_reasons(cause: str, reason: str, counted: Counted) -> None:
    tally.count_end("v", "c", cause)
    assert counted(metrics.RECONNECTS, "v", "c", reason) == [1]


@pytest.mark.parametrize("cause", ["stopped", "no instruments"])
def test_an_end_that_was_wanted_is_none(cause: str, counted: Counted) -> None:
    tally.count_end("v", "c", cause)
    assert counted(metrics.RECONNECTS, "v", "c", "closed") == []
