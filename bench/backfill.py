"""backfill_vs_copy: a past of a million rows read again over REST, from the first request to the proof, against raw COPY of as many rows."""

from bench import frames
from bench.backlog import Backlog, backlog
from bench.children import Failed, module, started
from bench.figures import Bar, Figure, paired_ratio, spread, thousands
from bench.raw import raw_copy
from bench.servers import Lab
from ops.local.ports import free_port

BAR = Bar("backfill_vs_copy", "ratio", 0.30, at_least=True)
ROWS = 1_000_000
PAIRS = 3
DEADLINE_SECONDS = 300.0


def backfill_rate(lab: Lab, rows: int) -> float:
    """Rows a second of one job and one drain; all rows must be there, and the job must have seen them."""
    lab.clear()
    port = free_port()
    env = lab.environment(WRITER_GROUPS="1", BINANCE_REST_URL=f"http://127.0.0.1:{port}", BACKFILL_PAGES_PER_SECOND="0")
    with (
        started("pages", module("bench.pages", port, rows), lab.folder, env) as pages,
        started("drain", module("bench.drain_child", rows, DEADLINE_SECONDS), lab.folder, env) as drain,
    ):
        began_ms = int(pages.line(DEADLINE_SECONDS)["began_ms"])
        drain.line(DEADLINE_SECONDS)
        with started("backfill", module("bench.backfill_child", began_ms * 1000, DEADLINE_SECONDS), lab.folder, env) as child:
            done = child.line(DEADLINE_SECONDS + 10)
    stored = lab.count("trades")
    if done["state"] != "done" or done["lacking"] or stored != rows:
        raise Failed(f"the job ended as {done}, and {stored} rows are stored, of {rows}")
    lab.say(f"backfill: {done['requests']} requests, {done['cpu_seconds']:.1f} s of CPU in {done['seconds']:.1f} s")
    return float(rows / done["seconds"])


def measure(lab: Lab, *, rows: int = ROWS, pairs: int = PAIRS) -> list[Figure]:
    received = frames.market_us(rows)
    load: Backlog = backlog(lab, "aggTrade", frames.Trades()(received), received)
    raw, filled = [], []
    for number in range(1, pairs + 1):
        raw.append(raw_copy(lab, load))
        filled.append(backfill_rate(lab, rows))
        lab.say(f"backfill pair {number}/{pairs}: raw {thousands(raw[-1])}, backfill {thousands(filled[-1])} rows/s")
    how = (
        f"median of {pairs} pairs, alternated; {rows:,} aggTrades of one symbol in pages of 1,000 over HTTP, no budget and no pace, one job and one drain in "
        f"processes of their own, first request to the end of the job: {spread(filled, thousands)} rows/s; raw COPY of as many: "
        f"{spread(raw, thousands)} rows/s"
    )
    return [BAR.figure(paired_ratio(filled, raw), how)]
