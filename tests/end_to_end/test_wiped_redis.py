"""Redis loses all it has under load: what was not yet written comes again from the streamers, and everybody finds their place."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from ops.cli import state
from tasks.replay import FORGOTTEN
from tests.end_to_end.conftest import Farm, eventually
from venues import VENUES

RATE = os.environ.get("CHAOS_RATE", "1000")
FLUSHES = 3
ROWS_BETWEEN = 3_000


@pytest.fixture(
    params=["binance", pytest.param("kalshi", marks=pytest.mark.skipif("kalshi" not in VENUES, reason="its folder is deleted"))]
)
def farm(new_farm: Callable[..., Farm], request: pytest.FixtureRequest) -> Farm:
    """Of one venue, whose books are replayed or not."""
    found = new_farm()
    found.up("--venues", request.param, "--rate", RATE)
    return found


@pytest.fixture
def client(farm: Farm) -> Iterator[redis.Redis]:
    chosen = state.load(farm.home)
    assert chosen is not None
    with closing(redis.Redis.from_url(chosen.environment["REDIS_URL"])) as opened:
        yield opened


def rows(farm: Farm) -> int:
    return int(farm.psql("SELECT sum(rows) FROM stream_offsets")[0][0])


def more_comes(farm: Farm) -> None:
    before = rows(farm)
    eventually(lambda: rows(farm) > before + ROWS_BETWEEN, farm.status)


def canaries(farm: Farm) -> dict[str, str]:
    """queue -> when somebody last proved to consume it."""
    return dict(farm.psql("SELECT key, updated_at FROM system_metadata WHERE key LIKE 'canary:%'"))  # type: ignore[arg-type]


@pytest.mark.timeout(900)
def test_a_redis_that_is_wiped_again_and_again_loses_nothing(farm: Farm, client: redis.Redis) -> None:
    more_comes(farm)
    for _ in range(FLUSHES):
        client.flushall()
        more_comes(farm)
    # Its files first: the next one starts within a moment, and finds nothing.
    shutil.rmtree(Path(client.config_get("dir")["dir"]) / "appendonlydir")
    os.kill(eventually(lambda: farm.pid("redis")), signal.SIGKILL)
    wiped = farm.psql("SELECT now()")[0][0]
    more_comes(farm)
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    eventually(lambda: all(at > wiped for at in canaries(farm).values()), lambda: canaries(farm))

    found, text = farm.verify()
    assert found["ok"], text
    [kinds] = found["venues"].values()
    for kind, figures in kinds.items():
        assert figures["missing"] == figures["duplicate"] == 0, (kind, figures)
    assert kinds["trades"]["stored"] > 0
    assert farm.psql("SELECT venue, channel, detail FROM data_gaps WHERE cause = 'journal'") == []
    # Only a wipe between two turns of a drain takes books along; it is told, and ends with their whole states.
    doubted = "data_gaps WHERE cause = 'book'"
    assert {detail for (detail,) in farm.psql(f"SELECT DISTINCT detail FROM {doubted}")} <= {FORGOTTEN}
    eventually(lambda: farm.psql(f"SELECT * FROM {doubted} AND state = 'open'") == [], lambda: farm.psql(f"SELECT * FROM {doubted}"))
