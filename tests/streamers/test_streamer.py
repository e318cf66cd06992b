"""The whole process, as the supervisor of a farm starts and ends it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from core.board import Board
from core.journal import CONNECTED, DISCONNECTED, START, StreamName
from ops.local.ephemeral import Running
from tests.streamers.journals import Log
from tests.streamers.peer import PATIENCE_SECONDS, Feed, binance_frame, until

CHECKOUT = Path(__file__).resolve().parents[2]
STREAM = StreamName("binance", "aggTrade")
WHO = "streamer:binance:0:a"

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, key_prefix: str) -> Iterator[Start]:
    """Starts streamers that share one home; they are killed at the end of the test."""
    running: list[subprocess.Popen[bytes]] = []
    toml = tmp_path / "farm.toml"
    toml.write_text('[venues.binance]\nchannels = ["aggTrade"]\nsymbols = ["AUSDT", "IUSDT"]\n')

    def launch(url: str, feed: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        env = {
            **os.environ,
            "REDIS_URL": url,
            "KEY_PREFIX": key_prefix,
            "BINANCE_WS_URL": feed,
            "FARM_HOME": str(tmp_path / "home"),
            "FARM_TOML": str(toml),
            **environment,
        }
        with (tmp_path / "streamer.log").open("ab") as log:
            command = [sys.executable, "-m", "streamers", "binance", *arguments]
            running.append(subprocess.Popen(command, cwd=CHECKOUT, env=env, stderr=log))
        return running[-1]

    yield launch
    for process in running:
        process.kill()
        process.wait()


class Stream:
    """Sends numbered frames to whoever is connected, until told to stop."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._on = True
        self.sent: dict[ServerConnection, list[int]] = {}
        self.number = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._on:
            for peer in list(self._feed.connections):
                try:
                    await peer.send(binance_frame("AUSDT" if self.number % 2 else "IUSDT", self.number))
                except ConnectionClosed:
                    continue
                self.sent.setdefault(peer, []).append(self.number)
                self.number += 1
            await asyncio.sleep(0.001)

    async def passed(self, count: int) -> None:
        mark = self.number + count
        await until(lambda: self.number > mark)

    async def stop(self) -> None:
        self._on = False
        await self._task


def numbers(frames: list[bytes]) -> list[int]:
    return [json.loads(frame)["data"]["a"] for frame in frames]


async def ended(process: subprocess.Popen[bytes]) -> int:
    await until(lambda: process.poll() is not None)
    return process.returncode


def vital(log: Log) -> dict[str, Any]:
    return Board(log.client, log.prefix).vitals("streamer").get(WHO, {})


def reported_frames(log: Log) -> int:
    return sum(stream["frames"] for stream in vital(log).get("streams", []))


def test_a_stop_flushes_and_every_frame_is_there(redis_url: str, start: Start, log_of: Callable[[str], Log]) -> None:
    async def play() -> None:
        log = log_of(redis_url)
        async with Feed() as feed:
            process = start(redis_url, feed.url)
            stream = Stream(feed)
            await until(lambda: stream.sent)
            await stream.passed(500)
            await until(lambda: reported_frames(log))
            await stream.stop()
            process.terminate()
            assert await ended(process) == 0
        reading = log.read(STREAM)
        assert numbers(reading.frames) == list(range(stream.number))
        assert reading.types == [CONNECTED, "proven", DISCONNECTED]
        assert reading.contexts(DISCONNECTED) == [{"cause": "stopped"}]
        assert feed.paths == ["/market/stream?streams=ausdt@aggTrade/iusdt@aggTrade"]

    asyncio.run(play())


def test_the_vital_says_what_an_operator_asks(redis_url: str, start: Start, log_of: Callable[[str], Log]) -> None:
    async def play() -> None:
        log = log_of(redis_url)
        async with Feed() as feed:
            process = start(redis_url, feed.url)
            stream = Stream(feed)
            await until(lambda: reported_frames(log))
            said = vital(log)
            await stream.stop()
        (told,) = said.pop("streams")
        assert said["pid"] == process.pid
        assert (said["paused"], said["lost_frames"], said["spool_bytes"], said["slot_failures"]) == (False, 0, 0, 0)
        assert (told["channel"], told["shard"], told["instruments"], told["connected"], told["reconnects"]) == ("aggTrade", "0", 2, True, 0)
        assert told["last_data_us"] > said["started_at"]

    asyncio.run(play())


def test_redis_killed_under_load(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    async def play() -> None:
        url = mortal_redis.server.url
        async with Feed() as feed:
            process = start(url, feed.url)
            stream = Stream(feed)
            await until(lambda: stream.sent)
            for _ in range(2):
                await stream.passed(300)
                mortal_redis.kill()
                await stream.passed(300)
                await asyncio.to_thread(mortal_redis.start)
            await stream.passed(100)
            await stream.stop()
            process.terminate()
            assert await ended(process) == 0
        start(url, "ws://127.0.0.1:1")  # whatever the first could not say any more, the next one says
        reading = await settled(log_of(url), stream.number)
        assert numbers(reading.frames) == list(range(stream.number))

    asyncio.run(play())


def test_killed_while_spooling_the_next_one_replays_first(
    mortal_redis: Running, start: Start, log_of: Callable[[str], Log], tmp_path: Path
) -> None:
    async def play() -> None:
        url = mortal_redis.server.url
        spool = tmp_path / "home" / "spool" / "binance-0-a"
        async with Feed() as feed:
            first = start(url, feed.url)
            stream = Stream(feed)
            await until(lambda: stream.sent)
            await stream.passed(200)
            mortal_redis.kill()
            await until(lambda: sum(path.stat().st_size for path in spool.glob("*.seg")) > 5000)
            first.send_signal(signal.SIGKILL)
            await ended(first)
            second = start(url, feed.url)
            await until(lambda: len(stream.sent) == 2)
            await stream.passed(100)
            await asyncio.to_thread(mortal_redis.start)
            await stream.passed(300)
            await stream.stop()
            second.terminate()
            assert await ended(second) == 0
        one, two = stream.sent.values()
        reading = await settled(log_of(url), len(two), tail=True)
        found = numbers(reading.frames)
        assert found == sorted(found)
        assert [number for number in found if number >= two[0]] == two
        before = [number for number in found if number < two[0]]
        assert before == one[: len(before)], "what was spooled is there without a hole"
        assert len(before) > 200
        incarnations = [context["incarnation"] for context in reading.contexts(CONNECTED)]
        assert len(set(incarnations)) == 2

    asyncio.run(play())


async def settled(log: Log, count: int, *, tail: bool = False) -> Any:
    """The journal once it holds so many frames (`tail`: of its last connection)."""
    reading = await asyncio.to_thread(log.read, STREAM)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(reading.frames) < count or (tail and reading.types[-1] != DISCONNECTED):
            await asyncio.sleep(0.05)
            reading = await asyncio.to_thread(log.read, STREAM)
    return reading


def test_instruments_published_later_reach_the_open_connection(
    redis_url: str, start: Start, log_of: Callable[[str], Log], tmp_path: Path
) -> None:
    async def play() -> None:
        log = log_of(redis_url)
        toml = tmp_path / "published.toml"
        toml.write_text('[venues.binance]\nchannels = ["aggTrade"]\n')
        board = Board(log.client, log.prefix)
        async with Feed() as feed:
            start(redis_url, feed.url, FARM_TOML=str(toml))
            await until(lambda: "no instruments are known yet" in (tmp_path / "streamer.log").read_text())
            board.publish_universe("binance", ["AUSDT"])
            await feed.connection()
            board.publish_universe("binance", ["BUSDT"])
            await until(lambda: len(feed.received[0]) == 2)
            requests = [json.loads(text) for text in feed.received[0]]
            assert [(r["method"], r["params"]) for r in requests] == [
                ("UNSUBSCRIBE", ["ausdt@aggTrade"]),
                ("SUBSCRIBE", ["busdt@aggTrade"]),
            ]
            assert len(feed.connections) == 1

    asyncio.run(play())


def test_two_of_the_same_cannot_run(redis_url: str, start: Start, tmp_path: Path) -> None:
    async def play() -> None:
        async with Feed() as feed:
            first = start(redis_url, feed.url)
            await feed.connection()
            second = start(redis_url, feed.url)
            assert await ended(second) == 2
            assert f"is in use by process {first.pid}" in (tmp_path / "streamer.log").read_text()
            third = start(redis_url, feed.url, "--replica", "b")
            await feed.connection(1)
            assert third.poll() is None

    asyncio.run(play())


def test_shards_split_the_instruments(redis_url: str, start: Start, log_of: Callable[[str], Log]) -> None:
    async def play() -> None:
        log = log_of(redis_url)
        async with Feed() as feed:
            for part in range(2):
                start(redis_url, feed.url, "--shard", f"{part}/2")
            await feed.connection(1)
            asked = sorted(path.partition("=")[2] for path in feed.paths)
            assert asked == ["ausdt@aggTrade", "iusdt@aggTrade"]
            streams = [STREAM._replace(shard=f"{part}.0") for part in range(2)]
            await until(lambda: set(streams) <= set(log.journal.streams()))
            assert len(log.journal.read(dict.fromkeys(streams, START), block_ms=1, max_entries=1)) == 2

    asyncio.run(play())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "invalid choice"),
        (["binance", "--shard", "2/2"], "is not k/n"),
        (["binance", "--channels", "aggTrade,tea"], "binance has no channel tea"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], says: str) -> None:
    done = subprocess.run([sys.executable, "-m", "streamers", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr


def test_redis_wiped_under_load_is_given_it_all_again(mortal_redis: Running, start: Start, log_of: Callable[[str], Log]) -> None:
    """Nobody is told of a FLUSHALL: the next append finds out, before anything newer is in the journal."""

    async def play() -> None:
        url = mortal_redis.server.url
        log = log_of(url)
        async with Feed() as feed:
            process = start(url, feed.url)
            stream = Stream(feed)
            await until(lambda: vital(log).get("express"))
            for _ in range(3):
                await stream.passed(300)
                log.client.flushall()
                await stream.passed(300)
                await until(lambda: vital(log).get("express"))
            await stream.stop()
            process.terminate()
            assert await ended(process) == 0
        reading = log.read(STREAM)
        assert numbers(reading.frames) == list(range(stream.number))
        assert STREAM in log.journal.streams()

    asyncio.run(play())


def test_a_wiped_redis_learns_the_universe_and_the_shards_again(
    mortal_redis: Running, start: Start, log_of: Callable[[str], Log], tmp_path: Path
) -> None:
    async def play() -> None:
        log = log_of(mortal_redis.server.url)
        toml = tmp_path / "published.toml"
        toml.write_text('[venues.binance]\nchannels = ["aggTrade"]\n')
        board = Board(log.client, log.prefix)
        async with Feed() as feed:
            start(mortal_redis.server.url, feed.url, FARM_TOML=str(toml))
            board.publish_universe("binance", ["AUSDT"])
            await feed.connection()
            log.client.flushall()
            await until(lambda: board.universe("binance") == ["AUSDT"])
            await until(lambda: board.shards("binance:0:1") == {"aggTrade": {0: ["AUSDT"]}})

    asyncio.run(play())
