"""A Redis of this test's own, which it may kill, and the journal in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import redisdb
from ops.local.ephemeral import Running
from ops.local.errors import LocalError
from ops.local.ports import free_port
from ops.local.redis import prepare_redis
from ops.local.runtime import ensure_runtime
from tests.streamers.journals import Log

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[Running]:
    """Appends are on disk before they are acknowledged, as in production."""
    try:
        runtime = ensure_runtime(CHECKOUT / ".farm/runtime", print)
    except LocalError as exc:
        pytest.skip(f"no private Redis: {exc}")
    running = Running(prepare_redis(runtime, tmp_path / "redis", free_port(), memory=1 << 30))
    running.start()
    yield running
    running.kill()


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
