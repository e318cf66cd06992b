"""A slot against a real server: what is lost, repeated or said when connections come and go."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import pytest
from websockets.asyncio.server import ServerConnection

from core.journal import CONNECTED, DISCONNECTED, PROVEN, SUBSCRIBED, StreamName
from core.venue import Channel
from streamers.batcher import Batch, Linger
from streamers.pacer import Pacer
from streamers.slot import Slot, Wiring
from tests.streamers.peer import LIMITS, TRADES, Feed, FixedStream, SilentStream, TinyStream, fields_of, tiny_venue, until

STREAM = StreamName("tiny", "trades")


@dataclass
class Stage:
    feed: Feed
    slot: Slot
    batches: list[Batch]

    def connections(self) -> list[str]:
        return list(dict.fromkeys(batch.connection_id for batch in self.batches))

    def of(self, connection_id: str) -> list[Batch]:
        return [batch for batch in self.batches if batch.connection_id == connection_id]

    def said(self, type: str) -> bool:
        return any(batch.event == type for batch in self.batches)

    @property
    def frames(self) -> list[bytes]:
        return list(fields_of(self.batches).frames)


@asynccontextmanager
async def stage(
    symbols: str = "A B",
    *,
    stream: TinyStream | None = None,
    channel: Channel = TRADES,
    library: str = "picows",
    lifetime: float = 86_400.0,
) -> AsyncIterator[Stage]:
    loop = asyncio.get_running_loop()
    async with Feed() as feed:
        batches: list[Batch] = []
        limits = dataclasses.replace(LIMITS, connection_seconds=lifetime)
        wiring = Wiring(
            venue=tiny_venue(feed.url, stream=stream, channel=channel, limits=limits),
            base_url=feed.url,
            library=library,
            batch_max_bytes=1 << 16,
            incarnation="i1",
            linger=Linger(loop, 0.005),
            pacer=Pacer(Random(1), 0.0),
            put=batches.append,
            random=Random(1),
        )
        slot = Slot(wiring, channel, STREAM, symbols.split())
        running = asyncio.create_task(slot.run())
        ticking = asyncio.create_task(_tick(slot))
        try:
            yield Stage(feed, slot, batches)
        finally:
            running.cancel()
            slot.close("stopped")
            await slot.closed()
            ticking.cancel()


async def _tick(slot: Slot) -> None:
    while True:
        slot.tick()
        await asyncio.sleep(0.02)


async def send(peer: ServerConnection, *texts: str) -> None:
    for text in texts:
        await peer.send(text)


@pytest.mark.parametrize("library", ["picows", "websockets"])
def test_every_frame_is_appended_once_and_in_order(library: str) -> None:
    async def play() -> None:
        sent = [f"s:A {number}" for number in range(2000)]
        async with stage(library=library) as on:
            await send(await on.feed.connection(), *sent)
            await until(lambda: on.slot.frames == len(sent))
        assert on.frames == [text.encode() for text in sent]
        said = fields_of(on.batches)
        assert said.types == [CONNECTED, PROVEN, DISCONNECTED]
        about = {"url": "127.0.0.1/trades", "incarnation": "i1", "shard": "0", "terms": {"prices": "of YES"}, "subscriptions": ["A", "B"]}
        assert said.events[0] == (CONNECTED, about)
        assert said.events[-1] == (DISCONNECTED, {"cause": "stopped"})
        assert [batch.batch_no for batch in on.batches] == list(range(len(on.batches)))

    asyncio.run(play())


def test_unknown_and_torn_frames_are_kept_and_protocol_frames_are_not() -> None:
    async def play() -> None:
        async with stage("A") as on:
            await send(await on.feed.connection(), "ack 1", '{"torn', "", "s:A 1", "error no such stream", "\x00")
            await until(lambda: on.slot.frames == 4)
        assert on.frames == [b'{"torn', b"", b"s:A 1", b"\x00"]
        assert (SUBSCRIBED, {"error": "no such stream", "request_id": 1}) in fields_of(on.batches).events

    asyncio.run(play())


class BrokenStream(TinyStream):
    """A venue module with a bug in the reading of protocol frames."""

    def control(self, frame: bytes) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("library", ["picows", "websockets"])
def test_a_bug_in_a_venue_costs_no_frame(library: str) -> None:
    async def play() -> None:
        async with stage("A", stream=BrokenStream(), library=library) as on:
            await send(await on.feed.connection(), "s:A 1", "what is this", "s:A 2")
            await until(lambda: on.slot.frames == 3)
        assert on.frames == [b"s:A 1", b"what is this", b"s:A 2"]
        assert len(on.connections()) == 1

    asyncio.run(play())


def test_no_first_frame_means_a_new_connection() -> None:
    async def play() -> None:
        channel = dataclasses.replace(TRADES, first_frame_seconds=0.1)
        async with stage("A", channel=channel) as on:
            await send(await on.feed.connection(), "ack 1")
            second = await on.feed.connection(1)
            await send(second, "s:A 1")
            await until(lambda: on.slot.frames == 1)
        first, *_ = on.connections()
        assert fields_of(on.of(first)).events[-1] == (DISCONNECTED, {"cause": "no first frame"})
        assert on.frames == [b"s:A 1"]

    asyncio.run(play())


def test_a_connection_that_falls_silent_is_replaced_though_it_answers_pings() -> None:
    async def play() -> None:
        channel = dataclasses.replace(TRADES, idle_seconds=0.2)
        async with stage("A", channel=channel) as on:
            first = await on.feed.connection()
            await send(first, "s:A 1")
            await (await first.ping())
            await send(await on.feed.connection(1), "s:A 2")
            await until(lambda: on.slot.frames == 2)
        said = fields_of(on.of(on.connections()[0]))
        assert said.events[-1] == (DISCONNECTED, {"cause": "idle"})
        assert on.slot.vital()["reconnects"] >= 1

    asyncio.run(play())


def test_a_half_open_server_is_left() -> None:
    """It accepts, sends one frame, then reads and answers nothing, not even the closing handshake."""

    async def play() -> None:
        channel = dataclasses.replace(TRADES, idle_seconds=0.2)
        async with stage("A", channel=channel) as on:
            first = await on.feed.connection()
            await send(first, "s:A 1")
            first.transport.pause_reading()
            await send(await on.feed.connection(1), "s:A 2")
            await until(lambda: on.slot.frames == 2)
            first.transport.abort()
        assert fields_of(on.of(on.connections()[0])).events[-1] == (DISCONNECTED, {"cause": "idle"})

    asyncio.run(play())


def test_a_lost_connection_is_made_again_and_says_why() -> None:
    async def play() -> None:
        async with stage("A") as on:
            first = await on.feed.connection()
            await send(first, "s:A 1")
            await first.close(1008, "too much")
            await send(await on.feed.connection(1), "s:A 2")
            await until(lambda: on.slot.frames == 2)
            assert on.slot.vital()["last_cause"] == "closed by venue: 1008 too much"
        assert on.frames == [b"s:A 1", b"s:A 2"]
        assert fields_of(on.batches).types == [CONNECTED, PROVEN, DISCONNECTED] * 2

    asyncio.run(play())


def test_make_before_break_overlaps_and_loses_nothing() -> None:
    """A server that sends every number to whoever is connected: at no number may nobody be listening."""

    async def play() -> None:
        async with stage("A", lifetime=1.0) as on:
            await on.feed.connection()
            number = 0
            while len(on.feed.connections) < 3:
                number += 1
                await asyncio.gather(*(peer.send(f"s:A {number}") for peer in on.feed.connections if peer.state.name == "OPEN"))
                await asyncio.sleep(0.002)
            await until(lambda: on.connections()[0] not in [c.id for c in on.slot.connections])
            last = number
        first, second, *_ = on.connections()
        one, two = fields_of(on.of(first)), fields_of(on.of(second))
        assert one.events[-1] == (DISCONNECTED, {"cause": "rotated"})
        assert set(one.frames) & set(two.frames), "they overlap"
        assert {int(frame.split()[1]) for frame in on.frames} == set(range(1, last + 1)), "nothing is missing"
        order = [(batch.connection_id, batch.event) for batch in on.batches if batch.event]
        assert order.index((second, PROVEN)) < order.index((first, DISCONNECTED))

    asyncio.run(play())


def test_the_old_connection_stays_until_the_new_one_has_delivered_every_symbol() -> None:
    async def play() -> None:
        async with stage("A B") as on:
            first = await on.feed.connection()
            await send(first, "s:A 1", "s:B 1", "closing")
            second = await on.feed.connection(1)
            await send(second, "s:A 2", "s:A 3")
            await until(lambda: on.said(PROVEN) and on.slot.frames == 4)
            await asyncio.sleep(1.2)  # longer than both append once all is there
            await send(first, "s:B 2")
            await until(lambda: on.slot.frames == 5)
            assert not on.said(DISCONNECTED)
            await send(second, "s:B 2")
            await until(lambda: on.said(DISCONNECTED))
        first_id, _ = on.connections()
        assert fields_of(on.of(first_id)).events[-1] == (DISCONNECTED, {"cause": "rotated"})
        assert {b"s:B 1", b"s:B 2", b"s:A 1", b"s:A 2", b"s:A 3"} == set(on.frames)

    asyncio.run(play())


def test_a_symbol_that_is_still_keeps_the_old_connection_for_a_bounded_time() -> None:
    async def play() -> None:
        channel = dataclasses.replace(TRADES, first_frame_seconds=0.5)
        async with stage("A B", channel=channel) as on:
            await send(await on.feed.connection(), "s:A 1", "s:B 1", "closing")
            await send(await on.feed.connection(1), "s:A 2")
            await until(lambda: on.said(DISCONNECTED))
        assert fields_of(on.of(on.connections()[0])).events[-1] == (DISCONNECTED, {"cause": "rotated"})

    asyncio.run(play())


def test_a_closing_notice_rotates_at_once() -> None:
    async def play() -> None:
        async with stage("A") as on:
            first = await on.feed.connection()
            await send(first, "s:A 1", "closing for maintenance")
            await send(await on.feed.connection(1), "s:A 2")
            await send(first, "s:A 3")
            await until(lambda: on.said(DISCONNECTED))
        assert sorted(on.frames) == [b"s:A 1", b"s:A 2", b"s:A 3"]

    asyncio.run(play())


def test_an_unproven_replacement_does_not_end_the_old_connection() -> None:
    async def play() -> None:
        channel = dataclasses.replace(TRADES, first_frame_seconds=0.3)
        async with stage("A", channel=channel) as on:
            first = await on.feed.connection()
            await send(first, "s:A 1", "closing")
            await on.feed.connection(2)
            await send(first, "s:A 2")
            await until(lambda: on.slot.frames == 2)
        first_id, second_id, *_ = on.connections()
        assert fields_of(on.of(second_id)).events[-1] == (DISCONNECTED, {"cause": "no first frame"})
        assert fields_of(on.of(first_id)).frames == [b"s:A 1", b"s:A 2"]

    asyncio.run(play())


def test_instruments_come_and_go_on_the_open_connection() -> None:
    async def play() -> None:
        async with stage("A B") as on:
            peer = await on.feed.connection()
            await send(peer, "s:A 1")
            await until(lambda: on.slot.frames == 1)
            on.slot.set_symbols(["B", "C"])
            await until(lambda: len(on.feed.received[0]) == 2)
            await send(peer, "s:C 1")
            await until(lambda: on.slot.frames == 2)
            assert on.feed.received[0] == ["unsub 1 A", "sub 2 C"]
            assert on.slot.vital()["unproven"] == 1
        assert len(on.feed.connections) == 1
        assert (SUBSCRIBED, {"added": ["C"], "removed": ["A"]}) in fields_of(on.batches).events

    asyncio.run(play())


def test_a_venue_without_subscribe_frames_gets_a_new_connection_for_new_instruments() -> None:
    async def play() -> None:
        async with stage("A", stream=FixedStream()) as on:
            await send(await on.feed.connection(), "s:A 1")
            await until(lambda: on.slot.frames == 1)
            on.slot.set_symbols(["A", "C"])
            await send(await on.feed.connection(1), "s:C 1")
            await until(lambda: on.said(DISCONNECTED))
        assert on.feed.paths == ["/trades?A", "/trades?A/C"]

    asyncio.run(play())


def test_a_venue_that_is_asked_by_frames_is_asked_at_opening() -> None:
    async def play() -> None:
        async with stage("A B", stream=SilentStream()) as on:
            await on.feed.connection()
            await until(lambda: on.feed.received[0])
        assert on.feed.received[0] == ["sub 1 A B"]

    asyncio.run(play())


def test_a_paused_slot_does_not_read_what_it_connects_to() -> None:
    async def play() -> None:
        async with stage("A") as on:
            on.slot.pause(True)
            peer = await on.feed.connection()
            await until(lambda: on.slot.connections[0].opened)
            await send(peer, "s:A 1")
            answered = asyncio.ensure_future(await peer.ping())
            await asyncio.wait([answered], timeout=0.3)
            assert not answered.done()
            assert on.slot.frames == 0
            on.slot.pause(False)
            await until(lambda: on.slot.frames == 1)
            await answered

    asyncio.run(play())
