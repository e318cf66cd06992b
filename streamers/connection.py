"""One connection: does on a real socket and a batcher what its session says. The shell around session.py; it decides nothing."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from core.venue import StreamProtocol
from streamers.batcher import Batcher
from streamers.client import Socket
from streamers.session import Action, Event, Reconnect, Rotate, Send, Session

log = logging.getLogger(__name__)


class Connection:
    """A client.Handler. `on_change` is called whenever `settled`, `wants_rotation` or `closed` may have changed."""

    def __init__(
        self, connection_id: str, session: Session, batcher: Batcher, stream: StreamProtocol, *, on_change: Callable[[], None]
    ) -> None:
        self.id = connection_id
        self.session = session
        self.batcher = batcher
        self._stream = stream
        self._add = batcher.add
        self._on_change = on_change
        self.on_frame = self._receiver(stream.data_prefix)
        self._clock = asyncio.get_running_loop().time
        self._socket: Socket | None = None
        self._cause = ""
        self._paused = False
        self.wants_rotation = False
        self.closed = False
        self.cause = ""

    @property
    def opened(self) -> bool:
        """Whether there has ever been a socket."""
        return self._socket is not None

    @property
    def open(self) -> bool:
        return self._socket is not None and not self.closed

    @property
    def settled(self) -> bool:
        return self.open and self.session.settled

    @property
    def delivers(self) -> bool:
        return self.open and self.session.delivers

    def on_open(self, socket: Socket) -> None:
        if self.closed:
            socket.close()  # given up while it was still connecting
            return
        self._socket = socket
        if self._paused:
            socket.pause()
        self._perform(self.session.opened(self._clock()))

    def on_closed(self, cause: str) -> None:
        if self.closed or self._socket is None:
            return
        self.closed = True
        self.cause = self._cause or cause
        self._perform(self.session.closed(self.cause))
        log.info("connection closed id=%s cause=%s frames=%d", self.id, self.cause, self.batcher.frames)
        self._on_change()

    def close(self, cause: str) -> None:
        """The socket's end is awaited by whoever watches `closed`: frames under way still count."""
        self._cause = self._cause or cause
        if self._socket is not None:
            self._socket.close()
        elif not self.closed:
            self.closed = True
            self.cause = self._cause

    def tick(self) -> None:
        if self.open:
            self._perform(self.session.tick(self._clock(), self.batcher.frames, paused=self._paused))

    def change(self, symbols: Sequence[str]) -> None:
        if self.open:
            self._perform(self.session.change(symbols, self._clock()))

    def resync(self, symbols: Sequence[str]) -> None:
        if self.open:
            self._perform(self.session.resync(symbols, self._clock()))

    def rotate(self, cause: str) -> None:
        if self.open:
            self._perform(self.session.rotate(cause))

    def pause(self, paused: bool) -> None:
        """Whether to leave the peer's bytes unread; also before the socket is open."""
        self._paused = paused
        if self._socket is not None and not self.closed:
            if paused:
                self._socket.pause()
            else:
                self._socket.resume()

    def _receiver(self, prefix: bytes) -> Callable[[bytes], None]:
        """What the client calls with every frame: over locals, as attributes are looked up anew each time."""
        add, session, other = self.batcher.add, self.session, self._other

        def on_frame(frame: bytes) -> None:
            if frame.startswith(prefix):
                add(frame)
                if session.proving:
                    self._perform(session.data(frame))
            else:
                other(frame)

        return on_frame

    def _other(self, frame: bytes) -> None:
        """A frame that does not begin like data: the protocol's own, or one we do not know and keep as it is."""
        try:
            control = self._stream.control(frame)
        except Exception:
            self._add(frame)
            raise
        if control is None:
            self._add(frame)
            if self.session.proving:
                self._perform(self.session.data(frame))
            return
        if control.keep:
            self._add(frame)
        # A login that is answered with a remark: of what its key may do.
        level = logging.WARNING if control.type in ("error", "closing") or (control.login and control.message) else logging.DEBUG
        log.log(level, "protocol frame id=%s type=%s message=%s", self.id, control.type, control.message)
        self._perform(self.session.control(control, self._clock()))

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Event(type, context):
                    self.batcher.event(type, context)
                case Send(text):
                    if self._socket is not None:
                        self._socket.send(text)
                case Reconnect(cause):
                    log.warning("connection given up id=%s cause=%s", self.id, cause)
                    self.close(cause)
                case Rotate(cause):
                    log.info("connection is to be replaced id=%s cause=%s", self.id, cause)
                    self.wants_rotation = True
        if actions:
            self._on_change()
