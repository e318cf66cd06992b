"""Who is asked for facts, each in a thread of its own: one that hangs keeps nobody from hearing the others."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ops.alerting.judge import Facts
from ops.cli.errors import AWAY, sentence
from ops.local.errors import LocalError

log = logging.getLogger(__name__)

#: A look waits so long for answers; later ones are heard at the next look.
PATIENCE_SECONDS = 3.0
#: A question that hangs is asked anew after so long, by another thread, so that one dead socket does not blind for ever ...
FORSAKE_SECONDS = 60.0
#: ... but no more often than this while they hang: each holds a thread and perhaps a connection.
MOST_FORSAKEN = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """`figures`: totals for the day's word."""

    facts: Facts = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


class Source:
    """`ask` may raise and may hang; what it says in time is the answer of this look."""

    def __init__(self, name: str, ask: Callable[[], Answer], now: float) -> None:
        self.name = name
        self.answered, self.trouble = now, ""  # when it was heard last (at first: when we began to ask), and why not since
        self._ask = ask
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._forsaken: list[threading.Thread] = []
        self._answer: Answer | None = None

    def begin(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._forsaken = [thread for thread in self._forsaken if thread.is_alive()]
            if time.monotonic() - self._began < FORSAKE_SECONDS or len(self._forsaken) >= MOST_FORSAKEN:
                return
            self._forsaken.append(self._thread)
        # Daemons: nobody waits at the end for one that hangs.
        self._thread = threading.Thread(target=self._run, name=f"ask-{self.name}", daemon=True)
        self._began = time.monotonic()
        self._thread.start()

    def take(self, until: float, now: float) -> Answer | None:
        """The answer since the last time, waited for until a monotonic moment."""
        if self._thread is not None:
            self._thread.join(max(0.0, until - time.monotonic()))
            if self._thread.is_alive():
                self.trouble = f"no answer within {time.monotonic() - self._began:.0f} s"
        answer, self._answer = self._answer, None
        if answer is not None:
            self.answered, self.trouble = now, ""
        return answer

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except (*AWAY, LocalError) as exc:
            self.trouble = (sentence(exc) or (repr(exc), 1))[0]
        except Exception:  # the watcher outlives its own bugs; this one is told as a source that does not answer
            log.exception("A source of facts failed. source=%s", self.name)
            self.trouble = "its question failed, which is a bug: the log of the watcher has it"


def gather(sources: Sequence[Source], now: float) -> dict[str, Answer]:
    """name -> answer, of those that answer in time."""
    for source in sources:
        source.begin()
    until = time.monotonic() + PATIENCE_SECONDS
    answers = {source.name: source.take(until, now) for source in sources}
    return {name: answer for name, answer in answers.items() if answer is not None}
