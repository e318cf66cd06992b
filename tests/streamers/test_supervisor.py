"""Which channels are opened with what; the process as a whole is in test_streamer.py."""

import asyncio
import dataclasses
import os
import signal
from pathlib import Path

from core.settings import Collect, Settings
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
