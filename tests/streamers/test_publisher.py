"""The thread that appends what the loop does not: order, spool, counted loss, back-pressure."""

import threading
from collections.abc import Callable
from time import monotonic, sleep

from core.journal import CONNECTED, DISCONNECTED
from ops.local.ephemeral import Running
from tests.streamers.journals import Log
from tests.streamers.loaded import STREAM, Start, numbers, until


def test_batches_arrive_in_order(redis_url: str, start: Start, log_of: Callable[[str], Log]) -> None:
    bench = start(redis_url)
    bench.event(CONNECTED)
    for _ in range(50):
        bench.data()
    bench.event(DISCONNECTED)
    bench.publisher.stop(patience_seconds=5)
    reading = log_of(redis_url).read(STREAM)
    assert numbers(reading.frames) == bench.sent
    assert reading.types == [CONNECTED, DISCONNECTED]
    assert (reading.repeats, bench.publisher.queue_bytes, bench.spool.size_bytes) == (0, 0, 0)


def test_redis_killed_under_load_loses_nothing(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    url = mortal_redis.server.url
    bench = start(url)
    bench.event(CONNECTED)
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            bench.data()
            sleep(0.002)

    loader = threading.Thread(target=load)
    loader.start()
    for _ in range(2):
        before = bench.frames
        until(lambda seen=before: bench.frames > seen + 3000)
        mortal_redis.kill()
        until(lambda: bench.spool.size_bytes > 0)
        mortal_redis.start()
        until(lambda: bench.spool.size_bytes == 0)
    stop.set()
    loader.join()
    bench.event(DISCONNECTED)
    bench.publisher.stop(patience_seconds=5)
    reading = log_of(url).read(STREAM)
    assert numbers(reading.frames) == bench.sent
    assert reading.lost == 0
    assert STREAM in log_of(url).journal.streams()


def test_a_full_redis_is_spooled_and_replayed(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    url = mortal_redis.server.url
    log = log_of(url)
    bench = start(url)
    bench.event(CONNECTED)
    bench.data()
    until(lambda: bench.publisher.queue_bytes == 0)
    log.client.config_set("maxmemory", "1")
    for _ in range(20):
        bench.data()
    until(lambda: bench.publisher.queue_bytes == 0 and bench.spool.size_bytes > 0)
    assert "memory" in bench.publisher.last_error
    log.client.config_set("maxmemory", "256mb")
    until(lambda: bench.spool.size_bytes == 0)
    bench.data()
    bench.publisher.stop(patience_seconds=5)
    reading = log.read(STREAM)
    assert numbers(reading.frames) == bench.sent


def test_a_full_spool_is_counted_to_the_frame(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    url = mortal_redis.server.url
    bench = start(url, spool_bytes=20_000)
    bench.event(CONNECTED)
    bench.data()
    until(lambda: bench.publisher.queue_bytes == 0)
    mortal_redis.kill()
    for _ in range(200):
        bench.data()
    bench.event(DISCONNECTED)
    bench.connection, bench.batch_no = "c2", 0
    bench.event(CONNECTED)
    bench.data()
    until(lambda: bench.publisher.queue_bytes == 0)
    assert 0 < bench.publisher.lost_frames < bench.frames
    mortal_redis.start()
    until(lambda: bench.spool.size_bytes == 0)
    bench.data()
    bench.event(DISCONNECTED)
    bench.publisher.stop(patience_seconds=5)
    reading = log_of(url).read(STREAM)
    assert len(reading.frames) + reading.lost == bench.frames
    assert reading.lost == bench.publisher.lost_frames
    assert reading.types == [CONNECTED, "lost", DISCONNECTED, CONNECTED, "lost", DISCONNECTED]


def test_a_slow_redis_stops_the_sockets(mortal_redis: Running, start: Start) -> None:
    """A server that hangs: memory stays bounded because the sockets are not read."""
    assert mortal_redis.process is not None
    bench = start(mortal_redis.server.url, queue_bytes=1 << 20, timeout=2.0)
    bench.event(CONNECTED)
    until(lambda: bench.publisher.queue_bytes == 0)
    mortal_redis.process.send_signal(19)  # SIGSTOP
    try:
        while not bench.publisher.paused:
            bench.data(100, padding=200)
        assert bench.paused == 1
        assert bench.publisher.queue_bytes < 2 << 20
        until(lambda: not bench.publisher.paused)  # the timeout, then the spool
        assert bench.spool.size_bytes > 0
    finally:
        mortal_redis.process.send_signal(18)  # SIGCONT


def test_a_redis_that_hangs_does_not_hold_up_a_stop(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    assert mortal_redis.process is not None
    url = mortal_redis.server.url
    bench = start(url, timeout=30.0)
    bench.event(CONNECTED)
    until(lambda: bench.publisher.queue_bytes == 0)
    mortal_redis.process.send_signal(19)
    for _ in range(20):
        bench.data()
    begun = monotonic()
    bench.publisher.stop(patience_seconds=0.5)
    assert monotonic() - begun < 3.0
    assert bench.spool.size_bytes > 0
    mortal_redis.process.send_signal(18)
    bench.spool.close()
    following = start(url)
    until(lambda: following.spool.size_bytes == 0)
    reading = log_of(url).read(STREAM)
    assert numbers(reading.frames) == bench.sent
