"""Planned reconnects and restarts on every kind of proof: ids, chains, numbers of a subscription. Nothing is lost, and nothing is called lost."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from core import redisdb
from core.board import Board
from ops.cli import state
from tests.end_to_end.conftest import Venue, eventually
from venues import VENUES

WANTED = ("binance", "deribit", "kalshi")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(420),
    pytest.mark.skipif(not set(WANTED) <= set(VENUES), reason="a folder is deleted"),
]

#: Of each venue, those whose rows prove that nothing is missing, or whose books would be in doubt.
STREAMS = ("binance:aggTrade:0:a", "binance:bookTicker:0:a", "deribit:book:0:a", "deribit:trades:0:a", "kalshi:orderbook_delta:0:a")
ROTATIONS = 1


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    found = Venue(tmp_path_factory.mktemp("rotation"), "binance")
    try:
        found.up("--venues", ",".join(WANTED), "--rate", "300")
        yield found
    finally:
        found.run("down", "--timeout", "5")


def rotated(farm: Venue, stream: str) -> int:
    venue, channel, shard, _ = stream.split(":")
    place = f"venue = '{venue}' AND channel = '{channel}' AND shard = '{shard}'"
    return int(farm.psql(f"SELECT count(*) FROM sessions WHERE {place} AND cause = 'rotated'")[0][0])


def test_connections_that_are_replaced_as_planned_leave_no_hole_and_no_gap(farm: Venue) -> None:
    known = state.load(farm.home)
    assert known is not None
    with closing(redisdb.connect(known.environment["REDIS_URL"], timeout_seconds=5)) as client:
        board = Board(client, "tapefarm")
        for number in range(1, ROTATIONS + 1):
            for stream in STREAMS:
                board.ask_rotation(stream)
            for stream in STREAMS:
                eventually(lambda stream=stream, number=number: rotated(farm, stream) >= number, lambda stream=stream: f"{stream} stays")
    all_is_there_and_no_gap_is_told(farm)


def test_streamers_that_are_started_anew_leave_no_hole_and_no_gap(farm: Venue) -> None:
    programs = [f"streamer-{venue}" for venue in WANTED]
    before = [farm.pid(name) for name in programs]
    done = farm.run("restart", timeout=360)
    assert done.returncode == 0, done.stderr
    after = [farm.pid(name) for name in programs]
    assert None not in before + after
    assert not set(before) & set(after)
    all_is_there_and_no_gap_is_told(farm)
    assert {row[0] for row in farm.psql("SELECT DISTINCT replica FROM sessions")} == {"a", "standin"}


def all_is_there_and_no_gap_is_told(farm: Venue) -> None:
    found, text = farm.verify()
    assert found["ok"], text
    assert all(verdict["missing"] == verdict["duplicate"] == 0 for kinds in found["venues"].values() for verdict in kinds.values()), text
    channels = ", ".join(repr(stream.split(":")[1]) for stream in STREAMS)
    told = f"SELECT venue, channel, cause, state, detail FROM data_gaps WHERE cause <> 'silent' AND channel IN ({channels})"
    eventually(lambda: farm.psql(told) == [], lambda: farm.psql(told), seconds=20)
