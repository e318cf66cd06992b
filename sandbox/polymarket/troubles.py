"""Which faults the simulated Polymarket knows, and what they mean for its sockets and subscriptions."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox import faults
from sandbox.faults import BadFault, Fault, Faults, Kinds
from sandbox.polymarket.hub import Subscription
from sandbox.polymarket.lifecycle import SCENARIOS
from sandbox.sockets import Socket
from sandbox.troubles import Afflictions
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

#: What ends the silence of a freeze for a token before the fault is over.
CURES = ("connection", "subscription", "nothing")
WITHHELD = ("all", "books", "deltas")
STRUCK = {"channel": "price_change", "symbol": None}
KINDS = Kinds(
    timed=faults.TIMED
    | {
        "freeze": {"symbols": None, "cured_by": "connection"},
        "ceiling": {"streams": 200, "withheld": "all"},
        "endless_pages": {"host": None},
        "no_pong": {"route": None},
    },
    counted=faults.frame_kinds("price_change")
    | {
        "unknown": {"route": None},
        "rest_429": {"retry_after": None, "host": None},
        "rest_5xx": {"status": 502, "host": None},
        "rest_422": {"host": None},
        "rest_html": {"host": None},
        "rest_huge": {"megabytes": 8},
        "bare_prices": STRUCK,
        "unknown_fields": STRUCK,
        "handshake_429": {},
        "silent_resolution": {},
        "absent": {"symbol": None},
    },
    instant=faults.INSTANT | {"end_market": {"symbol": None, "scenario": "plain"}},
)


class CheckedFaults(Faults):
    """Commands whose words are checked before anything happens."""

    def add(self, command: dict[str, Any], now_us: int) -> Fault:
        for name, allowed in (("cured_by", CURES), ("withheld", WITHHELD), ("scenario", SCENARIOS)):
            if command.get(name, allowed[0]) not in allowed:
                raise BadFault(f"{name} is one of {', '.join(allowed)}")
        return super().add(command, now_us)


class Troubles(Afflictions):
    def __init__(self, venue: "Polymarket") -> None:
        super().__init__(venue)
        self._venue = venue
        self._begun_us: dict[int, int] = {}

    def changed(self, fault: Fault) -> None:
        if fault.ended:
            self._begun_us.pop(fault.id, None)
        super().changed(fault)

    def begin(self, fault: Fault) -> None:
        self._begun_us[fault.id] = self._venue.clock.now_us()
        super().begin(fault)
        if fault.kind == "end_market":
            fault.remaining = 0
            self._venue.lifecycle.begin_end(fault.fields["symbol"], fault.fields["scenario"])

    def freeze(self) -> None:
        """Silence is of subscriptions here, not of instruments: see `muted`."""
        self.frozen = np.zeros(0, bool) if self._venue.faults.first("freeze") else None

    def muted(self, socket: Socket, subscription: Subscription | None, feed: str) -> bool:
        """Whether nothing of a subscription gets to its socket; without one, of what goes to all."""
        if self.silenced(feed, socket):
            return True
        return self._frozen(socket, subscription) or (subscription is not None and self._above_ceiling(subscription, feed))

    def _frozen(self, socket: Socket, subscription: Subscription | None) -> bool:
        for fault in self._venue.faults.of("freeze"):
            begun_us = self._begun_us.get(fault.id, 0)
            cure = fault.fields["cured_by"]
            if (cure == "connection" and socket.opened_us > begun_us) or (
                cure == "subscription" and subscription is not None and subscription.since_us > begun_us
            ):
                continue
            if fault.fields["symbols"] is None or (subscription is not None and self._named(fault, subscription.token)):
                return True
        return False

    def _named(self, fault: Fault, token: int) -> bool:
        """A market freezes with either of its tokens, as one frame is about both."""
        pair = {self._venue.names[place] for place in (token, token ^ 1)} if token >= 0 else set()
        return not pair.isdisjoint(fault.fields["symbols"])

    def _above_ceiling(self, subscription: Subscription, feed: str) -> bool:
        limit, withheld = self._venue.config.tokens_per_socket, "deltas"
        fault = self._venue.faults.first("ceiling")
        if fault is not None and int(fault.fields["streams"]) < limit:
            limit, withheld = int(fault.fields["streams"]), fault.fields["withheld"]
        return subscription.place >= limit and withheld in ("all", "books" if feed == "book" else "deltas")

    def doubled(self) -> int | None:
        """`reorder`: a market that must have two events at once, so that their frames can change places."""
        for fault in self._venue.faults.of("reorder"):
            named = self._venue.index.get(fault.fields["symbol"])
            for token in [named] if named is not None else self._venue.hub.watched():
                if (
                    not self._venue.markets[token // 2].scripted
                    and self._venue.hub.route(fault.fields["channel"], token // 2, token % 2).live
                ):
                    return token // 2
        return None

    def unknown_frames(self, now_us: int) -> None:
        """Events of a type that no document names; they are no records, so a line tells where they went."""
        for fault in list(self._venue.faults.of("unknown")):
            for socket in self._venue.hub.sockets:
                spent = fault.remaining is not None and fault.remaining <= 0
                if spent or socket.muted or not socket.streams:
                    continue
                body = b'{"event_type":"unheard_of","timestamp":"%d","x":{"y":[1,"2"]}}' % (now_us // 1000)
                socket.out.append(text_frame(body))
                fault.take()
                self.note("injected", kind="unknown", fault=fault.id, socket=socket.number, text=body.decode())
