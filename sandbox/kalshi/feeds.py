"""Messages about single markets on their way to the subscriptions, each under the subscription's next number.

What is withheld takes a number too: it was lost on the way. Only what an instrument says while it is frozen takes none.
"""

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from sandbox.emission import CORRUPTED, REORDERED, SKIPPED, Channel, faulty
from sandbox.kalshi import wire
from sandbox.kalshi.subscriptions import CHANNELS, Subscription
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi

Bodies = list[tuple[bytes, bytes]]  # as with prices of NO, and as with prices of YES only


class Feed(Channel):
    venue: "Kalshi"
    listeners: list[tuple[Subscription, ...]]

    @classmethod
    def of(cls, venue: "Kalshi", name: str) -> "Feed":
        made = cls(name, lambda _: [], wire.corrupted)
        made.venue, made.listeners = venue, []
        return made

    def rebuild(self) -> None:
        """Who listens to which market."""
        venue = self.venue
        found: dict[int, list[Subscription]] = defaultdict(list)
        for one in venue.hub.all(self.name):
            wanted = range(len(venue.names)) if one.tickers is None else [venue.index[name] for name in one.tickers if name in venue.index]
            for symbol in wanted:
                found[symbol].append(one)
        self.listeners = [tuple(found[symbol]) for symbol in range(len(venue.names))]
        sockets = {symbol: [one.socket for one in ones] for symbol, ones in found.items()}
        self.targets.rebuild(sockets, len(venue.names), lambda socket: venue.troubles.silenced(self.name, socket))

    def send(self, batch: np.ndarray, bodies: Bodies, sent_ms: int) -> None:
        """Rows of a batch whose fate is settled, in their order; those marked as out of order come last, reversed."""
        held: list[tuple[Subscription, bytes]] = []
        numbered = CHANNELS[self.name]
        rows = zip(batch["symbol"].tolist(), batch["fault"].tolist(), bodies, strict=True)
        for turn, (symbol, fault, body) in enumerate(rows):
            if self.venue.troubles.is_frozen(symbol):
                continue
            self.venue.troubles.break_numbers(self.name, self.listeners[symbol])
            for one in self.listeners[symbol]:
                seq = one.next_seq() if numbered else None
                if fault == SKIPPED or self.venue.troubles.silenced(self.name, one.socket):
                    continue
                message = body[one.yes_price]
                message = self.corrupted(self.name, turn, message) if fault == CORRUPTED else message
                frame = wire.frame(self.name, one.sid, seq, message, sent_ms)
                if fault == REORDERED:
                    held.append((one, frame))
                else:
                    one.socket.out += faulty(frame, fault)
        for one, frame in reversed(held):
            one.socket.out.append(text_frame(frame))

    def tell(self, one: Subscription, type: str, message: bytes, sent_ms: int, command: int | None = None) -> None:
        """A message to one subscription that is no row of the ledger: a whole book, a state of a market."""
        seq = one.next_seq() if CHANNELS[one.channel] else None
        if not self.venue.troubles.silenced(one.channel, one.socket):
            one.socket.out.append(text_frame(wire.frame(type, one.sid, seq, message, sent_ms, command)))
