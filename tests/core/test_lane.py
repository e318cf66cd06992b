"""Appending from the event loop: all or none, once, and an end that is told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from core import journal, redisdb
from core.journal import Journal, Mark, StreamName, Wiped
from core.lane import Lane, LaneError, packed

STREAM, OTHER = StreamName("venue", "trades"), StreamName("venue", "quotes")


def entry(stream: StreamName, number: int) -> journal.Batch:
    return stream, journal.data_fields("c", number, [b"frame %d" % number], [number])


def numbers(log: Journal, stream: StreamName) -> list[int]:
    [(_, entries)] = log.read({stream: journal.START}, block_ms=1, max_entries=100)
    return [journal.decode_entry(*raw).header.batch_no for raw in entries]


class Outcome:
    """What a lane says, to be awaited."""

    def __init__(self, lane: Lane) -> None:
        self.settled, self.failed = asyncio.Event(), asyncio.Event()
        self.cause: Exception | None = None
        self.ids: list[str] = []
        lane.on_settled, lane.on_failed = self._settle, self._fail

    def _settle(self, ids: list[bytes]) -> None:
        self.ids = [entry_id.decode() for entry_id in ids]
        self.settled.set()

    def _fail(self, cause: Exception) -> None:
        self.cause = cause
        self.failed.set()


def run(body: Callable[[], Awaitable[Any]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await body()

    asyncio.run(bounded())


@pytest.fixture
def log(redis_client: redisdb.Client, key_prefix: str) -> Journal:
    return Journal(redis_client, key_prefix)


def test_a_group_is_appended_in_order_and_its_streams_are_registered(redis_url: str, key_prefix: str, log: Journal) -> None:
    async def body() -> None:
        lane = Lane(redis_url, key_prefix, timeout_seconds=5)
        outcome = Outcome(lane)
        assert not lane.ready
        await lane.open()
        lane.send([entry(STREAM, 1), entry(OTHER, 1), entry(STREAM, 2)], new={STREAM, OTHER})
        assert not lane.ready
        await outcome.settled.wait()
        assert lane.ready
        assert outcome.ids[1] == log.last_id(OTHER) and outcome.ids[2] == log.last_id(STREAM)
        lane.close()

    run(body)
    assert log.streams() == [OTHER, STREAM]
    assert numbers(log, STREAM) == [1, 2]


def test_a_stream_that_should_be_there_and_is_not_ends_the_lane(
    redis_url: str, redis_client: redisdb.Client, key_prefix: str, log: Journal
) -> None:
    async def body() -> None:
        lane = Lane(redis_url, key_prefix, timeout_seconds=5)
        outcome = Outcome(lane)
        await lane.open()
        lane.send([entry(STREAM, 1)], new=())
        await outcome.failed.wait()
        assert isinstance(outcome.cause, Wiped) and not lane.ready
        await lane.open()
        outcome.failed.clear()
        lane.send([entry(STREAM, 1)], new={STREAM}, mark=Mark("who", "1"))
        await outcome.failed.wait()
        assert isinstance(outcome.cause, Wiped), "a mark that was never set"
        assert log.mark("who") is None

    run(body)


def test_a_group_of_which_redis_refuses_a_part_is_refused_whole(
    redis_url: str, redis_client: redisdb.Client, key_prefix: str, log: Journal
) -> None:
    redis_client.set(f"{key_prefix}:journal:{OTHER}", "no stream")

    async def body() -> None:
        lane = Lane(redis_url, key_prefix, timeout_seconds=5)
        outcome = Outcome(lane)
        await lane.open()
        lane.send([entry(OTHER, 1)], new={OTHER})
        await outcome.failed.wait()
        assert isinstance(outcome.cause, LaneError)
        assert not lane.ready

    run(body)


def test_a_redis_that_hangs_up_is_told_and_the_lane_opens_again(
    redis_url: str, redis_client: redisdb.Client, key_prefix: str, log: Journal
) -> None:
    async def body() -> None:
        lane = Lane(redis_url, key_prefix, timeout_seconds=5)
        outcome = Outcome(lane)
        await lane.open()
        await asyncio.to_thread(redis_client.client_kill_filter, _type="normal", skipme=True)
        await outcome.failed.wait()
        await lane.open()
        lane.send([entry(STREAM, 1)], new={STREAM})
        await outcome.settled.wait()
        lane.close()

    run(body)
    assert numbers(log, STREAM) == [1]


def test_an_answer_that_does_not_come_ends_the_lane() -> None:
    async def body() -> None:
        gone = asyncio.Event()

        async def login_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"+OK\r\n")
            with suppress(ConnectionError):
                await reader.read()
                writer.close()
                await writer.wait_closed()
            gone.set()

        async with await asyncio.start_server(login_only, "127.0.0.1", 0) as server:
            lane = Lane(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", "p", timeout_seconds=5)
            outcome = Outcome(lane)
            await lane.open()
            lane.send([entry(STREAM, 1)], new={STREAM})
            now = asyncio.get_running_loop().time()
            lane.check(now + 4)
            assert not outcome.failed.is_set()
            lane.check(now + 6)
            assert isinstance(outcome.cause, TimeoutError)
            await gone.wait()

    run(body)


@pytest.mark.parametrize("url", ["redis://:wrong@{}/0", "redis://127.0.0.1:1/0"], ids=["password", "port"])
def test_a_lane_that_cannot_open_says_why(redis_url: str, url: str) -> None:
    async def body() -> None:
        lane = Lane(url.format(redis_url.rpartition("@")[2].partition("/")[0]), "p", timeout_seconds=5)
        with pytest.raises((OSError, LaneError)):
            await lane.open()
        assert not lane.ready

    run(body)


def test_commands_are_packed_as_redis_reads_them() -> None:
    assert packed(("SET", "ä", b"\r\n", 7)) == b"*4\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$2\r\n\r\n\r\n$1\r\n7\r\n"
