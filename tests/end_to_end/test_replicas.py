"""A farm with two replicas of its streamer, of which one dies again and again: as if nothing had happened."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from random import Random

import pytest

from db import engine
from ops.cli import state
from ops.local import supervision
from tests.end_to_end.conftest import Venue, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 10
CHANNELS = 2
PROGRAMS = {"a": "streamer-binance", "b": "streamer-binance-b"}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    found = Venue(tmp_path_factory.mktemp("replicas"), "binance", REPLICAS="a,b")
    try:
        found.up("--venues", "binance", "--rate", "400")
        yield found
    finally:
        found.run("down", "--timeout", "5")


def count(farm: Venue, sql: str) -> int:
    """Asked often, so not by a program of its own each time."""
    known = state.load(farm.home)
    assert known is not None
    with closing(engine.connect(known.environment["DATABASE_URL"], name="test")) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {sql}")
        return int(cursor.fetchall()[0][0])


def lives(farm: Venue, replica: str) -> int:
    """How often its sockets have brought data."""
    return count(farm, f"sessions WHERE replica = '{replica}' AND proven_at IS NOT NULL")


def both_hear(farm: Venue) -> bool:
    open_now = "ended_at IS NULL AND proven_at IS NOT NULL"
    return all(count(farm, f"sessions WHERE replica = '{replica}' AND {open_now}") == CHANNELS for replica in PROGRAMS)


def outages_over(farm: Venue) -> int:
    return count(farm, "outages WHERE received_to IS NOT NULL")


@pytest.fixture(scope="module")
def killed(farm: Venue) -> tuple[datetime, datetime]:
    """Since when and until when replicas died, ten times, at moments nobody chose. Both are back."""
    eventually(lambda: both_hear(farm), lambda: f"no data: {farm.status()}")
    eventually(lambda: not count(farm, "outages WHERE received_to IS NULL"))
    since, over = datetime.now(UTC), outages_over(farm)
    chance = Random(8)
    for kill in range(KILLS):
        replica = chance.choice(sorted(PROGRAMS))
        before = lives(farm, replica)
        trades = count(farm, "trades") + chance.randrange(200)  # a moment of its own
        eventually(lambda trades=trades: count(farm, "trades") > trades)
        pid = farm.pid(PROGRAMS[replica])
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda replica=replica, before=before: lives(farm, replica) == before + CHANNELS)
        eventually(lambda kill=kill: outages_over(farm) == over + CHANNELS * (kill + 1))
    return since, datetime.now(UTC)


@pytest.mark.usefixtures("killed")
def test_a_replica_killed_ten_times_costs_nothing(farm: Venue) -> None:
    found, text = farm.verify()
    assert found["ok"], text
    for verdict in found["venues"]["binance"].values():
        assert (verdict["missing"], verdict["duplicate"], verdict["counted_loss"]) == (0, 0, 0), text
        assert verdict["emitted"] == verdict["stored"] > 0
    assert farm.psql("SELECT * FROM data_gaps") == []
    assert count(farm, "stream_offsets WHERE repeated > 0") >= CHANNELS, "both brought the same rows"


def test_each_death_is_told_with_who_had_what_it_missed(farm: Venue, killed: tuple[datetime, datetime]) -> None:
    found = json.loads(farm.run("coverage", "--replicas", "--json").stdout)
    since, until = killed
    outages = [outage for outage in found["outages"] if since <= datetime.fromisoformat(outage["from"]) <= until]
    assert len(outages) == CHANNELS * KILLS
    for outage in outages:
        other = {"a": "b", "b": "a"}[outage["replica"]]
        assert (outage["cause"], outage["detail"], outage["had_by"], outage["unheard_s"]) == ("disconnected", "streamer died", [other], 0)
        assert 0 < outage["seconds"] < 60
    assert {(one["channel"], one["replica"]) for one in found["replicas"]} == {(c, r) for c in ("aggTrade", "bookTicker") for r in "ab"}
    told = farm.run("coverage", "--replicas").stdout
    assert "streamer died" in told


def test_a_replica_that_is_down_is_said_and_the_farm_is_well(farm: Venue) -> None:
    supervision.stop_programs(farm.home, [PROGRAMS["b"]])
    try:
        eventually(lambda: len(farm.status()["reasons"]) > CHANNELS, farm.status)
        found = farm.status()
        assert found["healthy"]
        assert all("records it" in reason or "records the same" in reason for reason in found["reasons"]), found["reasons"]
        assert {stream["replica"] for stream in found["streams"]} == {"a", "b"}
    finally:
        supervision.start_programs(farm.home, [PROGRAMS["b"]])
    eventually(lambda: not farm.status()["reasons"])
