"""A Redis of this test's own, which it may kill, and the journal in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import redisdb
from ops.local.ephemeral import Running, ephemeral_redis
from ops.local.errors import RuntimeUnavailable
from tests.streamers.journals import Log


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
