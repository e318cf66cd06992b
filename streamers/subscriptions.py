"""What a connection asks for, what of it has spoken, and what was left out. Pure: texts to send come out, time goes in.

A name is proven by a frame of its own. An ack proves nothing, but it may disprove: a name that it leaves out of what it lists is not
subscribed.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from math import inf

from core.venue import Channel, StreamProtocol

#: A subscription may stay silent for so many first-frame deadlines before it is named and asked for again: illiquid instruments are slow.
PROOF_DEADLINES = 5
#: A name that an ack left out is asked for again after this share of the first-frame deadline: time for a new listing to reach the
#: sockets, and the answer still comes before a connection to which nothing was granted is given up.
REASK_SHARE = 0.5
#: What has been left out twice, and told, is asked for now and then: an instrument may be granted again.
REFUSED_SECONDS = 300.0


class Subscriptions:
    def __init__(self, stream: StreamProtocol, channel: Channel, greeting: Sequence[str]) -> None:
        self._stream, self._channel = stream, channel
        self.proof_seconds = channel.first_frame_seconds * PROOF_DEADLINES
        self._reask_seconds = channel.first_frame_seconds * REASK_SHARE
        #: frames to be sent, in order
        self.outbox: deque[str] = deque(greeting)
        # symbol -> when it is late; inf once it has been asked for twice
        self._unproven: dict[str, float] = {}
        self._asked_again: set[str] = set()
        self._speaking: list[str] = []  # changes of their books come, and their whole state went by unheard
        self._named = False
        self._asked: dict[str, int] = {}  # symbol -> the request whose answer counts
        # symbol that an ack left out -> when it is asked for again; inf while that is not answered
        self._missing: dict[str, float] = {}
        self._refusals: dict[str, int] = {}
        self._request_id = 0

    @property
    def awaited(self) -> bool:
        """Whether frames have to be looked at for their symbol."""
        return bool(self._unproven)

    @property
    def unproven(self) -> int:
        return len(self._unproven.keys() | self._missing.keys())

    def become_raw(self) -> None:
        """From here on each change is asked for by itself; a login allows it."""
        self._channel = replace(self._channel, raw=True)

    def expect(self, symbols: Sequence[str], now: float) -> None:
        self._asked_again.difference_update(symbols)
        self._unproven.update(dict.fromkeys(symbols, now + self.proof_seconds))

    def ask(self, added: Sequence[str], removed: Sequence[str] = ()) -> bool:
        """False when the venue has no frame for it."""
        said = True
        for symbols, frames in ((removed, self._stream.unsubscribe), (added, self._stream.subscribe)):
            for part in self._parts(symbols):
                texts = frames(self._channel, part, self._number())
                self.outbox.extend(texts)
                said = said and bool(texts)
                if symbols is added:
                    self._asked.update(dict.fromkeys(part, self._request_id))
        return said

    def resync(self, symbols: Sequence[str]) -> None:
        """Ask for the whole state of these anew."""
        for part in self._parts(symbols):
            texts = self._stream.resync(self._channel, part, self._number())
            self.outbox.extend(texts)
            if texts:  # what the answer leaves out has been given up, and is asked for again like any other
                self._asked.update(dict.fromkeys(part, self._request_id))

    def change(self, added: Sequence[str], removed: Sequence[str], now: float, *, ask: bool = True) -> bool:
        """False when the venue has no frame for it. What was left out gets another chance. Without `ask` nothing is said yet."""
        for known in (self._unproven, self._missing, self._asked, self._refusals):
            for symbol in removed:
                known.pop(symbol, None)
        wanted = [*added, *self._missing]
        self._missing.clear()
        self._refusals.clear()
        self.expect(wanted, now)
        return not ask or self.ask(wanted, removed)

    def heard(self, frame: bytes) -> None:
        """A data frame; wanted while `awaited`."""
        for symbol in self._stream.subscription(frame).split():
            self._named = True
            late = self._unproven.pop(symbol, None) is not None and symbol in self._asked_again
            self._missing.pop(symbol, None)
            if late and self._channel.book_tops:
                self._speaking.append(symbol)

    def granted(self, request_id: int | None, subscribed: Sequence[str], now: float) -> list[str]:
        """What the answer to a request leaves out is asked for once more, soon, and then now and then; returns what was left out for the
        second time."""
        for symbol in subscribed:
            for known in (self._asked, self._missing, self._refusals):
                known.pop(symbol, None)
        left_out = [symbol for symbol, asked in self._asked.items() if asked == request_id]
        for symbol in left_out:
            del self._asked[symbol]
            times = self._refusals[symbol] = self._refusals.get(symbol, 0) + 1
            self._missing[symbol] = now + (self._reask_seconds if times == 1 else REFUSED_SECONDS)
        refused = [symbol for symbol in left_out if self._refusals[symbol] == 2]
        for symbol in refused:
            self._unproven.pop(symbol, None)  # nothing will come of it, and frames need not be looked at for it
        return refused

    def resync_speaking(self) -> list[str]:
        """Ask for the whole state of what spoke late; returns the names."""
        speaking, self._speaking = self._speaking, []
        self.resync(speaking)
        return speaking

    def late(self, now: float, *, proven: bool) -> list[str]:
        """Ask again for what is overdue; returns the silent names, each once. `proven`: frames flow on the connection."""
        left_out = [symbol for symbol, at in self._missing.items() if now >= at]
        self._missing.update(dict.fromkeys(left_out, inf))
        self.ask(left_out)
        late = [symbol for symbol, deadline in self._unproven.items() if now >= deadline]
        if not late:
            return []
        if proven and not self._named:
            # Frames flow and none tells its symbol: this venue cannot be proven by subscription.
            self._unproven.clear()
            return []
        again = [symbol for symbol in late if symbol not in self._asked_again]
        self._unproven.update(dict.fromkeys(late, inf))
        self._unproven.update(dict.fromkeys(again, now + self.proof_seconds))
        self._asked_again.update(again)
        self._ask_again(again)
        return again

    def _ask_again(self, symbols: Sequence[str]) -> None:
        """Where books are kept a venue may take no notice of a second request, and the whole state is what is wanted."""
        (self.resync if self._channel.book_tops else self.ask)(symbols)

    def _parts(self, symbols: Sequence[str]) -> list[Sequence[str]]:
        size = self._channel.names_per_message
        return [symbols[start : start + size] for start in range(0, len(symbols), size)]

    def _number(self) -> int:
        self._request_id += 1
        return self._request_id
