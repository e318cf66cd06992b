"""drain_two_hosts: a full journal is drained by the writers of one host, and by those of two, with a decoder that is the limit."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from bench import frames
from bench.children import Child, Failed, module, started, wait_until
from bench.figures import Bar, Figure, paired_ratio, spread, thousands
from bench.servers import Lab
from core.journal import CONNECTED, PROVEN, StreamName, data_fields, event_fields
from db.offsets import DRAIN_LOCK

BAR = Bar("drain_two_hosts", "ratio", 1.6, at_least=True)
PAIRS = 3
#: Of one host; WRITER_GROUPS is what two have together.
SLOTS = 2
GROUPS = 2 * SLOTS
FRAMES = 100
DECODE_MS = 20.0
SECONDS = 8.0
READY_SECONDS = 120.0
_CONNECTION = "bench"
_HELD = "SELECT count(DISTINCT objid) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted"


def measure(lab: Lab, *, pairs: int = PAIRS, seconds: float = SECONDS) -> list[Figure]:
    one, two = [], []
    for number in range(1, pairs + 1):
        one.append(_rate(lab, 1, seconds))
        two.append(_rate(lab, 2, seconds))
        lab.say(f"hosts, pair {number}/{pairs}: one {thousands(one[-1])}, two {thousands(two[-1])} rows/s")
    how = (
        f"median of {pairs} pairs, alternated; a backlog of bookTicker in {GROUPS} streams, WRITER_GROUPS={GROUPS}, each host a Celery worker with "
        f"{SLOTS} processes (WRITERS_HERE={SLOTS}) and a name of its own, beat rings; the decoder sleeps {DECODE_MS:g} ms for each entry of "
        f"{FRAMES} frames, so that a drain writes at most {FRAMES / DECODE_MS:.0f}k rows/s; rows committed in {seconds:g} s, from when each process "
        f"has a group: one host {spread(one, thousands)}, two hosts {spread(two, thousands)} rows/s"
    )
    return [BAR.figure(paired_ratio(two, one), how)]


def _rate(lab: Lab, hosts: int, seconds: float) -> float:
    """Rows a second while there is more in every stream than the writers can take."""
    lab.clear()
    appended = _append(lab, int((seconds + 10) * 1000 / DECODE_MS))
    with _writers(lab, hosts) as children:
        wait_until(lambda: _asked(lab, _HELD, DRAIN_LOCK) == hosts * SLOTS, READY_SECONDS, f"{hosts * SLOTS} drains", children)
        began, before = time.monotonic(), _committed(lab)
        # At the same moment for one host and for two, whatever either has begun with.
        wait_until(lambda: time.monotonic() >= began + seconds, seconds + 1, "the time of measuring", children)
        committed, took = _committed(lab) - before, time.monotonic() - began
    if _committed(lab) >= appended:
        raise Failed("the backlog was drained before the time was over")
    return committed / took


def _append(lab: Lab, entries: int) -> int:
    """So many entries in a stream of each group; their frames."""
    received = frames.market_us(GROUPS * entries * FRAMES)
    market, journal = frames.Quotes()(received), lab.journal()
    for shard in range(GROUPS):
        stream = StreamName("binance", "bookTicker", str(shard))
        events = [event_fields(kind, _CONNECTION, number, int(received[0])) for number, kind in enumerate((CONNECTED, PROVEN))]
        journal.append((stream, event) for event in events)
        for number in range(entries):
            part = slice((shard * entries + number) * FRAMES, (shard * entries + number + 1) * FRAMES)
            journal.append([(stream, data_fields(_CONNECTION, len(events) + number, market[part], received[part]))])
    return len(received)


@contextmanager
def _writers(lab: Lab, hosts: int) -> Iterator[list[Child]]:
    env = lab.environment(WRITER_GROUPS=str(GROUPS), WRITERS_HERE=str(SLOTS), WRITER_RING_SECONDS="1", BENCH_DECODE_MS=str(DECODE_MS))
    beat = module("celery", "-A", "tasks", "beat", "--schedule", str(lab.folder / f"schedule-{time.time_ns()}"))
    with ExitStack() as stack:
        running = [stack.enter_context(started("beat", beat, lab.folder, env))]
        for number in range(1, hosts + 1):
            name = f"writers@bench-{number}"
            options = ("worker", "-Q", "writers", "-c", SLOTS, "-n", name, "--without-gossip", "--without-mingle")
            running.append(stack.enter_context(started(name, module("celery", "-A", "bench.throttled", *options), lab.folder, env)))
        yield running


def _committed(lab: Lab) -> int:
    return _asked(lab, "SELECT coalesce(sum(rows), 0) FROM stream_offsets")


def _asked(lab: Lab, statement: str, *values: object) -> int:
    with closing(lab.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return int(cursor.fetchone()[0])  # type: ignore[index]
