"""The life of one connection, pure: what came and what time it is go in, what to do comes out. No asyncio, no clock, no socket.

Alive means data: a frame within the deadline proves a connection and each of its subscriptions, an ack or a pong proves nothing.
But an ack may disprove: a name that it leaves out of what it lists is not subscribed.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from core.journal import CONNECTED, DISCONNECTED, HEARTBEAT, PROVEN, SUBSCRIBED
from core.venue import Channel, Control, Limits, StreamProtocol

#: Names of one subscribe frame: 200 are taken by every venue of ours (venues/<venue>/README.md), and a frame stays below 8 KiB.
NAMES_PER_MESSAGE = 200
HEARTBEAT_SECONDS = 10.0
#: A subscription may stay silent for so many first-frame deadlines before it is named and asked for again: illiquid instruments are slow.
PROOF_DEADLINES = 5
#: A name that an ack left out is asked for again after this share of the first-frame deadline: time for a new listing to reach the
#: sockets, and the answer still comes before a connection to which nothing was granted is given up.
REASK_SHARE = 0.5
#: Connections opened together must not rotate together: up to this share of the lifetime is cut at random.
ROTATION_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Send:
    text: str = field(repr=False)  # a greeting may hold a login


@dataclass(frozen=True, slots=True)
class Event:
    """To be appended in band."""

    type: str
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Close this connection; a new one is needed."""

    cause: str


@dataclass(frozen=True, slots=True)
class Rotate:
    """Open the next connection before this one is closed."""

    cause: str


Action = Send | Event | Reconnect | Rotate


class Session:
    """`about` goes into the CONNECTED event; `jitter` (0 to 1) spreads rotations; `url_subscribes`: the URL names the symbols;
    `greeting` is sent before anything else."""

    def __init__(
        self,
        stream: StreamProtocol,
        channel: Channel,
        limits: Limits,
        symbols: Sequence[str],
        *,
        about: dict[str, Any] | None = None,
        url_subscribes: bool = True,
        jitter: float = 0.0,
        greeting: Sequence[str] = (),
    ) -> None:
        self._stream, self._channel, self._limits = stream, channel, limits
        self._about = about or {}
        self._url_subscribes = url_subscribes
        self._lifetime = limits.connection_seconds * (1 - ROTATION_JITTER * jitter)
        self._proof_seconds = channel.first_frame_seconds * PROOF_DEADLINES
        self.symbols = tuple(symbols)
        self.proven = False
        #: asked on every frame: while true, `data` wants to see it
        self.proving = True
        # symbol -> when it is late; inf once it has been asked for twice
        self._unproven: dict[str, float] = {}
        self._asked_again: set[str] = set()
        self._named = False
        self._asked: dict[str, int] = {}  # symbol -> the request whose answer counts
        # symbol that an ack left out -> when it is asked for again; inf once it has been
        self._missing: dict[str, float] = {}
        self._outbox: deque[str] = deque(greeting)
        self._next_send = -inf
        self._request_id = 0
        self._opened = self._last_data = self._last_entry = 0.0
        self._frames = 0
        self._rotating = self._ending = self._ended = False

    @property
    def unproven(self) -> int:
        return len(self._unproven.keys() | self._missing.keys())

    @property
    def settled(self) -> bool:
        """Data flows and everything that had to be said has been sent: an older connection may go."""
        return self.proven and not self._outbox

    def opened(self, now: float) -> list[Action]:
        self._opened = self._last_data = self._last_entry = now
        self._expect(self.symbols, now)
        if not self._url_subscribes:
            self._queue(self.symbols, ())
        return [Event(CONNECTED, {**self._about, "subscriptions": list(self.symbols)}), *self._released(now)]

    def data(self, frame: bytes) -> list[Action]:
        """A frame that is not the protocol's own; wanted while `proving`."""
        actions: list[Action] = []
        if not self.proven:
            self.proven = True
            actions.append(Event(PROVEN))
        if self._unproven:
            symbol = self._stream.subscription(frame)
            self._named = self._named or symbol != ""
            self._unproven.pop(symbol, None)
            self._missing.pop(symbol, None)
        self.proving = bool(self._unproven)
        return actions

    def control(self, control: Control, now: float) -> list[Action]:
        # An answer has a deadline at the venue: it does not queue behind subscriptions.
        actions: list[Action] = [self._sent(control.answer, now)] if control.answer else []
        if control.type == "error":
            actions.append(Event(SUBSCRIBED, {"error": control.message, "request_id": control.request_id}))
        elif control.type == "closing":
            actions += self._rotation(control.message or "venue closing")
        elif control.subscribed is not None:
            actions += self._granted(control.request_id, control.subscribed, now)
        return actions

    def change(self, symbols: Sequence[str], now: float) -> list[Action]:
        """Another set of symbols on the open connection; a venue that cannot do that gets a new connection."""
        before, after = set(self.symbols), set(symbols)
        added = [symbol for symbol in symbols if symbol not in before]
        removed = [symbol for symbol in self.symbols if symbol not in after]
        self.symbols = tuple(symbols)
        if not added and not removed:
            return []
        for known in (self._unproven, self._missing, self._asked):
            for symbol in removed:
                known.pop(symbol, None)
        wanted = [*added, *self._missing]  # what was left out gets another chance
        self._missing.clear()
        self._expect(wanted, now)
        if not self._queue(wanted, removed):
            return self._rotation("subscriptions changed")
        return [Event(SUBSCRIBED, {"added": added, "removed": removed}), *self._released(now)]

    def tick(self, now: float, frames: int, *, paused: bool = False) -> list[Action]:
        """`frames`: data frames of this connection so far. While we do not read (`paused`), silence says nothing about the venue."""
        if self._ending or self._ended:
            return []
        if paused:
            self._last_data = self._last_entry = now
            return []
        if frames != self._frames:
            self._frames = frames
            self._last_data = self._last_entry = now
        cause = self._dead(now)
        if cause:
            self._ending = True
            return [Reconnect(cause)]
        actions = [*self._late(now), *self._released(now)]
        if now - self._opened >= self._lifetime:
            actions += self._rotation("age")
        if now - self._last_entry >= HEARTBEAT_SECONDS:
            self._last_entry = now
            actions.append(Event(HEARTBEAT, {"silent_seconds": round(now - self._last_data, 1)}))
        return actions

    def closed(self, cause: str) -> list[Action]:
        if self._ended:
            return []
        self._ended = True
        return [Event(DISCONNECTED, {"cause": cause})]

    def _dead(self, now: float) -> str:
        if not self.symbols:
            return ""
        if not self.proven:
            return "no first frame" if now - self._last_data >= self._channel.first_frame_seconds else ""
        return "idle" if now - self._last_data >= self._channel.idle_seconds else ""

    def _expect(self, symbols: Sequence[str], now: float) -> None:
        self._asked_again.difference_update(symbols)
        self._unproven.update(dict.fromkeys(symbols, now + self._proof_seconds))
        self.proving = not self.proven or bool(self._unproven)

    def _granted(self, request_id: int | None, subscribed: Sequence[str], now: float) -> list[Action]:
        """What the answer to a request leaves out is asked for once more, and told when it is left out again."""
        for symbol in subscribed:
            self._asked.pop(symbol, None)
            self._missing.pop(symbol, None)
        left_out = [symbol for symbol, asked in self._asked.items() if asked == request_id]
        refused = [symbol for symbol in left_out if self._missing.get(symbol) == inf]
        again_at = now + self._channel.first_frame_seconds * REASK_SHARE
        self._missing.update((symbol, again_at) for symbol in left_out if symbol not in self._missing)
        for symbol in refused:
            del self._asked[symbol]
            self._unproven.pop(symbol, None)  # nothing will come of it, and frames need not be looked at for it
        return [Event(SUBSCRIBED, {"unproven": refused, "cause": "not subscribed"})] if refused else []

    def _late(self, now: float) -> list[Action]:
        left_out = [symbol for symbol, at in self._missing.items() if now >= at]
        self._missing.update(dict.fromkeys(left_out, inf))
        self._queue(left_out, ())
        late = [symbol for symbol, deadline in self._unproven.items() if now >= deadline]
        if not late:
            return []
        if self.proven and not self._named:
            # Frames flow and none tells its symbol: this venue cannot be proven by subscription.
            self._unproven.clear()
            self.proving = False
            return []
        again = [symbol for symbol in late if symbol not in self._asked_again]
        self._unproven.update(dict.fromkeys(late, inf))
        self._unproven.update(dict.fromkeys(again, now + self._proof_seconds))
        self._asked_again.update(again)
        if not again:
            return []
        self._queue(again, ())
        return [Event(SUBSCRIBED, {"unproven": again})]

    def _queue(self, added: Sequence[str], removed: Sequence[str]) -> bool:
        """False when the venue has no frame for it."""
        said = True
        for symbols, frames in ((removed, self._stream.unsubscribe), (added, self._stream.subscribe)):
            for start in range(0, len(symbols), NAMES_PER_MESSAGE):
                part = symbols[start : start + NAMES_PER_MESSAGE]
                self._request_id += 1
                texts = frames(self._channel, part, self._request_id)
                self._outbox.extend(texts)
                said = said and bool(texts)
                if symbols is added:
                    self._asked.update(dict.fromkeys(part, self._request_id))
        return said

    def _released(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while self._outbox and now >= self._next_send:
            actions.append(self._sent(self._outbox.popleft(), now))
        return actions

    def _sent(self, text: str, now: float) -> Send:
        self._next_send = now + 1 / self._limits.messages_per_second
        return Send(text)

    def _rotation(self, cause: str) -> list[Action]:
        if self._rotating:
            return []
        self._rotating = True
        return [Rotate(cause)]
