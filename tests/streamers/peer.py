"""The other end of a streamer: a feed server over real sockets, and a venue so small that a test can say all of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from core.venue import Channel, Control, Decoded, Limits, Universe, Venue

PATIENCE_SECONDS = 40.0


async def until(ready: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Waits for a condition, not for a time; fails when it does not come true."""
    async with asyncio.timeout(seconds):
        while not ready():  # noqa: ASYNC110 - the conditions are plain values of the code under test
            await asyncio.sleep(0.002)


class Feed:
    """A venue's server. Each connection is kept with what it asked for and what it sent; the test decides what it is sent."""

    def __init__(self, port: int = 0) -> None:
        self.connections: list[ServerConnection] = []
        self.received: list[list[str]] = []
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self._port = port
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", self._port, compression=None, ping_interval=None, close_timeout=1)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def connection(self, number: int = 0) -> ServerConnection:
        await until(lambda: len(self.connections) > number)
        return self.connections[number]

    async def _serve(self, connection: ServerConnection) -> None:
        texts: list[str] = []
        self.connections.append(connection)
        self.received.append(texts)
        self.headers.append(connection.request.headers if connection.request else {})
        self.paths.append(unquote(connection.request.path) if connection.request else "")
        try:
            while True:
                texts.append(str(await connection.recv()))
                await self._talk(connection, texts[-1])
        except ConnectionClosed:
            return

    async def _talk(self, connection: ServerConnection, text: str) -> None:
        """What a server answers by itself; this one says nothing."""


class TinyStream:
    """Data begins with `s:NAME ` or `s:NAME+NAME `; `ack`, `error` and `closing` are the protocol's own."""

    data_prefix = b"s:"

    def headers(self, channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
        return {}

    def resync(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return [f"resync {request_id} {' '.join(symbols)}"] if symbols else []

    def greeting(self, channel: Channel, credentials: Mapping[str, str]) -> Sequence[str]:
        return ()

    def url(self, base: str, channel: Channel, symbols: Sequence[str]) -> str:
        return f"{base}/{channel.name}?{'/'.join(symbols)}"

    def subscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return [f"sub {request_id} {' '.join(symbols)}"]

    def unsubscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return [f"unsub {request_id} {' '.join(symbols)}"]

    def control(self, frame: bytes) -> Control | None:
        word, _, rest = frame.partition(b" ")
        if word in (b"ack", b"error", b"closing"):
            return Control(word.decode(), 1, rest.decode())
        return None

    def subscription(self, frame: bytes) -> str:
        return frame[2:].partition(b" ")[0].decode().replace("+", " ") if frame.startswith(b"s:") else ""


class SilentStream(TinyStream):
    """A venue that is asked by frames only: its address names nobody."""

    def url(self, base: str, channel: Channel, symbols: Sequence[str]) -> str:
        return f"{base}/{channel.name}"


class FixedStream(TinyStream):
    """A venue whose subscriptions cannot be changed once connected."""

    def subscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return []


TRADES = Channel(
    "trades",
    "trades",
    instruments_per_connection=3,
    first_frame_seconds=10.0,
    idle_seconds=30.0,
    terms=(("prices", "of YES"),),
)
LIMITS = Limits(weight_per_minute=1000, messages_per_second=10.0, connection_seconds=86_400.0)


def tiny_venue(url: str, *, stream: TinyStream | None = None, channel: Channel = TRADES, limits: Limits = LIMITS) -> Venue:
    return Venue(
        name="tiny",
        ws_url=url,
        rest_url="",
        channels=(channel,),
        polls=(),
        limits=limits,
        stream=stream or TinyStream(),
        decode=lambda channel, frames: Decoded(),
        universe=Universe(lambda wanted: (), lambda replies, wanted: ()),
    )


class Recorder:
    """A client.Handler that writes down what it is told."""

    def __init__(self) -> None:
        self.socket: Any = None
        self.frames: list[bytes] = []
        self.closed: list[str] = []

    def on_open(self, socket: Any) -> None:
        self.socket = socket

    def on_frame(self, frame: bytes) -> None:
        self.frames.append(frame)

    def on_closed(self, cause: str) -> None:
        self.closed.append(cause)


def binance_frame(symbol: str, number: int) -> str:
    return f'{{"stream":"{symbol.lower()}@aggTrade","data":{{"e":"aggTrade","s":"{symbol}","a":{number}}}}}'


def fields_of(batches: Sequence[Any]) -> SimpleNamespace:
    """What a run of batches says: events as (type, context), frames in order."""
    return SimpleNamespace(
        events=[(batch.event, batch.context) for batch in batches if batch.event],
        types=[batch.event for batch in batches if batch.event],
        frames=[frame for batch in batches for frame in batch.frames],
    )
