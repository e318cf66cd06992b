"""streamer_us_per_frame: what a frame costs the streamer's process beyond what its socket library costs by itself."""

import time
from statistics import median

from bench import frames, live
from bench.children import Child, Failed, cpu_seconds, family, module, started
from bench.figures import Bar, Figure, spread
from bench.servers import Lab
from ops.local.ports import free_port
from venues import VENUES

BAR = Bar("streamer_us_per_frame", "us", 3.0)
RATE = 20_000
PAIRS = 5
WARM_SECONDS = 3.0
SECONDS = 8.0
#: The venue goes on a little longer than it is measured, so that its end is not.
SPARE_SECONDS = 4.0


def measure(
    lab: Lab, *, rate: float = RATE, pairs: int = PAIRS, seconds: float = SECONDS, warm_seconds: float = WARM_SECONDS
) -> list[Figure]:
    ours, bare = [], []
    for number in range(1, pairs + 1):
        bare.append(_bare(lab, rate, seconds, warm_seconds))
        ours.append(_streamer(lab, rate, seconds, warm_seconds))
        lab.say(f"streamer pair {number}/{pairs}: bare client {bare[-1]:.2f}, streamer {ours[-1]:.2f} us a frame")
    value = median(a - b for a, b in zip(ours, bare, strict=True))
    how = (
        f"median of {pairs} differences, alternated: CPU of `python -m streamers binance` (all threads, {seconds:g} s) {spread(ours)} us a "
        f"frame, less that of a bare picows client which takes the bytes and counts, {spread(bare)}; {rate:,.0f} frames/s over two "
        f"connections, one send a millisecond and connection, {len(frames.SYMBOLS)} symbols; appends go to a Redis that syncs each of them"
    )
    return [BAR.figure(value, how)]


def _bare(lab: Lab, rate: float, seconds: float, warm_seconds: float) -> float:
    port = free_port()
    stream, channels = VENUES["binance"].stream, VENUES["binance"].channels
    urls = [stream.url(f"ws://127.0.0.1:{port}", channel, frames.SYMBOLS) for channel in channels]
    client = module("bench.bare_client", *urls)
    with (
        live.venue(lab, port, "pace", rate, warm_seconds + seconds + SPARE_SECONDS),
        started("bare", client, lab.folder, lab.environment()) as child,
    ):
        child.line(live.READY_SECONDS)
        return _cost(child, rate, seconds, warm_seconds)


def _streamer(lab: Lab, rate: float, seconds: float, warm_seconds: float) -> float:
    port = free_port()
    lab.redis().flushdb()
    # The streamer needs a moment to connect, and its two connections do not start together.
    whole = warm_seconds + seconds + 2 * SPARE_SECONDS
    with live.venue(lab, port, "pace", rate, whole), live.streamer(lab, live.environment(lab, port)) as child:
        before = time.monotonic()
        while not _reported(lab, rate):
            child.require_alive()
            if time.monotonic() - before > live.READY_SECONDS:
                raise Failed(f"the streamer does not report {rate:,.0f} frames/s: {child.tail()}")
            time.sleep(0.05)
        return _cost(child, rate, seconds, 0)


def _reported(lab: Lab, rate: float) -> bool:
    """Whether the streamer says that it takes the whole rate; it looks every two seconds."""
    vitals = lab.board().vitals("streamer").values()
    return sum(float(stream["frames_per_s"]) for vital in vitals for stream in vital["streams"]) > 0.9 * rate


def _cost(child: Child, rate: float, seconds: float, warm_seconds: float) -> float:
    time.sleep(warm_seconds)
    processes = family(child.pid)
    began, cpu = time.perf_counter(), cpu_seconds(processes)
    time.sleep(seconds)
    return (cpu_seconds(processes) - cpu) / (rate * (time.perf_counter() - began)) * 1e6
