"""Subscriptions: each has a number of its own on its socket, and counts what it is sent, answers to commands included."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sandbox.sockets import Socket

ORDERBOOK, TICKER, TRADE = "orderbook_delta", "ticker", "trade"
LIFECYCLE, COMBO_LIFECYCLE = "market_lifecycle_v2", "multivariate_market_lifecycle"
#: channel -> whether its messages are numbered
CHANNELS = {ORDERBOOK: True, TICKER: False, TRADE: True, LIFECYCLE: True, COMBO_LIFECYCLE: True}
BY_MARKET = (ORDERBOOK, TICKER, TRADE)


@dataclass(eq=False)
class Subscription:
    sid: int
    channel: str
    socket: Socket
    #: tickers in the order of their coming; None: all markets
    tickers: dict[str, None] | None
    yes_price: bool = False
    skip_ack: bool = False
    seq: int = 0

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


@dataclass
class Hub:
    """Subscriptions of all sockets of the venue."""

    sockets: set[Socket] = field(default_factory=set)
    dirty: bool = True
    #: (subscription, markets, id of the command) that shall be sent whole books, or tickers, with the next tick
    fresh: list[tuple[Subscription, list[str], int | None]] = field(default_factory=list)
    _by_socket: dict[Socket, dict[int, Subscription]] = field(default_factory=dict)
    _sids: dict[Socket, int] = field(default_factory=dict)

    def changed(self) -> None:
        self.dirty = True

    def all(self, channel: str) -> Iterator[Subscription]:
        for found in self._by_socket.values():
            yield from (one for one in found.values() if one.channel == channel)

    def of(self, socket: Socket) -> dict[int, Subscription]:
        return self._by_socket.get(socket, {})

    def find(self, socket: Socket, channel: str) -> Subscription | None:
        return next((one for one in self.of(socket).values() if one.channel == channel), None)

    def open(self, socket: Socket, channel: str, tickers: Iterable[str] | None) -> Subscription:
        sid = self._sids[socket] = self._sids.get(socket, 0) + 1
        made = Subscription(sid, channel, socket, None if tickers is None else dict.fromkeys(tickers))
        self._by_socket.setdefault(socket, {})[sid] = made
        socket.streams[f"{channel} {sid}"] = made
        self.dirty = True
        return made

    def close(self, one: Subscription) -> None:
        self.of(one.socket).pop(one.sid, None)
        one.socket.streams.pop(f"{one.channel} {one.sid}", None)
        self.fresh = [row for row in self.fresh if row[0] is not one]
        self.dirty = True

    def remove(self, socket: Socket) -> None:
        for one in list(self.of(socket).values()):
            self.close(one)
        self._by_socket.pop(socket, None)
        self._sids.pop(socket, None)
        self.sockets.discard(socket)
        self.dirty = True
