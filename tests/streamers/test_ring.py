"""What Redis loses is appended again from the ring, in order and before anything newer."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import journal
from core.journal import CONNECTED, Batch, id_order
from ops.local.ephemeral import Running
from streamers.ring import Ring
from tests.streamers.journals import Log
from tests.streamers.loaded import STREAM, Bench, Start, numbers, until


# --- by itself ------------------------------------------------------------------------------------------------------------
def entry(number: int, size: int = 10) -> Batch:
    return STREAM, journal.data_fields("c", number, [b"x" * size], [number])


def append(ring: Ring, *entries: Batch) -> str:
    """As if Redis took it; its mark."""
    _, mark = ring.begin(entries)
    ring.confirm(entries, [b"%d-0" % number for number in range(1, len(entries) + 1)])
    return mark


def owed(ring: Ring, mark: str | None, stretch_bytes: int = 1 << 20) -> list[Batch]:
    return [one for groups in ring.missing(ring.held(mark), stretch_bytes) for group in groups for one in group.entries]


@given(st.lists(st.integers(1, 4), max_size=20), st.data())
def test_what_is_behind_the_mark_is_missing(groups: Sequence[int], data: st.DataObject) -> None:
    ring, entries, marks = Ring(max_bytes=1 << 30), [], [None]
    for size in groups:
        entries.append([entry(n) for n in range(size)])
        marks.append(append(ring, *entries[-1]))
    held = data.draw(st.integers(0, len(groups)))
    stretch = data.draw(st.integers(1, 10_000))
    assert owed(ring, marks[held], stretch) == [one for group in entries[held:] for one in group]


def test_the_mark_of_another_life_proves_nothing() -> None:
    ring, other = Ring(max_bytes=1 << 30), Ring(max_bytes=1 << 30)
    append(ring, entry(1))
    assert owed(ring, append(other, entry(1))) == [entry(1)]


def test_a_stream_that_is_gone_makes_the_mark_worthless() -> None:
    ring = Ring(max_bytes=1 << 30)
    mark = append(ring, entry(1))
    ring.forget_streams()
    assert owed(ring, mark) == [entry(1)]


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=50))
def test_its_memory_is_bounded(sizes: Sequence[int]) -> None:
    ring = Ring(max_bytes=50_000)
    for number, size in enumerate(sizes):
        append(ring, entry(number, size))
        assert ring.bytes <= 50_000
    kept = owed(ring, None)
    assert kept == [entry(number, size) for number, size in enumerate(sizes)][len(sizes) - len(kept) :]


def test_what_is_old_is_forgotten() -> None:
    ring = Ring(max_bytes=1 << 30, seconds=-1)
    append(ring, entry(1))
    assert (ring.bytes, owed(ring, None)) == (0, [])


# --- with a Redis that loses ----------------------------------------------------------------------------------------------
def settled(bench: Bench) -> bool:
    return bench.publisher.idle and bench.spool.size_bytes == 0


def last_id(log: Log) -> tuple[int, int]:
    found = log.journal.last_id(STREAM)
    assert found is not None
    return id_order(found)


def replace_data(redis: Running, copy: Path | None) -> None:
    """What a start finds is another log, or none."""
    shutil.rmtree(redis.server.data / "appendonlydir")
    if copy is not None:
        subprocess.run(["cp", "-a", str(copy), str(redis.server.data / "appendonlydir")], check=True)


def loaded(bench: Bench, groups: int) -> None:
    for _ in range(groups):
        bench.data()
        until(lambda: bench.publisher.queue_bytes == 0)


def test_a_redis_that_comes_back_with_an_older_log_is_given_the_rest(
    mortal_redis: Running, start: Start, log_of: Callable[[str], Log], tmp_path: Path
) -> None:
    url = mortal_redis.server.url
    log, bench = log_of(url), start(url)
    bench.event(CONNECTED)
    loaded(bench, 20)
    held = len(log.read(STREAM).frames)
    subprocess.run(["cp", "-a", str(mortal_redis.server.data / "appendonlydir"), str(tmp_path / "copy")], check=True)
    loaded(bench, 20)
    before = last_id(log)
    mortal_redis.kill()
    replace_data(mortal_redis, tmp_path / "copy")
    bench.data()
    until(lambda: bench.spool.size_bytes > 0)
    mortal_redis.start()
    assert len(log.read(STREAM).frames) >= held
    until(lambda: settled(bench))
    bench.data()
    bench.publisher.stop(patience_seconds=5)
    reading = log.read(STREAM)
    assert numbers(reading.frames) == bench.sent
    assert reading.repeats == 0, "the mark says what it holds, to the group"
    assert last_id(log) > before


@pytest.mark.parametrize("loss", ["flushed", "emptied"])
def test_a_redis_that_lost_everything_is_given_all_of_the_ring(
    mortal_redis: Running, start: Start, log_of: Callable[[str], Log], loss: str
) -> None:
    url = mortal_redis.server.url
    log, bench = log_of(url), start(url)
    bench.event(CONNECTED)
    for _ in range(3):
        loaded(bench, 20)
        before = last_id(log)
        if loss == "flushed":
            log.client.flushall()
        else:
            mortal_redis.kill()
            replace_data(mortal_redis, None)
            mortal_redis.start()
        bench.data()
        until(lambda: settled(bench))
        assert numbers(log.read(STREAM).frames) == bench.sent
        assert last_id(log) > before, "a reader that stands where the journal was misses nothing"
    assert log.journal.streams() == [STREAM]


def test_a_journal_that_counts_from_lower_ids_is_lifted_above_them(
    mortal_redis: Running, start: Start, log_of: Callable[[str], Log], key_prefix: str
) -> None:
    """As when a clock is set back and the log is lost behind it."""
    url = mortal_redis.server.url
    log, bench = log_of(url), start(url)
    bench.event(CONNECTED)
    until(lambda: settled(bench))
    ahead = f"{2**42}-0"
    log.client.execute_command("XSETID", f"{key_prefix}:journal:{STREAM}", ahead)
    loaded(bench, 5)
    log.client.flushall()
    bench.data()
    until(lambda: settled(bench))
    [(_, entries)] = log.journal.read({STREAM: ahead}, block_ms=1, max_entries=1000)
    assert sum(journal.decode_entry(*raw).header.frames for raw in entries) == bench.frames


def test_a_hole_in_the_connection_that_comes_back_is_no_loss(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    url = mortal_redis.server.url
    log, bench = log_of(url), start(url)
    bench.event(CONNECTED)
    loaded(bench, 20)
    log.client.client_kill_filter(_type="normal", skipme=True)
    loaded(bench, 20)
    until(lambda: settled(bench))
    reading = log.read(STREAM)
    assert numbers(reading.frames) == bench.sent
    assert reading.repeats <= 1, "only what was under way is appended twice"


def test_what_is_beyond_the_ring_shows_in_the_numbers(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    url = mortal_redis.server.url
    log, bench = log_of(url), start(url, ring_bytes=10_000)
    bench.event(CONNECTED)
    loaded(bench, 40)
    log.client.flushall()
    bench.data()
    until(lambda: settled(bench))
    with pytest.raises(AssertionError, match="hole before"):
        log.read(STREAM)


def test_memory_that_gives_out_while_it_is_given_back_is_waited_for(
    mortal_redis: Running, start: Start, log_of: Callable[[str], Log]
) -> None:
    url = mortal_redis.server.url
    log, bench = log_of(url), start(url)
    bench.event(CONNECTED)
    for _ in range(40):
        bench.data(100, padding=50)
        until(lambda: bench.publisher.queue_bytes == 0)
    log.client.flushall()
    log.client.config_set("maxmemory", "1")
    bench.data()
    until(lambda: "memory" in bench.publisher.last_error)
    log.client.config_set("maxmemory", "256mb")
    until(lambda: settled(bench))
    assert numbers(log.read(STREAM).frames) == bench.sent
