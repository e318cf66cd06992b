"""A slot of the streamer's, logged in at the simulated venue: every change by itself, for longer than a token lives."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from core.journal import SUBSCRIBED, StreamName
from streamers.batcher import Batch, Linger
from streamers.pacer import Pacer
from streamers.slot import Slot, Wiring
from tests.streamers.peer import fields_of, until
from venues import VENUES

SECRET = "s3cret-of-ours"
VENUE = VENUES["deribit"]


@asynccontextmanager
async def recording(port: int, secret: str) -> AsyncIterator[tuple[Slot, list[Batch]]]:
    batches: list[Batch] = []
    wiring = Wiring(
        venue=VENUE,
        base_url=f"ws://127.0.0.1:{port}/deribit",
        library="picows",
        batch_max_bytes=1 << 16,
        incarnation="i1",
        linger=Linger(asyncio.get_running_loop(), 0.005),
        pacer=Pacer(Random(1), 0.0),
        put=batches.append,
        random=Random(1),
        credentials={"client_id": "me", "client_secret": secret},
    )
    slot = Slot(wiring, VENUE.channel("ticker"), StreamName("deribit", "ticker"), ["ETH-PERPETUAL"])
    running = asyncio.create_task(slot.run())
    ticking = asyncio.create_task(_tick(slot))
    try:
        yield slot, batches
    finally:
        running.cancel()
        slot.close("stopped")
        await slot.closed()
        ticking.cancel()


async def _tick(slot: Slot) -> None:
    while True:
        slot.tick()
        await asyncio.sleep(0.05)


def heard(batches: list[Batch], name: str) -> bool:
    return any(f'"channel":"{name}"'.encode() in frame for frame in fields_of(batches).frames)


def span_ms(batches: list[Batch]) -> int:
    """Between the first and the last ticker, by the venue's clock."""
    times = [json.loads(frame)["params"]["data"]["timestamp"] for frame in fields_of(batches).frames]
    return int(max(times) - min(times))


def test_a_login_gives_raw_and_is_renewed_and_nobody_reads_it(launch: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    sandbox, _ = launch("--rate", "300", "--login", f"me:{SECRET}", "--token-seconds", "3")

    async def play() -> list[Batch]:
        async with recording(sandbox.port, SECRET) as (slot, batches):
            await until(lambda: heard(batches, "ticker.ETH-PERPETUAL.raw"), seconds=15)
            # The first token has run out then: without a new one the venue refuses what is asked for.
            await until(lambda: span_ms(batches) > 3500, seconds=15)
            slot.set_symbols(["ETH-PERPETUAL", "BTC-PERPETUAL"])
            await until(lambda: heard(batches, "ticker.BTC-PERPETUAL.raw"), seconds=15)
            assert len(slot.connections) == 1
            return batches

    with caplog.at_level(logging.DEBUG):
        batches = asyncio.run(play())
    assert (SUBSCRIBED, {"login": True}) in fields_of(batches).events
    told = caplog.text + repr(fields_of(batches).events) + repr(fields_of(batches).frames)
    assert SECRET not in told and "token" not in told


def test_a_login_that_is_refused_is_told_and_costs_only_raw(launch: Callable[..., Any]) -> None:
    sandbox, _ = launch("--rate", "300", "--login", "me:another")

    async def play() -> list[Batch]:
        async with recording(sandbox.port, SECRET) as (_, batches):
            await until(lambda: heard(batches, "ticker.ETH-PERPETUAL.100ms"), seconds=15)
            return batches

    events = fields_of(asyncio.run(play())).events
    assert (SUBSCRIBED, {"error": "13004 invalid_credentials", "request_id": 900_000_002}) in events
    assert SECRET not in repr(events)
