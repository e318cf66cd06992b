"""What grows while a farm is struck for an hour: memory of its programs, keys of its Redis. What grows slowly shows only so."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil

from core.redisdb import RedisError
from ops.chaos.farm import Farm
from ops.local import supervision
from ops.local.processes import own_bytes

SAMPLE_SECONDS = 5.0
#: A fault strikes so often.
EVERY_SECONDS = 60.0
#: Until then caches fill and pools open: ten minutes of an hour. From then on memory is to be flat.
SETTLED_SHARE = 1 / 6
#: What is compared: medians of so long, behind the moment when all had settled and before the end.
SPAN_SECONDS = 120.0
GROWTH_PERCENT = 10.0
#: Less than so much is a few pages of the allocator's.
SLACK_BYTES = 8 << 20
#: A key may hold so much more at the end than when all had settled: journals breathe.
KEY_SLACK_BYTES = 1 << 20
MAX_KEYS = 10_000
MORE_KEYS = 20
#: The venue, and who looks on.
NOT_OURS = ("sandbox", "flower")

Samples = Mapping[str, Sequence[tuple[float, float]]]
Sizes = Mapping[str, tuple[float, float]]


@dataclass
class Growth:
    """`samples`: program -> (seconds since the beginning, bytes that its processes share with nobody)."""

    farm: Farm
    samples: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @contextmanager
    def watched(self) -> Iterator["Growth"]:
        ended, began = threading.Event(), time.monotonic()

        def look() -> None:
            while not ended.wait(SAMPLE_SECONDS):
                self._sample(time.monotonic() - began)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()

    def _sample(self, at: float) -> None:
        for program in supervision.states(self.farm.home):
            if program.pid and program.name not in NOT_OURS:
                with suppress(psutil.Error):
                    main = psutil.Process(program.pid)
                    size = sum(own_bytes(process.pid) for process in (main, *main.children(recursive=True)))
                    self.samples.setdefault(program.name, []).append((at, size))


def sizes_of_keys(farm: Farm) -> dict[str, int]:
    """Bytes of each key of Redis; of no more than MAX_KEYS. Empty while Redis does not answer."""
    with suppress(RedisError):
        redis = farm.redis()
        names = [name for _, name in zip(range(MAX_KEYS), redis.scan_iter(count=1000), strict=False)]
        return {name.decode(errors="replace"): int(redis.memory_usage(name, samples=0) or 0) for name in names}
    return {}


def sizes(samples: Samples, settled: float, span: float = SPAN_SECONDS) -> dict[str, tuple[float, float]]:
    """Program -> (bytes when all had settled, bytes at the end), medians of a span each; without those that were not there both times."""
    found = {}
    end = max((series[-1][0] for series in samples.values()), default=0.0)
    for name, series in samples.items():
        first = [size for at, size in series if settled <= at < settled + span]
        last = [size for at, size in series if at >= max(end - span, settled + span)]
        if first and last:
            found[name] = (median(first), median(last))
    return found


def grown(memory: Sizes, before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, ...]:
    """What speaks against the farm, a sentence each: `before` and `after` are the bytes of Redis' keys."""
    problems = [
        f"{name} has grown from {first / 1e6:.0f} to {last / 1e6:.0f} MB"
        for name, (first, last) in sorted(memory.items())
        if last > first * (1 + GROWTH_PERCENT / 100) and last - first > SLACK_BYTES
    ]
    problems += [
        f"Redis' key {name} has grown from {before.get(name, 0):,} to {size:,} bytes"
        for name, size in sorted(after.items())
        if size > before.get(name, 0) + KEY_SLACK_BYTES
    ]
    if len(after) > len(before) * (1 + GROWTH_PERCENT / 100) + MORE_KEYS:
        problems.append(f"Redis holds {len(after)} keys, and {len(before)} when all had settled")
    return tuple(problems)


def document(memory: Sizes, before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, Any]:
    programs = {
        name: {"settled_mb": round(first / 1e6, 1), "end_mb": round(last / 1e6, 1)} for name, (first, last) in sorted(memory.items())
    }
    keys = [{"keys": len(found), "bytes": sum(found.values())} for found in (before, after)]
    return {"memory": programs, "redis": dict(zip(("settled", "end"), keys, strict=True))}
