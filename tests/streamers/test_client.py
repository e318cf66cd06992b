import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from streamers.client import connect
from streamers.errors import BadAddress, ConnectFailed, Refused, Verdict, verdict
from tests.streamers.peer import Feed, Recorder, until

pytestmark = pytest.mark.parametrize("library", ["picows", "websockets"])


def with_feed(library: str, body: Callable[[ServerConnection, Recorder], Awaitable[None]]) -> Recorder:
    async def play() -> Recorder:
        recorder = Recorder()
        async with Feed() as feed:
            await connect(feed.url, recorder, library=library)
            assert recorder.socket is not None
            await body(await feed.connection(), recorder)
            recorder.socket.close()
            await until(lambda: recorder.closed)
        return recorder

    return asyncio.run(play())


def test_every_message_comes_once_and_in_order(library: str) -> None:
    sent = [f"message {number}" for number in range(3000)]

    async def body(peer: ServerConnection, recorder: Recorder) -> None:
        for text in sent:
            await peer.send(text)
        await until(lambda: len(recorder.frames) == len(sent))

    recorder = with_feed(library, body)
    assert recorder.frames == [text.encode() for text in sent]
    assert len(recorder.closed) == 1


def test_text_binary_fragments_and_large_messages_are_whole_bytes(library: str) -> None:
    large = b"x" * (20 << 20)

    async def body(peer: ServerConnection, recorder: Recorder) -> None:
        await peer.send("é")
        await peer.send(b"\x00\xff")
        await peer.send(["one ", "two ", "three"])
        await peer.send(large)
        await until(lambda: len(recorder.frames) == 4)

    assert with_feed(library, body).frames == ["é".encode(), b"\x00\xff", b"one two three", large]


def test_pings_are_answered(library: str) -> None:
    async def body(peer: ServerConnection, recorder: Recorder) -> None:
        async with asyncio.timeout(5):
            await (await peer.ping(b"are you there"))

    assert with_feed(library, body).frames == []


def test_text_and_ping_are_sent(library: str) -> None:
    async def play() -> list[str]:
        recorder = Recorder()
        async with Feed() as feed:
            await connect(feed.url, recorder, library=library)
            recorder.socket.send("subscribe é")
            recorder.socket.ping()
            recorder.socket.send("more")
            await until(lambda: feed.received and len(feed.received[0]) == 2)
            return feed.received[0]

    assert asyncio.run(play()) == ["subscribe é", "more"]


def test_frames_sent_before_our_closing_is_seen_still_count(library: str) -> None:
    async def body(peer: ServerConnection, recorder: Recorder) -> None:
        for number in range(200):
            await peer.send(str(number))
        recorder.socket.close()
        await until(lambda: recorder.closed)

    assert with_feed(library, body).frames == [str(number).encode() for number in range(200)]


def test_the_venue_says_why_it_closes(library: str) -> None:
    async def body(peer: ServerConnection, recorder: Recorder) -> None:
        await peer.close(1008, "Too many requests")
        await until(lambda: recorder.closed)

    assert with_feed(library, body).closed == ["closed by venue: 1008 Too many requests"]


def test_a_reset_is_a_lost_connection(library: str) -> None:
    async def body(peer: ServerConnection, recorder: Recorder) -> None:
        peer.transport.abort()
        await until(lambda: recorder.closed)

    assert with_feed(library, body).closed == ["connection lost"]


def test_a_paused_socket_holds_the_peer_back(library: str) -> None:
    async def body(peer: ServerConnection, recorder: Recorder) -> None:
        recorder.socket.pause()
        block = b"x" * (1 << 20)

        async def flood() -> None:
            for _ in range(40):
                await peer.send(block)

        flooding = asyncio.create_task(flood())
        done, _ = await asyncio.wait([flooding], timeout=1.0)
        taken = len(recorder.frames)
        assert not done
        recorder.socket.resume()
        await until(lambda: len(recorder.frames) == 40)
        await flooding
        assert taken < 20

    with_feed(library, body)


def test_a_peer_that_never_closes_is_left(library: str) -> None:
    """Half open: the peer reads nothing and answers nothing."""

    async def play() -> list[str]:
        recorder = Recorder()

        async def deaf(peer: ServerConnection) -> None:
            peer.transport.pause_reading()
            await peer.wait_closed()

        async with serve(deaf, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.1) as server:
            await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", recorder, library=library)
            recorder.socket.close()
            await until(lambda: recorder.closed, seconds=5)
            for peer in server.connections:
                peer.transport.abort()
        return recorder.closed

    assert asyncio.run(play()) == ["connection lost"]


@pytest.mark.parametrize(("status", "expected"), [(429, Verdict.RETRY_LATE), (503, Verdict.AWAY), (400, Verdict.RETRY)])
def test_a_refusal_carries_its_status(library: str, status: int, expected: Verdict) -> None:
    async def play() -> Refused:
        async def refuse(connection: ServerConnection, request: Request) -> Response:
            return connection.respond(status, "no")

        async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as server:
            with pytest.raises(Refused) as caught:
                await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", Recorder(), library=library)
        return caught.value

    error = asyncio.run(play())
    assert (error.status, verdict(error)) == (status, expected)


def test_a_server_that_never_answers_is_given_up(library: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, pytest.raises(ConnectFailed):
        asyncio.run(connect(f"ws://127.0.0.1:{listener.getsockname()[1]}", Recorder(), library=library, timeout_seconds=0.2))


def test_nobody_listens(library: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectFailed) as caught:
        asyncio.run(connect(f"ws://127.0.0.1:{port}", Recorder(), library=library))
    assert verdict(caught.value) is Verdict.AWAY


def test_what_is_no_address_is_given_up_for_good(library: str) -> None:
    with pytest.raises(BadAddress) as caught:
        asyncio.run(connect("http://127.0.0.1/", Recorder(), library=library))
    assert verdict(caught.value) is Verdict.GIVE_UP


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 that nobody has signed but itself."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_tls_is_spoken_and_an_unknown_certificate_refused(library: str, tmp_path: Path) -> None:
    key, cert = certificate(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(cert, key)

    async def greet(peer: ServerConnection) -> None:
        await peer.send("hello over TLS")
        await peer.wait_closed()

    async def play() -> list[bytes]:
        recorder = Recorder()
        async with serve(greet, "127.0.0.1", 0, ssl=server_side) as server:
            url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(ConnectFailed, match="certificate"):
                await connect(url, Recorder(), library=library)
            await connect(url, recorder, library=library, tls=ssl.create_default_context(cafile=str(cert)))
            await until(lambda: recorder.frames)
            recorder.socket.close()
            await until(lambda: recorder.closed)
        return recorder.frames

    assert asyncio.run(play()) == [b"hello over TLS"]
