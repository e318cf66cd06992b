"""What many ask for and one finds out: a value that is at most so old, made anew by whoever asks. While nobody asks, nothing is done."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: A question that hangs is asked anew after so long, by another thread ...
FORSAKE_SECONDS = 30.0
#: ... and while so many hang, by none.
MOST_HANGING = 4


class Late(Exception):
    """Whoever was asked has not answered in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"there is no answer since {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """`at`: seconds of the epoch when it was begun to be made."""

    value: T
    at: float


class Look(Generic[T]):
    def __init__(self, make: Callable[[], T], *, young_seconds: float, old_seconds: float, patience_seconds: float) -> None:
        """What is not young any more is made anew behind the back of who asked; what is old is waited for."""
        self._make = make
        self._young, self._old, self._patience = young_seconds, old_seconds, patience_seconds
        self._turn = threading.Condition()
        self._seen: Seen[T] | None = None
        self._failure: Exception | None = None
        self._begun = float("-inf")  # monotonic, of what is seen
        self._ended = 0  # looks that have come to an end
        self._under_way: list[float] = []  # when each began, monotonic

    def get(self) -> Seen[T]:
        """Raises Late, and what making it raised."""
        asked = time.monotonic()
        with self._turn:
            age = asked - self._begun
            if age >= self._young:
                self._begin(asked)
            if self._seen is not None and age < self._old:
                return self._seen
            ended = self._ended
            if not self._turn.wait_for(lambda: self._ended > ended, self._patience):
                raise Late(time.monotonic() - min(self._under_way, default=asked))
            if self._failure is not None:
                raise self._failure
            assert self._seen is not None
            return self._seen

    def _begin(self, now: float) -> None:
        """With the lock held."""
        if self._under_way and (now - self._under_way[-1] < FORSAKE_SECONDS or len(self._under_way) >= MOST_HANGING):
            return
        self._under_way.append(now)
        threading.Thread(target=self._run, args=(now,), name="look", daemon=True).start()

    def _run(self, begun: float) -> None:
        at, seen, failure = time.time(), None, None
        try:
            seen = Seen(self._make(), at)
        except Exception as exc:  # noqa: BLE001 (it is raised where it was asked for)
            failure = exc
        with self._turn:
            self._under_way.remove(begun)
            self._ended += 1
            if begun > self._begun:  # one that hung knows nothing new
                self._seen, self._failure, self._begun = seen or self._seen, failure, begun
                if failure is not None:
                    self._begun = float("-inf")
            self._turn.notify_all()
