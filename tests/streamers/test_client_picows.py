"""What the lean client does beyond what every client does (test_client.py)."""

import gc
import socket
import struct
from contextlib import suppress

import pytest
import uvloop
from websockets.exceptions import ConnectionClosed

from streamers.client import MAX_MESSAGE_BYTES, connect
from tests.streamers.peer import Feed, Recorder, until


def test_a_reset_that_the_event_loop_does_not_tell_is_noticed() -> None:
    """As one that meets a burst of frames; here the loop does not look, as nothing is read."""

    async def play() -> list[str]:
        recorder = Recorder()
        async with Feed() as feed:
            await connect(feed.url, recorder, library="picows")
            peer = await feed.connection()
            recorder.socket.pause()
            peer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.transport.abort()
            await until(lambda: recorder.closed)
        return recorder.closed

    assert uvloop.run(play()) == ["Connection reset by peer"]


def test_a_message_above_the_bound_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> list[str]:
        recorder = Recorder()
        async with Feed() as feed:
            await connect(feed.url, recorder, library="picows")
            peer = await feed.connection()
            with suppress(ConnectionClosed):
                await peer.send(b" " * (MAX_MESSAGE_BYTES + 1))
            await until(lambda: recorder.closed)
        return recorder.closed

    assert uvloop.run(play()) == ["connection lost"]
    gc.collect()
    [told] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "MESSAGE_TOO_BIG" in told.message
