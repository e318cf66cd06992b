"""drain_two_hosts: a full journal is drained by the writers of one host, and by those of two, with a decoder that is the limit."""

import time
from collections.abc import Iterable, Iterator, Sequence
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
#: What is drained while the backlog is appended, and more: its end must not be seen.
SLACK_SECONDS = 6.0
#: Entries before the first with data.
EVENTS = 2
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
    backlog = _backlog(int((seconds + SLACK_SECONDS) * 1000 / DECODE_MS))
    _append(lab, ((stream, entries[:EVENTS]) for stream, entries in backlog.items()))
    with _writers(lab, hosts) as children:
        wait_until(lambda: _asked(lab, _HELD, DRAIN_LOCK) == hosts * SLOTS, READY_SECONDS, f"{hosts * SLOTS} drains", children)
        _append(lab, ((stream, entries[EVENTS:]) for stream, entries in backlog.items()))
        began, before = time.monotonic(), _committed(lab)
        # At the same moment for one host and for two, whatever either has begun with.
        wait_until(lambda: time.monotonic() >= began + seconds, seconds + 10, "the time of measuring", children)
        committed, took = _committed(lab) - before, time.monotonic() - began
        if _committed(lab) >= FRAMES * sum(len(entries) - EVENTS for entries in backlog.values()):
            raise Failed("the backlog was drained before the time was over")
    return committed / took


def _backlog(count: int) -> dict[StreamName, list[dict[bytes, bytes]]]:
    """So many entries of data for a stream of each group, behind those that say that a socket was opened."""
    received = frames.market_us(GROUPS * count * FRAMES)
    market, found = frames.Quotes()(received), {}
    for shard in range(GROUPS):
        entries = [event_fields(kind, _CONNECTION, number, int(received[0])) for number, kind in enumerate((CONNECTED, PROVEN))]
        for start in range(shard * count * FRAMES, (shard + 1) * count * FRAMES, FRAMES):
            part = slice(start, start + FRAMES)
            entries.append(data_fields(_CONNECTION, len(entries), market[part], received[part]))
        found[StreamName("binance", "bookTicker", str(shard))] = entries
    return found


def _append(lab: Lab, entries: Iterable[tuple[StreamName, Sequence[dict[bytes, bytes]]]]) -> None:
    journal = lab.journal()
    for stream, own in entries:
        for start in range(0, len(own), 64):
            journal.append((stream, entry) for entry in own[start : start + 64])


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
