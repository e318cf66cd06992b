"""Programs that are asked to end: within the time they are given, with nothing left behind, and no gap but for the time they were away."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from core import redisdb, settings
from core.journal import Journal
from ops.cli import environment, programs
from ops.cli.down import backlog
from ops.local import supervision
from ops.local.supervision import layout_of
from tests.end_to_end.conftest import Farm, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

RATE = "2000"
STREAMER = "streamer-binance"
WORKERS = ("worker-writers", "worker-collectors", "worker-maintenance", "beat")
#: Between the last frame before a stop and the stop: a channel may be still for a moment.
STILL_SECONDS = 2.0


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    found = Farm(tmp_path_factory.mktemp("stop"))
    try:
        found.up("--venues", "binance", "--rate", RATE)
        yield found
    finally:
        found.run("down", "--timeout", "5")


def stopped(farm: Farm, *names: str) -> float:
    """Seconds that it took; none of them had to be killed."""
    began = time.monotonic()
    supervision.stop_programs(farm.home, names)
    took = time.monotonic() - began
    log = layout_of(farm.home).log("supervisord").read_text()
    assert not [name for name in names if f"killing '{name}'" in log], "they were asked, and did not end in time"
    return took


def waiting(farm: Farm) -> int:
    knobs = settings.load(environment.current(farm.home)[1])
    with closing(redisdb.connect(knobs.redis_url, timeout_seconds=5)) as client:
        return backlog(knobs.database_url, Journal(client, knobs.key_prefix))


def spooled(farm: Farm) -> int:
    return sum(path.stat().st_size for path in (farm.home / "spool").rglob("*.seg"))


def is_whole(farm: Farm) -> None:
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    found, text = farm.verify()
    assert found["ok"], text
    figures = found["venues"]["binance"]
    assert all(figures[kind]["missing"] == figures[kind]["duplicate"] == 0 < figures[kind]["stored"] for kind in ("trades", "quotes"))


def test_a_stop_under_load_leaves_nothing_behind_and_costs_its_own_time(farm: Farm) -> None:
    began = time.time()
    assert stopped(farm, STREAMER) <= programs.STREAMER_STOP_SECONDS
    assert spooled(farm) == 0
    eventually(lambda: waiting(farm) == 0, lambda: waiting(farm))
    assert stopped(farm, *WORKERS) <= programs.WORKER_STOP_SECONDS
    assert (waiting(farm), spooled(farm)) == (0, 0)
    assert farm.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [["0"]]
    assert farm.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tapefarm drain%'") == [["0"]]

    done = farm.run("down")
    assert done.returncode == 0 and "are not written" not in done.stderr, done.stderr
    farm.up("--venues", "binance", "--rate", RATE)
    is_whole(farm)
    gaps = farm.psql(
        "SELECT channel, extract(epoch FROM received_from), extract(epoch FROM received_to), "
        f"(SELECT extract(epoch FROM min(proven_at)) FROM sessions s WHERE s.channel = g.channel AND connected_at > to_timestamp({began})) "
        f"FROM data_gaps g WHERE cause = 'disconnected' AND received_from > to_timestamp({began - 60})"
    )
    assert {channel for channel, *_ in gaps} == {"aggTrade", "bookTicker"}
    for channel, since, until, again in gaps:
        assert float(since) > began - STILL_SECONDS, channel
        assert float(until) < float(again) + STILL_SECONDS, channel


def test_programs_that_are_asked_to_end_by_whomever_are_started_again_and_nothing_is_lost(farm: Farm) -> None:
    """PostgreSQL is the last: asked so, it waits for its clients, lets in no other, and is killed for that a minute later."""
    for name in (STREAMER, *WORKERS, "flower", "redis", "postgres"):
        pid = farm.pid(name)
        assert pid is not None, name
        os.kill(pid, signal.SIGTERM)
        eventually(lambda one=name, before=pid: farm.pid(one) not in (None, before), farm.status, seconds=180)
    is_whole(farm)
