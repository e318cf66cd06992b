"""drain_vs_copy: a full journal into the tables by one writer, against raw COPY of the same rows."""

from bench import frames
from bench.backlog import Backlog, backlog
from bench.children import Failed, module, started
from bench.figures import Bar, Figure, paired_ratio, spread, thousands
from bench.raw import HOW as RAW_HOW
from bench.raw import raw_copy
from bench.servers import Lab

BAR = Bar("drain_vs_copy", "ratio", 0.85, at_least=True)
ROWS = 1_000_000
PAIRS = 5
DEADLINE_SECONDS = 180.0


def drain_rate(lab: Lab, load: Backlog) -> float:
    """Rows a second of a drain in a process of its own, from its first read to its last commit; all rows must be there."""
    lab.clear()
    load.append(lab)
    with started(
        "drain", module("bench.drain_child", load.rows, DEADLINE_SECONDS), lab.folder, lab.environment(WRITER_GROUPS="1")
    ) as child:
        child.line(DEADLINE_SECONDS)
        done = child.line(DEADLINE_SECONDS + 10)
    stored = lab.count(load.table)
    if not stored == done["rows"] == load.rows:
        raise Failed(f"the drain counted {done['rows']} rows and {stored} are stored, of {load.rows}")
    return float(load.rows / (done["last_us"] - done["began_us"]) * 1e6)


def measure(lab: Lab, *, rows: int = ROWS, pairs: int = PAIRS) -> list[Figure]:
    received = frames.market_us(rows)
    load = backlog(lab, "bookTicker", frames.Quotes()(received), received)
    raw, drained = [], []
    for number in range(1, pairs + 1):
        raw.append(raw_copy(lab, load))
        drained.append(drain_rate(lab, load))
        lab.say(f"drain pair {number}/{pairs}: raw {thousands(raw[-1])}, drain {thousands(drained[-1])} rows/s")
    how = (
        f"median of {pairs} pairs, alternated; {rows:,} bookTicker frames of {len(frames.SYMBOLS)} symbols in {len(load.entries)} zstd "
        f"entries of the journal, one drain in a process of its own, first read to last commit: {spread(drained, thousands)} rows/s; "
        f"{RAW_HOW.format(rows=lab.settings.writer_max_rows)}: {spread(raw, thousands)} rows/s"
    )
    return [BAR.figure(paired_ratio(drained, raw), how)]
