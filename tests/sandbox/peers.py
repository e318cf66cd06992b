"""What the plain clients of the simulated venues share, and sandboxes of a test's own."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any


class Peer:
    """`frames`: what came, in order, arrays taken apart; `texts` as they came."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.texts: list[str] = []
        self.frames: list[dict[str, Any]] = []

    def read(self, seconds: float = 10) -> list[dict[str, Any]]:
        """The next message that is JSON."""
        while True:
            text = self.socket.recv(seconds)
            self.texts.append(text)
            try:
                message = json.loads(text)
            except ValueError:
                continue
            frames = message if isinstance(message, list) else [message]
            self.frames += frames
            return frames

    def receive(self, seconds: float = 10) -> dict[str, Any]:
        """The same, where messages are no arrays."""
        (frame,) = self.read(seconds)
        return frame

    def until(self, done: Callable[[dict[str, Any]], Any], seconds: float = 15) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for frame in self.read(deadline - time.monotonic()):
                if done(frame):
                    return frame
        raise AssertionError("no such frame before the deadline")

    def listen(self, seconds: float) -> None:
        """Take what comes in so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.read(left)
            except TimeoutError:
                return


def launching(process: Any, opener: Callable[[Any], Any], *args: Any, venue: str) -> Iterator[Callable[..., Any]]:
    """A function that starts `process(*args, *options)`, giving (sandbox, opener of clients); all are stopped at the end."""
    started: list[Any] = []

    def begin(*options: str) -> Any:
        started.append(process(*args, *options, venue=venue))
        return started[-1], opener(started[-1])

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.stop()
