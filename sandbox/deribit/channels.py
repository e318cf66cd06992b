"""Channel names: what they mean, and who listens to them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sandbox.deribit.universe import COINS, Listing
from sandbox.sockets import Socket

INTERVALS = ("raw", "100ms", "agg2")
TRADE_KINDS = {
    "future": ("future",),
    "option": ("option",),
    "option_combo": ("option_combo",),
    "future_combo": (),
    "combo": ("option_combo",),
    "spot": (),
    "any": ("future", "option", "option_combo"),
}
CURRENCIES = ("BTC", "ETH", "USDC", "USDT", "EURR", "any")
DEPTHS = ("1", "10", "20")
INDICES = {f"{base.lower()}_{quote}": base for base in COINS for quote in ("usd", "usdc") if quote == "usdc" or base in ("BTC", "ETH")}
RESOLUTIONS = {str(minutes): minutes for minutes in (1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720)} | {"1D": 1440}
_BY_INSTRUMENT = re.compile(r"^(quote|ticker|trades|book|perpetual|chart\.trades)\.([A-Za-z0-9_-]+)(?:\.(.+))?$")


class Channel(NamedTuple):
    name: str
    feed: str  # quote ticker trades book grouped perpetual chart index marks state platform
    interval: str = ""
    symbol: int = -1
    kind: str = ""  # of instruments, of trades and states
    scope: str = ""  # currency, index, or group.depth


def parse(name: str, index: dict[str, int]) -> Channel | None:
    """None for what the venue leaves out of its answer without a word: unknown instruments, intervals, depths."""
    if name == "platform_state":
        return Channel(name, "platform")
    found = _BY_INSTRUMENT.match(name)
    if found and found[2] in index:
        return _of_instrument(name, found[1], index[found[2]], found[3] or "")
    parts = name.split(".")
    if parts[0] == "trades" and len(parts) == 4 and parts[1] in TRADE_KINDS and parts[2] in CURRENCIES and parts[3] in INTERVALS:
        return Channel(name, "trades", parts[3], kind=parts[1], scope=parts[2])
    if parts[:2] == ["instrument", "state"] and len(parts) == 4 and parts[2] in TRADE_KINDS and parts[3] in CURRENCIES:
        return Channel(name, "state", kind=parts[2], scope=parts[3])
    if parts[0] == "deribit_price_index" and len(parts) == 2 and parts[1] in INDICES:
        return Channel(name, "index", scope=parts[1])
    if parts[:2] == ["markprice", "options"] and len(parts) == 3 and parts[2] in INDICES:
        return Channel(name, "marks", scope=parts[2])
    return None


def _of_instrument(name: str, feed: str, symbol: int, rest: str) -> Channel | None:
    if feed == "quote":
        return None if rest else Channel(name, feed, "", symbol)
    if feed == "chart.trades":
        return Channel(name, "chart", rest, symbol) if rest in RESOLUTIONS else None
    if rest in INTERVALS:
        return Channel(name, feed, rest, symbol)
    group, _, tail = rest.partition(".")
    depth, _, interval = tail.partition(".")
    if feed == "book" and (group == "none" or group.isdigit()) and depth in DEPTHS and interval in INTERVALS[1:]:
        return Channel(name, "grouped", interval, symbol, scope=f"{group}.{depth}")
    return None


def covers(channel: Channel, listing: Listing) -> bool:
    """Whether a channel of a kind and a currency is about this instrument."""
    return listing.kind in TRADE_KINDS[channel.kind] and channel.scope in ("any", listing.currency)


class Hub:
    """Subscriptions of all sockets of the venue."""

    def __init__(self) -> None:
        self.sockets: set[Socket] = set()
        self.dirty = True
        self.fresh: list[tuple[Channel, Socket]] = []  # subscribed since the last tick
        self._feeds: dict[str, dict[Channel, dict[Socket, None]]] = defaultdict(dict)

    def changed(self) -> None:
        self.dirty = True

    def subscribe(self, socket: Socket, channel: Channel) -> None:
        """A channel that is subscribed already is not greeted anew."""
        if channel.name not in socket.streams:
            self.fresh.append((channel, socket))
        socket.streams[channel.name] = channel
        self._feeds[channel.feed].setdefault(channel, {})[socket] = None
        self.dirty = True

    def unsubscribe(self, socket: Socket, name: str) -> bool:
        channel = socket.streams.pop(name, None)
        if channel is None:
            return False
        listeners = self._feeds[channel.feed][channel]
        listeners.pop(socket, None)
        if not listeners:
            del self._feeds[channel.feed][channel]
        self.fresh = [pair for pair in self.fresh if pair != (channel, socket)]
        self.dirty = True
        return True

    def remove(self, socket: Socket) -> None:
        for name in list(socket.streams):
            self.unsubscribe(socket, name)
        self.sockets.discard(socket)
        self.dirty = True

    def feed(self, feed: str) -> Iterator[tuple[Channel, list[Socket]]]:
        """Channels of a feed that somebody listens to."""
        for channel, sockets in self._feeds[feed].items():
            yield channel, list(sockets)

    def by_symbol(self, feed: str, wanted: Callable[[Channel], bool] = lambda _: True) -> dict[int, list[Socket]]:
        return {channel.symbol: sockets for channel, sockets in self.feed(feed) if wanted(channel)}
