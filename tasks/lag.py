"""How long rows take from the socket to the commit, over a sliding window, without keeping more than a bounded sample."""

from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np

WINDOW_SECONDS = 10
#: Receive times kept of one batch; a large batch is sampled evenly.
SAMPLE = 256
MAX_BATCHES = 4096


class Lag:
    """Added to by the thread that commits, summed up by the one that reads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._batches: dict[str, deque[tuple[int, int, Any]]] = {}

    def add(self, stream: str, committed_us: int, received: Sequence[Any], rows: int) -> None:
        """`received`: int64 arrays of receive times in us of the frames of this commit."""
        if not received:
            return
        times = np.concatenate(received) if len(received) > 1 else received[0]
        step = max(1, len(times) // SAMPLE)
        lags = committed_us - times[::step]
        with self._lock:
            batches = self._batches.setdefault(stream, deque(maxlen=MAX_BATCHES))
            batches.append((committed_us, rows, lags))
            while batches and batches[0][0] < committed_us - WINDOW_SECONDS * 1_000_000:
                batches.popleft()

    def summary(self, stream: str, now_us: int) -> dict[str, Any]:
        """rows_per_s over the window, p50 and p99 in ms (None when nothing came), last commit in us."""
        with self._lock:
            batches = list(self._batches.get(stream, ()))
        recent = [batch for batch in batches if batch[0] > now_us - WINDOW_SECONDS * 1_000_000]
        if not recent:
            return {"rows_per_s": 0.0, "p50_ms": None, "p99_ms": None}
        lags = np.concatenate([batch[2] for batch in recent]) / 1000
        span = max(1.0, min(WINDOW_SECONDS, (now_us - recent[0][0]) / 1_000_000))
        p50, p99 = np.percentile(lags, [50, 99])
        return {
            "rows_per_s": round(sum(batch[1] for batch in recent) / span, 1),
            "p50_ms": round(float(p50), 2),
            "p99_ms": round(float(p99), 2),
        }
