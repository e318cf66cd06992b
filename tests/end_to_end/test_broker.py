"""Celery on a Redis that goes away, is killed or runs out of memory: every queue is consumed again within a minute, by the same processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import redis

import celeryconfig
from ops.cli import state
from tests.end_to_end.conftest import CHECKOUT, Farm, eventually

#: From a Redis that answers again to a canary of each queue. A canary of the writers may wait until a turn is over.
SECONDS = 60.0
FULL_SECONDS = 15.0
CELERY = ("beat", "worker-writers", "worker-collectors", "worker-maintenance")


@pytest.fixture
def farm(new_farm: Callable[..., Farm]) -> Farm:
    found = new_farm()
    found.up("--rate", "500")
    return found


@pytest.fixture
def client(farm: Farm) -> Iterator[redis.Redis]:
    chosen = state.load(farm.home)
    assert chosen is not None
    with closing(redis.Redis.from_url(chosen.environment["REDIS_URL"])) as opened:
        yield opened


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def pids(farm: Farm) -> dict[str, int]:
    return {c["name"]: c["pid"] for c in farm.status()["components"] if c["name"] in CELERY}


def send_canaries(farm: Farm) -> None:
    """Beat sends them once a minute; these come now."""
    chosen = state.load(farm.home)
    assert chosen is not None
    code = "import sys, tasks\nfor q in sys.argv[1:]: tasks.app.send_task('tasks.health.canary', (q,), queue=q)"
    names = [queue.name for queue in celeryconfig.task_queues]
    subprocess.run([sys.executable, "-c", code, *names], cwd=CHECKOUT, env={**farm.environ, **chosen.environment}, check=True, timeout=60)


def consumed_again(farm: Farm, client: redis.Redis) -> None:
    """Returns when every queue has answered a canary that was sent after now. That beat rings is shown by the farm's health."""
    eventually(lambda: answers(client))
    now = farm.psql("SELECT now()")[0][0]
    send_canaries(farm)

    def late() -> list[str]:
        seen = dict(farm.psql("SELECT key, updated_at > '" + now + "' FROM system_metadata WHERE key LIKE 'canary:%'"))  # type: ignore[arg-type]
        return [queue.name for queue in celeryconfig.task_queues if seen.get(f"canary:{queue.name}") != "t"]

    eventually(lambda: not late(), late, seconds=SECONDS)


@pytest.mark.timeout(900)
def test_every_queue_is_consumed_again_within_a_minute(farm: Farm, client: redis.Redis) -> None:
    before = pids(farm)
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(eventually(lambda: farm.pid("redis")), number)
        consumed_again(farm, client)
    assert pids(farm) == before, "nobody had to be started again"

    # A worker in the middle of its task: drains are at work all the time.
    os.kill(before["worker-writers"], signal.SIGKILL)
    os.kill(eventually(lambda: farm.pid("redis")), signal.SIGKILL)
    eventually(lambda: farm.pid("worker-writers"))
    consumed_again(farm, client)

    before, memory = pids(farm), client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", "1")
    send = time.monotonic()
    eventually(lambda: time.monotonic() - send > FULL_SECONDS)
    client.config_set("maxmemory", memory)
    consumed_again(farm, client)
    assert pids(farm) == before, "nobody died of a full Redis"

    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    found, text = farm.verify()
    assert found["ok"], text
    for kind in ("trades", "quotes"):
        figures = found["venues"]["binance"][kind]
        assert figures["missing"] == figures["duplicate"] == 0 < figures["stored"]
