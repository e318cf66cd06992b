"""Judges the programs of a supervisor: is it stopped, does it still turn, does it hold too much memory. Nothing here can wait.

A program turns when its pulse moves (the time of a file that it touches from its own loop) or when it answers a greeting on its port.
Silence is added up look by look, each worth a bounded time: a step of the clock, a machine that slept or a supervisor that was itself
stopped ages nobody. Loaded into supervisord, so the standard library alone.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ops.local.processes import Seen, memory_bytes

LOOK_SECONDS = 5.0
#: What one look may add to a silence, however late it comes.
_MOST_SECONDS = 2 * LOOK_SECONDS
#: An answer that has not come by then is given up, and the next greeting goes over a new connection.
_ANSWER_SECONDS = 20.0
#: A program that holds too much is asked to end, and gets this long.
_END_SECONDS = 60.0
#: How a program is told apart from one that is not watched: variables of its section in supervisord.conf.
PULSE, SILENT, GREETING, MEMORY = "TAPEFARM_PULSE", "TAPEFARM_SILENT_SECONDS", "TAPEFARM_GREETING", "TAPEFARM_MOST_BYTES"


@dataclass(frozen=True)
class Verdict:
    """What one look came to: processes to be continued, why to kill the program, why to ask it to end."""

    stopped: Sequence[int] = ()
    kill: str = ""
    end: str = ""


@dataclass
class Greeting:
    """Words that a server answers to whoever says them. Any answer counts, a refusal too, but for one with `leaving` in it."""

    port: int
    words: bytes
    leaving: bytes = b""
    _socket: socket.socket | None = None
    _unsaid: bytes = b""
    _waited: float = 0.0

    def answered(self, elapsed: float) -> bool:
        """Whether an answer has come since the last call; says it anew when one has, or when none will."""
        answer = self._listen()
        self._waited += elapsed
        if answer is not None or self._waited > _ANSWER_SECONDS:
            self.close()
            self._dial()
        self._say()
        return answer is not None and answer != b"" and not (self.leaving and self.leaving in answer)

    def as_text(self) -> str:
        """For a variable of the supervisor's."""
        return f"{self.port} {self.words.hex()} {self.leaving.hex()}"

    @classmethod
    def of(cls, text: str) -> "Greeting":
        port, words, leaving = text.split(" ")
        return cls(int(port), bytes.fromhex(words), bytes.fromhex(leaving))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _listen(self) -> bytes | None:
        """None: nothing yet; empty: nothing will come on this connection."""
        if self._socket is None:
            return b""
        try:
            return self._socket.recv(256)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _dial(self) -> None:
        self._socket, self._unsaid, self._waited = socket.socket(), self.words, 0.0
        self._socket.setblocking(False)
        self._socket.connect_ex(("127.0.0.1", self.port))

    def _say(self) -> None:
        if self._socket is not None and self._unsaid:
            try:
                self._unsaid = self._unsaid[self._socket.send(self._unsaid) :]
            except OSError:  # not connected yet, or refused, which the next look finds out
                return


@dataclass
class Watch:
    """Over one life of a program, from its start to its end."""

    silent_seconds: float = 0.0  # 0: not watched for silence
    most_bytes: int = 0  # 0: not bounded
    pulse: Path | None = None
    greeting: Greeting | None = None
    silence: float = 0.0
    memory: int = 0
    _beat_ns: int = 0
    _stopped: set[int] = field(default_factory=set)
    _ending: float | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Watch":
        """As its variables say; a pulse's file is made here, as a program must not fail for the want of it."""
        pulse = Path(environment[PULSE]) if PULSE in environment else None
        greeting = Greeting.of(environment[GREETING]) if GREETING in environment else None
        if pulse is not None:
            pulse.parent.mkdir(mode=0o700, exist_ok=True)
            pulse.touch()
        watch = cls(float(environment.get(SILENT, 0)), int(environment.get(MEMORY, 0)), pulse, greeting)
        watch._turned(0.0)
        return watch

    def look(self, family: Sequence[Seen], elapsed: float) -> Verdict:
        """`family`: the program's process and its descendants; `elapsed`: seconds since the last look."""
        stopped = {one.pid for one in family if one.stopped}
        # Seen twice: whoever stops something for an instant is left alone.
        to_continue, self._stopped = sorted(stopped & self._stopped), stopped
        counted = min(elapsed, _MOST_SECONDS)
        self.silence = 0.0 if self._turned(counted) else self.silence + counted
        kill = end = ""
        if self.silent_seconds and self.silence > self.silent_seconds:
            kill = f"has not turned for {self.silence:.0f} s (allowed {self.silent_seconds:.0f} s)"
        largest = self._weigh(family)
        if self._ending is not None:
            self._ending += counted
            if self._ending > _END_SECONDS:
                kill = f"was asked to end {self._ending:.0f} s ago"
        elif self.most_bytes and largest > self.most_bytes:
            self._ending = 0.0
            end = f"holds {largest >> 20} MB of memory in one process (allowed {self.most_bytes >> 20} MB)"
        return Verdict(to_continue, kill, end)

    def close(self) -> None:
        if self.greeting is not None:
            self.greeting.close()

    def _turned(self, elapsed: float) -> bool:
        if self.greeting is not None:
            return self.greeting.answered(elapsed)
        if self.pulse is None:
            return True
        before = self._beat_ns
        try:
            self._beat_ns = self.pulse.stat().st_mtime_ns
            if self._beat_ns == before:
                os.utime(self.pulse.parent)
        except OSError:
            return True  # taken away, or nobody can write here: nothing can be told by it
        return self._beat_ns != before

    def _weigh(self, family: Sequence[Seen]) -> int:
        """Keeps what all hold together, shared memory counted once; returns what the largest holds."""
        weights = [memory_bytes(one.pid) for one in family]
        self.memory = sum(resident - shared for resident, shared in weights) + max((shared for _, shared in weights), default=0)
        return max((resident for resident, _ in weights), default=0)
