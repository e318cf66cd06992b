"""A Redis of this test's own, which it may kill, and the journal in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import redisdb
from core.journal import Journal
from ops.local.ephemeral import Running, ephemeral_redis
from ops.local.errors import RuntimeUnavailable
from streamers.overflow import Overflow
from streamers.publisher import Publisher
from streamers.ring import Ring
from streamers.spool import Spool
from tests.streamers.journals import Log
from tests.streamers.loaded import Bench, Start


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[Running]:
    """Appends are on disk before they are acknowledged, as in production."""
    try:
        with ephemeral_redis(tmp_path, memory=1 << 30) as running:
            yield running
    except RuntimeUnavailable as exc:
        pytest.skip(f"no private Redis: {exc}")


@pytest.fixture
def log_of(key_prefix: str) -> Iterator[Callable[[str], Log]]:
    """Redis URL -> what its journal says, under this test's prefix."""
    opened: list[redisdb.Client] = []

    def make(url: str) -> Log:
        opened.append(redisdb.connect(url, timeout_seconds=5))
        return Log(opened[-1], key_prefix)

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def start(key_prefix: str, tmp_path: Path) -> Iterator[Start]:
    made: list[Bench] = []
    clients: list[redisdb.Client] = []

    def build(
        url: str, *, spool_bytes: int = 64 << 20, queue_bytes: int = 64 << 20, ring_bytes: int = 64 << 20, timeout: float = 1.0
    ) -> Bench:
        spool = Spool(tmp_path / "spool", max_bytes=spool_bytes)
        clients.append(redisdb.connect(url, timeout_seconds=timeout))
        journal = Journal(clients[-1], key_prefix)
        bench: Bench

        def pause() -> None:
            bench.paused += 1

        def resume() -> None:
            bench.publisher.paused = False

        ring = Ring(max_bytes=ring_bytes)
        overflow = Overflow(spool)
        bench = Bench(
            Publisher("tiny", journal, ring, overflow, queue_max_bytes=queue_bytes, on_pause=pause, on_resume=resume), spool, ring
        )
        bench.publisher.start()
        made.append(bench)
        return bench

    yield build
    for bench in made:
        bench.publisher.stop(patience_seconds=5)
        bench.spool.close()
    for client in clients:
        client.connection_pool.disconnect()
