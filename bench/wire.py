"""wire_vs_copy: frames from a socket through streamer, journal and one drain into the tables, against raw COPY of as many rows."""

import time

import numpy as np

from bench import frames, live
from bench.backlog import Backlog, backlog
from bench.children import Failed, module, started
from bench.figures import Bar, Figure, paired_ratio, spread, thousands
from bench.raw import HOW as RAW_HOW
from bench.raw import raw_copy
from bench.servers import Lab
from ops.local.ports import free_port

BAR = Bar("wire_vs_copy", "ratio", 0.60, at_least=True)
ROWS = 1_000_000
PAIRS = 5
DEADLINE_SECONDS = 180.0
CORES = 2


def wire_run(lab: Lab, rows: int) -> tuple[float, float]:
    """(wall seconds from the server's first frame to the last commit, CPU seconds of the server)."""
    lab.clear()
    live.announce(lab, "bookTicker")
    port = free_port()
    env = live.environment(lab, port, WRITER_GROUPS="1")
    with (
        live.venue(lab, port, "blast", rows) as server,
        started("drain", module("bench.drain_child", rows, DEADLINE_SECONDS), lab.folder, env) as drain,
    ):
        drain.line(DEADLINE_SECONDS)
        with live.streamer(lab, env, "--channels", "bookTicker"):
            done = drain.line(DEADLINE_SECONDS + 10)
            sent = server.line(live.READY_SECONDS)
    if not lab.count("quotes") == sent["sent"] == rows:
        raise Failed(f"{sent['sent']} frames were sent and {lab.count('quotes')} rows are stored")
    return (done["last_us"] - sent["first_us"]) / 1e6, sent["cpu_seconds"]


def _yardstick(lab: Lab, rows: int) -> Backlog:
    received = time.time_ns() // 1000 + np.arange(rows)
    return backlog(lab, "bookTicker", frames.Quotes()(received), received)


def measure(lab: Lab, *, rows: int = ROWS, pairs: int = PAIRS) -> list[Figure]:
    load = _yardstick(lab, rows)
    raw, plain, ours, server_us = [], [], [], []
    for number in range(1, pairs + 1):
        raw.append(raw_copy(lab, load))
        wall, cpu = wire_run(lab, rows)
        plain.append(rows / wall)
        ours.append(rows / (wall - cpu / CORES))
        server_us.append(cpu / rows * 1e6)
        lab.say(
            f"wire pair {number}/{pairs}: raw {thousands(raw[-1])}, wire {thousands(plain[-1])}, {thousands(ours[-1])} without the server"
        )
    how = (
        f"median of {pairs} pairs, alternated; {rows:,} ready bookTicker frames, sent as fast as TCP takes them, through `python -m "
        f"streamers binance`, the journal and one drain, first frame to last commit: {spread(plain, thousands)} rows/s. The server's CPU "
        f"({spread(server_us)} us a frame) shares the {CORES} cores and is excluded by taking 1/{CORES} of it off the wall time: "
        f"{spread(ours, thousands)} rows/s. {RAW_HOW.format(rows=lab.settings.writer_max_rows)}: {spread(raw, thousands)} rows/s"
    )
    return [BAR.figure(paired_ratio(ours, raw), how)]
