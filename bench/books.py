"""book_changes_per_s: frames of signed book changes decoded and replayed on one core, without journal and database.

Recorded frames where the captures are at hand (TAPEFARM_CAPTURES, or beside the repository), repeated until there are enough; else
made ones of the same shape.
"""

import gzip
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from bench.figures import Bar, Figure, spread, thousands
from bench.servers import Lab
from core.records import BOOK_CHANGES
from core.settings import ROOT
from core.venue import Frames
from tasks.books import Books
from tasks.digest import RUN_FRAMES
from tasks.replay import take
from venues import VENUES

BAR = Bar("book_changes_per_s", "1/s", 100_000, at_least=True)
VENUE, CHANNEL = "kalshi", "orderbook_delta"
CHANGES = 200_000
RUNS = 5
MARKETS = 100


def recorded() -> list[bytes]:
    folder = Path(os.environ.get("TAPEFARM_CAPTURES", ROOT.parent / "shared" / "captures")) / VENUE
    found = []
    for path in sorted(folder.glob("ws_kx*.jsonl.gz")):
        with gzip.open(path) as lines:
            found += [json.loads(line)["raw"].encode() for line in lines]
    return [frame for frame in found if b'"orderbook_' in frame[:40]]


def made() -> Iterator[bytes]:
    for number in range(1, CHANGES + 1):
        market, step = f"MARKET-{number % MARKETS}", number // MARKETS
        body = (
            f'"market_ticker":"{market}","market_id":"m","price_dollars":"0.{step % 90 + 10}00","delta_fp":"{step % 7 + 1}.00","side":"yes"'
        )
        if number <= MARKETS:
            yield (
                f'{{"type":"orderbook_snapshot","sid":1,"seq":{number},"msg":{{"market_ticker":"{market}","market_id":"m",'
                f'"yes_dollars_fp":[["0.0100","5.00"]]}}}}'
            ).encode()
        else:
            yield f'{{"type":"orderbook_delta","sid":1,"seq":{number},"msg":{{{body},"ts_ms":{1_795_300_000_000 + number}}}}}'.encode()


def _batches(frames: Sequence[bytes]) -> list[Frames]:
    """As a drain joins them."""
    parts = [frames[start : start + RUN_FRAMES] for start in range(0, len(frames), RUN_FRAMES)]
    now = time.time_ns() // 1000
    return [Frames(b"\n".join(part), len(part), np.full(len(part), now), lines=True) for part in parts]


def run(batches: Sequence[Frames]) -> tuple[int, float]:
    """(changes replayed, CPU seconds of it)."""
    books, ids, changes = Books(), {}, 0
    started = time.process_time()
    for frames in batches:
        decoded = VENUES[VENUE].decode(CHANNEL, frames)
        rows = {}
        for name, columns in decoded.rows.items():
            numbers = np.fromiter((ids.setdefault(symbol, len(ids)) for symbol in columns["symbol"]), np.int32)
            rows[name] = {**columns, "instrument_id": numbers}
        changes += len(rows[BOOK_CHANGES]["event_at"]) if BOOK_CHANGES in rows else 0
        take(books, "bench", rows)
    return changes, time.process_time() - started


def measure(lab: Lab) -> list[Figure]:
    frames = recorded()
    source = f"{len(frames):,} recorded frames" if frames else "made frames, as there are no captures"
    frames = frames or list(made())
    batches = _batches(frames) * max(1, CHANGES // len(frames))
    rates = []
    for number in range(1, RUNS + 1):
        changes, seconds = run(batches)
        rates.append(changes / seconds)
        lab.say(f"books run {number}/{RUNS}: {thousands(rates[-1])} changes/s")
    how = (
        f"median of {RUNS} runs: {source} of {VENUE}'s {CHANNEL} in batches of {RUN_FRAMES:,}, decoded, their symbols numbered, replayed "
        f"into absolute levels and tops, per second of CPU of one thread: {spread(rates, thousands)} changes/s"
    )
    return [BAR.figure(median(rates), how)]
