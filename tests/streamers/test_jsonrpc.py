"""A slot against a venue that is greeted, asks for signs of life and leaves names out of what it grants."""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random

import pytest

from core.journal import SUBSCRIBED, StreamName
from streamers.batcher import Batch, Linger
from streamers.pacer import Pacer
from streamers.slot import Slot, Wiring
from tests.streamers.peer import LIMITS, TRADES, fields_of, tiny_venue, until
from tests.streamers.rpc import RpcFeed, RpcStream

SECRET = "s3cr3t"
CREDENTIALS = {"client_id": "me", "client_secret": SECRET}


@asynccontextmanager
async def recording(
    feed: RpcFeed, *, messages_per_second: float, library: str = "picows", credentials: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Slot, list[Batch]]]:
    """A slot on A, B and C; a name that is left out is asked for again after half a second."""
    channel = dataclasses.replace(TRADES, first_frame_seconds=1.0)
    limits = dataclasses.replace(LIMITS, messages_per_second=messages_per_second)
    batches: list[Batch] = []
    wiring = Wiring(
        venue=tiny_venue(feed.url, stream=RpcStream(), channel=channel, limits=limits),
        base_url=feed.url,
        library=library,
        batch_max_bytes=1 << 16,
        incarnation="i1",
        linger=Linger(asyncio.get_running_loop(), 0.005),
        pacer=Pacer(Random(1), 0.0),
        put=batches.append,
        random=Random(1),
        credentials=credentials or {},
    )
    assert SECRET not in repr(wiring)
    slot = Slot(wiring, channel, StreamName("tiny", "trades"), ["A", "B", "C"])
    tasks = [asyncio.create_task(slot.run()), asyncio.create_task(_tick(slot))]
    try:
        yield slot, batches
    finally:
        tasks[0].cancel()
        slot.close("stopped")
        await slot.closed()
        tasks[1].cancel()


async def _tick(slot: Slot) -> None:
    while True:
        slot.tick()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("library", ["picows", "websockets"])
def test_greeted_answered_and_told_what_was_not_granted(library: str, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with RpcFeed(refused="B") as feed, recording(feed, messages_per_second=50, library=library, credentials=CREDENTIALS) as on:
            slot, batches = on
            refused = (SUBSCRIBED, {"unproven": ["B"], "cause": "not subscribed"})
            await until(lambda: refused in fields_of(batches).events)
            assert sorted(fields_of(batches).frames) == [b'{"name":"A"}', b'{"name":"C"}']
            assert slot.vital()["unproven"] == 1
            asked = [(method, params) for method, params in feed.requests if method != "test"]
            assert asked == [
                ("set_heartbeat", {"interval": 10}),
                ("auth", CREDENTIALS),
                ("subscribe", {"channels": ["A", "B", "C"]}),
                ("subscribe", {"channels": ["B"]}),
            ]
            feed.refused.clear()
            slot.set_symbols(["A", "B"])
            await until(lambda: b'{"name":"B"}' in fields_of(batches).frames)
            assert (slot.vital()["unproven"], len(feed.connections)) == (0, 1)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(play())
    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert ours
    assert not [record for record in ours if SECRET in record.getMessage()]


def test_a_sign_of_life_overtakes_what_waits_for_its_turn() -> None:
    async def play() -> None:
        async with RpcFeed() as feed, recording(feed, messages_per_second=2):
            await until(lambda: "subscribe" in feed.methods())
        assert feed.methods() == ["set_heartbeat", "test", "test", "subscribe"]

    asyncio.run(play())
