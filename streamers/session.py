"""The life of one connection, pure: what came and what time it is go in, what to do comes out. No asyncio, no clock, no socket.

Alive means data: a frame within the deadline proves a connection, an ack or a pong proves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from core.journal import CONNECTED, DISCONNECTED, HEARTBEAT, PROVEN, SUBSCRIBED
from core.venue import Channel, Control, Limits, StreamProtocol
from streamers.login import Login
from streamers.subscriptions import Subscriptions

HEARTBEAT_SECONDS = 10.0
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
        logs_in: bool = False,
    ) -> None:
        self._channel, self._limits = channel, limits
        self._about = about or {}
        self._url_subscribes = url_subscribes
        self._lifetime = limits.connection_seconds * (1 - ROTATION_JITTER * jitter)
        self._subscriptions = Subscriptions(stream, channel, greeting)
        self._login = Login(expected=logs_in)
        self.symbols = tuple(symbols)
        self.proven = False
        #: asked on every frame: while true, `data` wants to see it
        self.proving = True
        self._next_send = -inf
        self._opened = self._last_data = self._last_entry = self._last_word = 0.0
        self._frames = 0
        self._rotating = self._ending = self._ended = False

    @property
    def unproven(self) -> int:
        return self._subscriptions.unproven

    @property
    def settled(self) -> bool:
        """Data flows and everything that had to be said has been sent."""
        return self.proven and not self._subscriptions.outbox

    @property
    def delivers(self) -> bool:
        """Every symbol has spoken, but for those that the venue left out: an older connection may go."""
        return self.settled and not self._subscriptions.awaited

    def opened(self, now: float) -> list[Action]:
        self._opened = self._last_data = self._last_entry = self._last_word = now
        self._subscriptions.expect(self.symbols, now)
        if not self._url_subscribes and not self._login.pending:
            self._subscriptions.ask(self.symbols)
        return [Event(CONNECTED, {**self._about, "subscriptions": list(self.symbols)}), *self._released(now)]

    def data(self, frame: bytes) -> list[Action]:
        """A frame that is not the protocol's own; wanted while `proving`."""
        actions: list[Action] = []
        if not self.proven:
            self.proven = True
            actions.append(Event(PROVEN))
        if self._subscriptions.awaited:
            self._subscriptions.heard(frame)
        self._look()
        return actions

    def control(self, control: Control, now: float) -> list[Action]:
        # An answer has a deadline at the venue: it does not queue behind subscriptions.
        actions: list[Action] = [self._sent(control.answer, now)] if control.answer else []
        if control.login is not None:
            actions += self._logged_in(control, now)
        if control.type == "error":
            actions.append(Event(SUBSCRIBED, {"error": control.message, "request_id": control.request_id}))
        elif control.type == "closing":
            actions += self.rotate(control.message or "venue closing")
        elif control.type == "ended" and not self._ending:
            self._ending = True
            actions.append(Reconnect(control.message or "ended by the venue"))
        elif control.subscribed is not None:
            refused = self._subscriptions.granted(control.request_id, control.subscribed, now)
            self._look()
            if refused:
                actions.append(Event(SUBSCRIBED, {"unproven": refused, "cause": "not subscribed"}))
        return actions

    def change(self, symbols: Sequence[str], now: float) -> list[Action]:
        """Another set of symbols on the open connection; a venue that cannot do that gets a new connection."""
        before, after = set(self.symbols), set(symbols)
        added = [symbol for symbol in symbols if symbol not in before]
        removed = [symbol for symbol in self.symbols if symbol not in after]
        self.symbols = tuple(symbols)
        if not added and not removed:
            return []
        said = self._subscriptions.change(added, removed, now, ask=not self._login.pending)
        self._look()
        if not said:
            return self.rotate("subscriptions changed")
        return [Event(SUBSCRIBED, {"added": added, "removed": removed}), *self._released(now)]

    def resync(self, symbols: Sequence[str], now: float) -> list[Action]:
        """Ask the venue for the whole state of those of the symbols that are subscribed here; no symbols: of all."""
        wanted = set(symbols)
        mine = [symbol for symbol in self.symbols if symbol in wanted] if wanted else list(self.symbols)
        if not mine or self._login.pending:
            return []
        self._subscriptions.resync(mine)
        return [Event(SUBSCRIBED, {"resync": mine}), *self._released(now)]

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
        if self._login.given_up(now - self._opened):
            self._subscriptions.ask(self.symbols)
        silent = self._subscriptions.late(now, proven=self.proven)
        self._look()
        actions: list[Action] = [Event(SUBSCRIBED, {"unproven": silent, "seconds": self._subscriptions.proof_seconds})] if silent else []
        if speaking := self._subscriptions.resync_speaking():
            actions.append(Event(SUBSCRIBED, {"resync": speaking}))
        actions += [*self._released(now), *self._word(now)]
        if now - self._opened >= self._lifetime:
            actions += self.rotate("age")
        if now - self._last_entry >= HEARTBEAT_SECONDS:
            self._last_entry = now
            actions.append(Event(HEARTBEAT, {"silent_seconds": round(now - self._last_data, 1)}))
        return actions

    def closed(self, cause: str) -> list[Action]:
        if self._ended:
            return []
        self._ended = True
        return [Event(DISCONNECTED, {"cause": cause})]

    def _logged_in(self, control: Control, now: float) -> list[Action]:
        """The first answer lets the subscriptions go, with or without a login; a renewal that is refused needs a new connection."""
        was_pending = self._login.pending
        self._login.answered(control, now)
        if not was_pending:
            return [] if control.login else self.rotate("login refused")
        if self._login.in_force:
            self._subscriptions.become_raw()
        self._subscriptions.ask(self.symbols)
        return [Event(SUBSCRIBED, {"login": bool(control.login)}), *self._released(now)]

    def _look(self) -> None:
        self.proving = not self.proven or self._subscriptions.awaited

    def _dead(self, now: float) -> str:
        if not self.symbols:
            return ""
        if not self.proven:
            return "no first frame" if now - self._last_data >= self._channel.first_frame_seconds else ""
        return "idle" if now - self._last_data >= self._channel.idle_seconds else ""

    def _word(self, now: float) -> list[Action]:
        """What the venue wants to hear now and then."""
        renewal = self._login.renewal(now)
        said: list[Action] = [Send(renewal)] if renewal else []
        if self._channel.keepalive and now - self._last_word >= self._channel.keepalive_seconds:
            self._last_word = now
            said.append(Send(self._channel.keepalive))
        return said

    def _released(self, now: float) -> list[Action]:
        actions: list[Action] = []
        outbox = self._subscriptions.outbox
        while outbox and now >= self._next_send:
            actions.append(self._sent(outbox.popleft(), now))
        return actions

    def _sent(self, text: str, now: float) -> Send:
        self._next_send = now + 1 / self._limits.messages_per_second
        return Send(text)

    def rotate(self, cause: str) -> list[Action]:
        """Once a connection: its successor is opened before it is closed."""
        if self._rotating:
            return []
        self._rotating = True
        return [Rotate(cause)]
