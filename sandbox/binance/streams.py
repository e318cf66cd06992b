"""Stream names: what they mean, on which route they flow, and who listens. Routing as enforced since 2026-04-23."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from sandbox.sockets import Socket

# channel as written after the symbol -> route that delivers it
PER_SYMBOL = {
    "bookTicker": "public",
    "trade": "public",
    "depth": "public",
    "depth@100ms": "public",
    "depth@500ms": "public",
    "aggTrade": "market",
    "markPrice": "market",
    "markPrice@1s": "market",
    "kline_1m": "market",
}
ALL_MARKET = {
    "!bookTicker": "public",
    "!markPrice@arr": "market",
    "!markPrice@arr@1s": "market",
    "!contractInfo": "market",
}
PATHLESS = "pathless"
ALL_SYMBOLS = -1


class Stream(NamedTuple):
    channel: str
    symbol: int  # index in the universe, ALL_SYMBOLS for an all-market stream

    @property
    def route(self) -> str:
        return (ALL_MARKET if self.symbol == ALL_SYMBOLS else PER_SYMBOL)[self.channel]


def parse(name: str, symbols: dict[str, int]) -> Stream | None:
    """None for anything the venue would acknowledge and never send: unknown or upper-case symbols, odd speeds."""
    if name in ALL_MARKET:
        return Stream(name, ALL_SYMBOLS)
    symbol, _, channel = name.partition("@")
    if channel in PER_SYMBOL and symbol in symbols:
        return Stream(channel, symbols[symbol])
    return None


class Hub:
    """Subscriptions of all sockets of the venue."""

    def __init__(self) -> None:
        self.sockets: set[Socket] = set()
        self.dirty = True
        self._listeners: dict[str, dict[int, dict[Socket, None]]] = defaultdict(lambda: defaultdict(dict))

    def changed(self) -> None:
        self.dirty = True

    def subscribe(self, socket: Socket, name: str, symbols: dict[str, int], *, silent: bool = False) -> None:
        stream = None if silent else parse(name, symbols)
        if stream and stream.route != ("public" if socket.route == PATHLESS else socket.route):
            stream = None
        socket.streams[name] = stream
        if stream:
            self._listeners[stream.channel][stream.symbol][socket] = None
            self.dirty = True

    def unsubscribe(self, socket: Socket, name: str) -> None:
        stream = socket.streams.pop(name, None)
        if stream:
            self._listeners[stream.channel][stream.symbol].pop(socket, None)
            self.dirty = True

    def remove(self, socket: Socket) -> None:
        for name in list(socket.streams):
            self.unsubscribe(socket, name)
        self.sockets.discard(socket)
        self.dirty = True

    def listeners(self, channel: str) -> dict[int, dict[Socket, None]]:
        return self._listeners[channel]

    def subscribed(self, channel: str) -> Iterator[tuple[int, list[Socket]]]:
        """Instruments of a channel that somebody listens to."""
        for symbol, sockets in self._listeners[channel].items():
            if sockets:
                yield symbol, list(sockets)
