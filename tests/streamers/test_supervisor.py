"""Which channels are opened with what; the process as a whole is in test_streamer.py."""

import asyncio
import dataclasses
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.board import Board
from core.journal import DATA, decode_entry
from core.redisdb import Client
from core.settings import Collect, Settings
from core.venue import Channel
from streamers.supervisor import Options, Supervisor
from tests.streamers.peer import TRADES, Feed, SilentStream, tiny_venue, until

NOBODY = "redis://127.0.0.1:1/0"
INDEX = dataclasses.replace(TRADES, name="index", topics=("btc_usd", "eth_usd", "sol_usd", "xrp_usd"))


def test_topics_need_no_universe_and_no_redis(tmp_path: Path) -> None:
    """Three names a connection: four topics are two sockets, and the channel that waits for instruments has none."""

    async def play() -> None:
        (tmp_path / "farm.toml").touch()
        async with Feed() as feed:
            venue = dataclasses.replace(tiny_venue(feed.url, stream=SilentStream()), channels=(TRADES, INDEX))
            knobs = Settings(
                redis_url=NOBODY, farm_home=str(tmp_path), farm_toml=str(tmp_path / "farm.toml"), collect={"tiny": Collect(top=1)}
            )
            running = asyncio.create_task(Supervisor(venue, knobs, Options()).run())
            await until(lambda: len(feed.received) == 2 and all(feed.received))
            os.kill(os.getpid(), signal.SIGTERM)
            assert await running == 0
        assert feed.paths == ["/index", "/index"]
        assert sorted(feed.received) == [["sub 1 btc_usd eth_usd sol_usd"], ["sub 1 xrp_usd"]]

    asyncio.run(play())


class KeyStream(SilentStream):
    """A venue that wants a word in the handshake."""

    def headers(self, channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
        return {"X-Channel": channel.name}


@pytest.mark.parametrize("library", ["picows", "websockets"])
def test_twin_sockets_say_the_same_with_the_headers_of_the_venue_and_take_the_same_wishes(
    tmp_path: Path, redis_url: str, redis_client: Client, key_prefix: str, library: str
) -> None:
    """Both write into one stream of the journal, under a connection of their own each."""

    async def play() -> None:
        (tmp_path / "farm.toml").touch()
        async with Feed() as feed:
            venue = tiny_venue(feed.url, stream=KeyStream(), channel=dataclasses.replace(TRADES, sockets=2))
            knobs = Settings(
                redis_url=redis_url,
                key_prefix=key_prefix,
                farm_home=str(tmp_path),
                farm_toml=str(tmp_path / "farm.toml"),
                streamer_client=library,
                collect={"tiny": Collect(symbols=("A", "B"))},
            )
            running = asyncio.create_task(Supervisor(venue, knobs, Options()).run())
            await until(lambda: feed.received == [["sub 1 A B"], ["sub 1 A B"]])
            assert [headers["X-Channel"] for headers in feed.headers] == ["trades", "trades"]
            board = Board(redis_client, key_prefix)
            board.ask_resync("tiny:trades:0:a", ["B"])
            await until(lambda: feed.received == [["sub 1 A B", "resync 2 B"]] * 2)
            for peer in list(feed.connections):
                await peer.send("s:A 1")
            await until(
                lambda: [stream["frames"] for stream in board.vitals("streamer").get("streamer:tiny:0:a", {}).get("streams", [])] == [2]
            )
            (stream,) = board.vitals("streamer")["streamer:tiny:0:a"]["streams"]
            assert (stream["shard"], stream["sockets"], stream["unproven"]) == ("0", 2, 1)
            board.ask_rotation("tiny:trades:0:a")
            await until(lambda: len(feed.received) == 4)
            os.kill(os.getpid(), signal.SIGTERM)
            assert await running == 0
        entries = [decode_entry(*entry) for entry in redis_client.xrange(f"{key_prefix}:journal:tiny:trades:0:a")]
        said = [(entry.header.connection_id, entry.frames().split()) for entry in entries if entry.header.type == DATA]
        assert [frames for _, frames in said] == [[b"s:A 1"], [b"s:A 1"]] and said[0][0] != said[1][0]

    asyncio.run(play())


def test_no_socket_is_opened_where_a_login_is_wanted_and_none_is_set(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        (tmp_path / "farm.toml").touch()
        async with Feed() as feed:
            venue = dataclasses.replace(tiny_venue(feed.url, stream=SilentStream()), channels=(INDEX,), login=("key_id", "private_key"))
            knobs = Settings(redis_url=NOBODY, farm_home=str(tmp_path), farm_toml=str(tmp_path / "farm.toml"), collect={"tiny": Collect()})
            running = asyncio.create_task(Supervisor(venue, knobs, Options()).run())
            await until(lambda: "TINY_PRIVATE_KEY_FILE" in caplog.text)
            os.kill(os.getpid(), signal.SIGTERM)
            assert await running == 0
        assert feed.paths == []

    asyncio.run(play())
    assert (
        "no socket is opened: the venue lets in nobody without a login venue=tiny not_set=['TINY_KEY_ID', 'TINY_PRIVATE_KEY_FILE']"
        in caplog.text
    )


def test_a_replica_that_starts_later_has_the_same_symbols_on_each_shard(
    tmp_path: Path, redis_url: str, redis_client: Client, key_prefix: str
) -> None:
    """Three names a connection. By itself it would put B C D together and E alone."""

    async def play() -> None:
        toml = tmp_path / "farm.toml"
        async with Feed() as feed:
            venue = tiny_venue(feed.url, stream=SilentStream())
            knobs = Settings(redis_url=redis_url, key_prefix=key_prefix, farm_home=str(tmp_path), farm_toml=str(toml))

            async def asked(replica: str, symbols: str, change: str, texts: list[list[str]]) -> None:
                before = len(feed.received)
                toml.write_text(f"[venues.tiny]\nsymbols = {symbols.split()}")
                collect = {"tiny": Collect(symbols=tuple(symbols.split()))}
                options = Options(replica=replica)
                running = asyncio.create_task(Supervisor(venue, dataclasses.replace(knobs, collect=collect), options).run())
                await until(lambda: len(feed.received) == before + 2 and all(feed.received[before:]))
                if change:
                    toml.write_text(f"[venues.tiny]\nsymbols = {change.split()}")
                    os.utime(toml, (1, 1))
                await until(lambda: sorted(feed.received[before:]) == texts)
                if change:
                    await until(lambda: Board(redis_client, key_prefix).shards("tiny:0:1").get("trades") == {0: ["B", "C", "E"], 1: ["D"]})
                os.kill(os.getpid(), signal.SIGTERM)
                assert await running == 0

            await asked("a", "A B C D", "B C D E", [["sub 1 A B C", "unsub 2 A", "sub 3 E"], ["sub 1 D"]])
            await asked("b", "B C D E", "", [["sub 1 B C E"], ["sub 1 D"]])

    asyncio.run(play())
