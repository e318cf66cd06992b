"""lag_<rate>_p50 and _p99: receive to commit, told by PostgreSQL itself and not by our own counters.

PostgreSQL notes when each transaction committed (track_commit_timestamp); each row carries when its frame was received. Both are
this machine's clock.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from statistics import median

from bench import frames, live
from bench.children import Failed, wait_until
from bench.figures import Bar, Figure, spread
from bench.servers import Lab
from ops.local.ports import free_port

RATES = (500, 5_000, 20_000)
BARS = {rate: (Bar(f"lag_{rate}_p50", "ms", 10.0), Bar(f"lag_{rate}_p99", "ms", 25.0)) for rate in RATES}
WINDOWS = 5
#: Each window holds a hand-over of each drain, which takes turns of 30 s.
SECONDS = 32.0
WARM_SECONDS = 8.0
#: Of the frames that are due in a window, so many must be there: else what was slow may be missing.
COMPLETE = 0.98

_PERCENTILES = """
SELECT count(*), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM pg_xact_commit_timestamp(xmin) - received_at)::float8 * 1000)
FROM (SELECT xmin, received_at FROM quotes UNION ALL SELECT xmin, received_at FROM trades WHERE trade_id >= %s) AS r
WHERE received_at >= to_timestamp(%s) AND received_at < to_timestamp(%s)
"""


def measure(
    lab: Lab, *, rates: Sequence[int] = RATES, windows: int = WINDOWS, seconds: float = SECONDS, warm_seconds: float = WARM_SECONDS
) -> Iterator[Figure]:
    for rate in rates:
        began = _run(lab, rate, warm_seconds + windows * seconds)
        first = began + warm_seconds
        found = [window(lab, rate, first + i * seconds, seconds) for i in range(windows)]
        lab.say(f"lag at {rate}/s: p50 and p99 of each window " + ", ".join(f"{p50:.1f} {p99:.1f}" for p50, p99 in found))
        how = (
            f"{rate:,} frames/s, three quotes to a trade, {len(frames.SYMBOLS)} symbols, `python -m streamers binance`, `celery -A tasks worker "
            f"-Q writers -c 2` and beat; pg_xact_commit_timestamp(xmin) - received_at over all rows (the flush to disk of the commit itself "
            f"comes after it), median of {windows} windows of {seconds:g} s"
        )
        for bar, values in zip(BARS[rate], zip(*found, strict=True), strict=True):
            yield bar.figure(median(values), f"{how}: {spread(values)}")


def _run(lab: Lab, rate: float, seconds: float) -> float:
    """Let the farm run at a rate; returns when the whole rate had begun to flow (seconds since 1970)."""
    lab.clear()
    live.announce(lab, "bookTicker", "aggTrade")
    port = free_port()
    env = live.environment(lab, port, WRITER_GROUPS="2")
    with (
        live.writers(lab, env) as running,
        live.venue(lab, port, "pace", rate, seconds + live.READY_SECONDS) as server,
        live.streamer(lab, env) as streamer,
    ):
        children = (*running.values(), streamer, server)
        wait_until(lambda: lab.count("trades") > 0 and lab.count("quotes") > 0, live.READY_SECONDS, "the first rows", children)
        began = time.time()
        while time.time() < began + seconds + 1:
            for child in children:
                child.require_alive()
            time.sleep(0.5)
    return began


def window(lab: Lab, rate: float, start: float, seconds: float) -> tuple[float, float]:
    """(p50, p99) in ms of what came live in so many seconds from a moment (seconds since 1970). Raises Failed when rows are missing."""
    with closing(lab.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(_PERCENTILES, (frames.FIRST_TRADE_ID, start, start + seconds))
        count, found = cursor.fetchone()  # type: ignore[misc]
    if count < COMPLETE * rate * seconds:
        raise Failed(f"{count} rows are stored of the {rate * seconds:,.0f} that were due in {seconds:g} s at {rate}/s")
    return float(found[0]), float(found[1])
