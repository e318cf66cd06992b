"""The tasks of the archive, and what waits for it: trimming, other storage, the database."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from moto.server import ThreadedMotoServer

from core import redisdb
from core.board import Board
from core.journal import Journal
from core.settings import Settings
from db import archive as told
from db import engine, queries
from ops.alerting.archive import Archive
from tasks import archive, archiving, maintenance, uploading
from tasks.archive import Run
from tests.tasks.conftest import QUOTES, TRADES, Socket, full, quote, trade
from tests.tasks.draining import opened

Query = Callable[..., list[tuple[Any, ...]]]
Worker = Callable[..., None]


@pytest.fixture
def on(farm: Settings, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A farm with an archive, to whose tasks everything is a minute old."""
    monkeypatch.setattr(Run.__init__, "__defaults__", (-1000,))
    worker(ARCHIVE="on", FARM_DATA=str(tmp_path), ARCHIVE_MIN_FREE_BYTES="0")
    return dataclasses.replace(farm, archive="on", farm_data=str(tmp_path))


def drained(farm: Settings, journal: Journal, board: Board) -> None:
    with opened(farm, journal, board) as (drain, _):
        while drain.step():
            pass


def test_what_is_committed_stays_until_it_is_archived(on: Settings, journal: Journal, board: Board) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    drained(on, journal, board)
    assert (journal.length(TRADES), journal.backlog(TRADES, queries.offsets(on.database_url)[str(TRADES)])) == (2, 0)
    assert archive.write()["blocks"] == 1
    drained(on, journal, board)
    assert journal.length(TRADES) == 0


def test_what_is_archived_stays_until_it_is_committed(on: Settings, journal: Journal, board: Board) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    archive.write()
    maintenance.trim_journal()
    assert journal.length(TRADES) == 2
    drained(on, journal, board)
    maintenance.trim_journal()
    assert journal.length(TRADES) == 0


def test_a_redis_that_is_nearly_full_waits_for_no_archive(
    on: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, query: Query
) -> None:
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1))
    archive.write()
    socket.send(trade(2))
    with full(redis_client):
        drained(on, journal, board)
        assert journal.length(TRADES) == 0
    socket.send(trade(3))
    archive.write()
    assert query("SELECT missed FROM archived_streams") == [(1,)]
    drained(on, journal, board)
    assert query("SELECT rows FROM stream_offsets") == [(3,)], "recording has gone on"


def test_up_to_when_all_is_archived_is_told_of_each_venue_and_of_all(on: Settings, journal: Journal, board: Board, query: Query) -> None:
    def until(venue: str | None = None) -> Any:
        with closing(engine.connect(on.database_url, name="test")) as connection, connection.cursor() as cursor:
            return told.archived_until(cursor, venue)

    Socket(journal, TRADES, "t").send(trade(1))
    Socket(journal, QUOTES, "q").send(quote(1))
    drained(on, journal, board)
    assert until() is None
    before = time.time()
    archive.write()
    assert until("binance").timestamp() > before < until().timestamp()
    assert until("nobody") is None
    query(
        "INSERT INTO stream_offsets (stream, venue, channel, shard, last_id, updated_at) VALUES ('binance:new:0:a', 'binance', 'new', '0', '1-1', now())"
    )
    assert until() is None, "of one stream nothing is archived yet"
    query("INSERT INTO archived_streams VALUES ('binance:new:0:a', 'binance', 'new', '1-0', '2020-01-01Z', 0, now())")
    assert until().year == 2020, "an entry that is committed is not archived"
    query("UPDATE archived_streams SET last_id = '1-1' WHERE channel = 'new'")
    assert until().timestamp() > before, "what nobody appends to any more keeps nothing waiting"


def test_a_second_archiver_leaves_at_once(on: Settings, journal: Journal) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    with archive.alone(on.data / "raw", "write") as ours:
        assert ours
        assert archive.write() == {"blocks": 0, "ended": "another is at it"}


def test_an_archive_that_is_behind_or_lacks_something_is_a_measure(on: Settings, journal: Journal, board: Board, query: Query) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    drained(on, journal, board)
    witness, now = Archive(on), time.time()
    assert witness.look(now + 900)["archive_behind_seconds"]["binance:aggTrade"].value > 800, "nothing was ever archived"
    archive.write()
    assert witness.look(now)["archive_behind_seconds"]["binance:aggTrade"].value < 10
    query("UPDATE archived_streams SET missed = 7")
    looked = witness.look(now + 900)
    assert looked["archive_behind_seconds"]["binance:aggTrade"].value > 800
    assert looked["archive_missed_per_hour"][str(TRADES)].value == 7
    assert looked["upload_behind_hours"] == {}
    assert Archive(dataclasses.replace(on, archive="off")).look(now) == {}


def test_a_channel_without_room_is_told_and_stops_no_other(on: Settings, worker: Worker, journal: Journal, query: Query) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    Socket(journal, QUOTES, "q").send(quote(1))
    (on.data / "raw" / "binance").mkdir(parents=True)
    (on.data / "raw" / "binance" / "aggTrade").write_text("in the way")
    assert "aggTrade" in archive.write()["ended"]
    assert query("SELECT stream FROM archived_streams") == [(str(QUOTES),)]
    assert "aggTrade" in query("SELECT value->>'trouble' FROM system_metadata WHERE key = 'archive:write'")[0][0]


def test_closed_files_are_copied_in_order_and_once(
    on: Settings, worker: Worker, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    monkeypatch.setattr(archiving, "MAX_FILE_BYTES", 1)
    socket = Socket(journal, TRADES, "t")
    for number in range(1, 5):
        socket.send(trade(number))
        archive.write()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        worker(S3_ENDPOINT_URL=endpoint, S3_BUCKET="bucket", S3_KEY_ID="k", S3_SECRET_KEY="s")
        assert "NoSuchBucket" in archive.upload()["ended"]
        assert query("SELECT value->>'files' FROM system_metadata WHERE key = 'archive:upload'") == [("3",)]
        client = Session("k", "s", region_name="us-east-1").client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket="bucket")
        assert archive.upload() == {"files": 3, "ended": "turn over"}
        closed = [path for _, path in archiving.files(on.data / "raw" / "binance" / "aggTrade") if path.suffix == ".zst"]
        expected = {path.relative_to(on.data).as_posix(): path.read_bytes() for one in closed for path in (one, one.with_suffix(".json"))}
        there = {
            one["Key"]: client.get_object(Bucket="bucket", Key=one["Key"])["Body"].read()
            for one in client.list_objects_v2(Bucket="bucket")["Contents"]
        }
        assert there == expected
        assert json.loads(closed[0].with_suffix(".json").read_bytes())["sha256"] == hashlib.sha256(closed[0].read_bytes()).hexdigest()
        assert archive.upload() == {"files": 0, "ended": "turn over"}
        (on.data / "raw" / "binance" / "aggTrade" / uploading.MARK).unlink()
        assert archive.upload() == {"files": 3, "ended": "turn over"}, "who lost his mark looks again"
    finally:
        server.stop()
