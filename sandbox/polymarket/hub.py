"""Who listens to what: tokens by socket, and the sockets that get a frame of a market."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from sandbox.sockets import Socket

#: Frames only for who asked for custom features; the last two go to all of them, whatever their tokens are.
CUSTOM = ("best_bid_ask", "new_market", "market_resolved")
GLOBAL = ("new_market", "market_resolved")
FEEDS = ("book", "price_change", "last_trade_price", "tick_size_change", *CUSTOM)


@dataclass(slots=True)
class Subscription:
    token: int  # -1: of nothing that exists
    since_us: int
    place: int  # on its socket: the lowest that was free; what leaves makes room for who asks next, and moves nobody


class Route(NamedTuple):
    """`live` sockets are written to; `wanted` counts those who asked, withheld ones too."""

    live: tuple[Socket, ...]
    wanted: int


NOBODY = Route((), 0)
#: (socket, its subscription, feed) -> nothing of it gets there
Muted = Callable[[Socket, Subscription | None, str], bool]


class Hub:
    """Subscriptions of all sockets. Routes are found when they are first used after a change."""

    def __init__(self, muted: Muted) -> None:
        self.sockets: set[Socket] = set()
        self.custom: set[Socket] = set()
        self.dirty = True
        self._muted = muted
        self._listeners: dict[int, dict[Socket, Subscription]] = {}
        self._free: dict[Socket, list[int]] = {}  # heaps of places below the highest that is taken
        self._routes: dict[tuple[str, int, int], Route] = {}

    def changed(self) -> None:
        self.dirty = True

    def subscribe(self, socket: Socket, name: str, token: int, now_us: int) -> bool:
        """False where it is subscribed already."""
        if name in socket.streams:
            return False
        free = self._free.get(socket)
        subscription = socket.streams[name] = Subscription(token, now_us, heappop(free) if free else len(socket.streams))
        if token >= 0:
            self._listeners.setdefault(token, {})[socket] = subscription
        self.dirty = True
        return True

    def unsubscribe(self, socket: Socket, name: str) -> bool:
        subscription = socket.streams.pop(name, None)
        if subscription is None:
            return False
        heappush(self._free.setdefault(socket, []), subscription.place)
        listeners = self._listeners.get(subscription.token, {})
        listeners.pop(socket, None)
        if not listeners:
            self._listeners.pop(subscription.token, None)
        self.dirty = True
        return True

    def remove(self, socket: Socket) -> None:
        for name in list(socket.streams):
            self.unsubscribe(socket, name)
        self._free.pop(socket, None)
        self.sockets.discard(socket)
        self.custom.discard(socket)
        self.dirty = True

    def watched(self) -> list[int]:
        """Tokens that somebody listens to."""
        return list(self._listeners)

    def route(self, feed: str, market: int, token: int = 0) -> Route:
        """Changes of prices go to who listens to either token; other frames to who listens to theirs, or to all."""
        if self.dirty:
            self._routes.clear()
            self.dirty = False
        key = (feed, market, token)
        found = self._routes.get(key)
        if found is None:
            found = self._routes[key] = self._found(feed, market, token)
        return found

    def _found(self, feed: str, market: int, token: int) -> Route:
        if feed in GLOBAL:
            return self._sorted(feed, ((socket, None) for socket in self.custom))
        tokens = (2 * market, 2 * market + 1) if feed == "price_change" else (2 * market + token,)
        asked = [pair for place in tokens for pair in self._listeners.get(place, {}).items()]
        if feed in CUSTOM:
            asked = [pair for pair in asked if pair[0] in self.custom]
        return self._sorted(feed, asked) if asked else NOBODY

    def _sorted(self, feed: str, asked: Iterable[tuple[Socket, Subscription | None]]) -> Route:
        live: dict[Socket, None] = {}
        wanted = set()
        for socket, subscription in asked:
            if not socket.closing:
                wanted.add(socket)
                if not self._muted(socket, subscription, feed):
                    live[socket] = None
        return Route(tuple(live), len(wanted))
