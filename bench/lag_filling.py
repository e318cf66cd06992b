"""lag_filling_p99: receive to commit of what comes live while a past of a million rows is read again, against the quiet before it."""

import time
from contextlib import ExitStack

from bench import frames, lag, live
from bench.backfill import DEADLINE_SECONDS
from bench.children import Child, Failed, module, started, wait_until
from bench.figures import Bar, Figure, paired_ratio, spread, thousands
from bench.servers import Lab
from ops.local.ports import free_port

BAR = Bar("lag_filling_p99", "ratio", 2.0)
RATE = 5_000
ROWS = 1_000_000
PAIRS = 3
QUIET_SECONDS = 20.0
WARM_SECONDS = 8.0
#: A past is read within this time, or the run is not what the figure speaks of.
FILL_SECONDS = 120.0
#: What came at the end of a time is in the tables so long after it.
COMMIT_SECONDS = 2.0


def measure(
    lab: Lab,
    *,
    rate: int = RATE,
    rows: int = ROWS,
    pairs: int = PAIRS,
    quiet_seconds: float = QUIET_SECONDS,
    warm_seconds: float = WARM_SECONDS,
) -> list[Figure]:
    lab.clear()
    live.announce(lab, "bookTicker", "aggTrade")
    sockets, rest = free_port(), free_port()
    env = live.environment(lab, sockets, WRITER_GROUPS="2") | {"BINANCE_REST_URL": f"http://127.0.0.1:{rest}"}
    seconds = live.READY_SECONDS + warm_seconds + pairs * (quiet_seconds + FILL_SECONDS)
    quiet, filling, rates = [], [], []
    with ExitStack() as stack:
        pages = stack.enter_context(started("pages", module("bench.pages", rest, rows), lab.folder, env))
        began_ms = int(pages.line(DEADLINE_SECONDS)["began_ms"])
        running = stack.enter_context(live.writers(lab, env))
        server = stack.enter_context(live.venue(lab, sockets, "pace", rate, seconds))
        streamer = stack.enter_context(live.streamer(lab, env))
        children = (*running.values(), streamer, server)
        wait_until(lambda: lab.count("trades") > 0 and lab.count("quotes") > 0, live.READY_SECONDS, "the first rows", children)
        _rest(warm_seconds, children)
        for pair in range(pairs):
            since = time.time()
            _rest(quiet_seconds, children)
            began = time.time()
            # Any symbol's past is the same pages.
            argv = module("bench.backfill_child", began_ms * 1000, FILL_SECONDS, frames.SYMBOLS[pair])
            with started("backfill", argv, lab.folder, env) as child:
                done = child.line(FILL_SECONDS + 10)
            if done["state"] != "done" or done["lacking"]:
                raise Failed(f"the job ended as {done}")
            ended = time.time()
            rates.append(rows / done["seconds"])
            _rest(COMMIT_SECONDS, children)
            quiet.append(lag.window(lab, rate, since, began - since))
            filling.append(lag.window(lab, rate, began, ended - began))
            lab.say(
                f"pair {pair + 1}/{pairs}: p50 and p99 quiet {quiet[-1]}, filling {filling[-1]} ms, {thousands(rates[-1])} rows/s read again"
            )
    how = (
        f"p99 of live rows at {rate:,} frames/s, as lag_{rate}_p99, while a job reads {rows:,} aggTrades over HTTP, bound by BACKFILL_PAGES_PER_SECOND "
        f"alone ({spread(rates, thousands)} rows/s), by that of the {quiet_seconds:g} s before it; median of {pairs} pairs: "
        f"filling {spread([p99 for _, p99 in filling])} ms, quiet {spread([p99 for _, p99 in quiet])} ms"
    )
    return [BAR.figure(paired_ratio([p99 for _, p99 in filling], [p99 for _, p99 in quiet]), how)]


def _rest(seconds: float, children: tuple[Child, ...]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for child in children:
            child.require_alive()
        time.sleep(0.5)
