"""Recorded frames, where they are at hand, and batches made of frames."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.venue import Decoded, Frames

#: 2026-11-22, and the times that frames of the tests are received at, 100 us apart.
RECEIVED_US = 1_795_300_000_000_000


@pytest.fixture(scope="session")
def recorded(captures: Path) -> Callable[[str], list[bytes]]:
    """venue -> every frame it sent, as it was sent."""
    return lambda venue: [frame for path in sorted((captures / venue).rglob("ws_*")) for frame in _sent(path)]


def _sent(path: Path) -> Iterator[bytes]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in text.splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry["dir"] == "in":
            yield entry["raw"].encode()


def _batch(frames: Sequence[bytes]) -> Frames:
    received = RECEIVED_US + 100 * np.arange(len(frames), dtype=np.int64)
    if any(b"\n" in frame for frame in frames):
        body = b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)
        return Frames(body, len(frames), received, lines=False)
    return Frames(b"\n".join(frames), len(frames), received, lines=True)


@pytest.fixture(scope="session")
def batch() -> Callable[[Sequence[bytes]], Frames]:
    """A batch as a streamer makes it: joined by newlines unless a frame holds one."""
    return _batch


def _accounted(decoded: Decoded) -> int:
    rows = sum(len(columns["event_at"]) for columns in decoded.rows.values())
    return rows + len(decoded.rejected) + sum(decoded.ignored.values())


@pytest.fixture(scope="session")
def accounted() -> Callable[[Decoded], int]:
    """How many frames a result speaks of; it must be all of them."""
    return _accounted
