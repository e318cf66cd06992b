"""memory_growth: how much each process of a farm grows while 200 symbols flow at 5,000 rows a second."""

import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from statistics import median

from bench.children import Failed
from bench.farms import Farm, farm
from bench.figures import Bar, Figure
from bench.servers import Lab
from db import engine
from ops.local.processes import own_bytes

BAR = Bar("memory_growth", "%", 5.0)
ROWS_PER_SECOND = 5_000
#: The sandbox plays 500 instruments of which 200 are recorded; these get this share of its events.
RECORDED_SHARE = 0.8
FULL_MINUTES = 10.0
#: Until then caches fill; from then on memory is to be flat.
WARM_SHARE = 0.2
EVERY_SECONDS = 2.0

Samples = Mapping[tuple[str, int], Sequence[tuple[float, float]]]


def minutes_wanted() -> float:
    return float(os.environ.get("BENCH_MINUTES") or FULL_MINUTES)


def measure(lab: Lab, *, minutes: float | None = None) -> list[Figure]:
    length = (minutes_wanted() if minutes is None else minutes) * 60
    with farm(lab.say, "--rate", f"{ROWS_PER_SECOND / RECORDED_SHARE:.0f}") as running:
        return [watched(running, length)]


def watched(running: Farm, length: float) -> Figure:
    rows, samples, restarts = _watch(running, length)
    growths = {f"{name} {pid}": _growth(series) for (name, pid), series in samples.items() if _whole(series, length)}
    if not growths:
        raise Failed("no process lived from the warm-up to the end")
    worst = max(growths, key=lambda name: growths[name])
    is_full = length >= FULL_MINUTES * 60
    short = "" if is_full else f" SHORTENED from {FULL_MINUTES:g} minutes, so the bar is not met whatever the value."
    how = (
        f"a farm of `./farm up`, {length / 60:g} minutes at {rows:,.0f} rows/s;{short} own memory of each process (what it shares with none; the pages of "
        f"PostgreSQL's shared buffers, a fixed size, are touched by and by), median of the last tenth against the median of the tenth "
        f"after {WARM_SHARE * length / 60:g} minutes; greatest of {len(growths)} processes that lived through both: {worst}; "
        f"{restarts} came or went in between"
    )
    return BAR.figure(growths[worst], how, valid=is_full)


def _watch(running: Farm, seconds: float) -> tuple[float, Samples, int]:
    samples: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    before, began = _rows(running), time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        for name, group in running.processes().items():
            for process in group:
                if size := own_bytes(process.pid):
                    samples[name, process.pid].append((at, size))
        time.sleep(min(EVERY_SECONDS, seconds / 100))
    rate = (_rows(running) - before) / (time.monotonic() - began)
    return rate, samples, sum(not _whole(series, seconds) for series in samples.values())


def _rows(running: Farm) -> int:
    with closing(engine.connect(running.database_url, name="tapefarm bench")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(rows), 0) FROM stream_offsets WHERE channel IN ('bookTicker', 'aggTrade')")
        return int(cursor.fetchone()[0])  # type: ignore[index]


def _whole(series: Sequence[tuple[float, float]], seconds: float) -> bool:
    return series[0][0] <= WARM_SHARE * seconds and series[-1][0] >= 0.95 * seconds


def _growth(series: Sequence[tuple[float, float]]) -> float:
    """Percent from the tenth after the warm-up to the last tenth."""
    end = series[-1][0]
    first = [size for at, size in series if WARM_SHARE * end <= at < (WARM_SHARE + 0.1) * end]
    last = [size for at, size in series if at >= 0.9 * end]
    return 100 * (median(last) / median(first) - 1)
