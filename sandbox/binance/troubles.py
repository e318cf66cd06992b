"""What the active faults mean for the sockets, streams and instruments of the simulated Binance."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.binance import wire
from sandbox.faults import Fault
from sandbox.sockets import Socket
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.binance.venue import Binance


class Troubles:
    def __init__(self, venue: "Binance") -> None:
        self._venue = venue
        self.frozen: np.ndarray | None = None  # per instrument, None while nothing is frozen
        self.all_frozen = False

    def note(self, event: str, **fields: Any) -> None:
        self._venue.ledger.faults.add(self._venue.clock.now_us(), event, **fields)

    def silenced(self, channel: str, socket: Socket) -> bool:
        silenced = self._venue.faults.first("silence_route", route=socket.route, channel=channel)
        return socket.muted or silenced is not None

    def is_frozen(self, symbol: int) -> bool:
        return self.frozen is not None and bool(self.frozen[symbol])

    def changed(self, fault: Fault) -> None:
        """Bring sockets and routing in line with the faults that are active now."""
        hub = self._venue.hub
        hub.dirty = True
        if fault.ended is None:
            self._begin(fault)
        for socket in hub.sockets:
            self.apply_to(socket)
        self.freeze()

    def apply_to(self, socket: Socket) -> None:
        faults = self._venue.faults
        socket.stalled = faults.first("stall", route=socket.route) is not None
        socket.hear(deaf=faults.first("half_open", route=socket.route) is not None)

    def freeze(self) -> None:
        freezes = list(self._venue.faults.of("freeze"))
        self.all_frozen = any(fault.fields["symbols"] is None for fault in freezes)
        if not freezes:
            self.frozen = None
            return
        self.frozen = np.full(len(self._venue.names), self.all_frozen)
        named = {name for fault in freezes for name in fault.fields["symbols"] or ()}
        self.frozen[[self._venue.index[name] for name in named if name in self._venue.index]] = True

    def _begin(self, fault: Fault) -> None:
        if fault.kind not in ("drop", "maintenance", "shutdown_notice"):
            return
        for socket in list(self._venue.hub.sockets):
            if fault.fields.get("route") in (None, socket.route):
                if fault.kind == "shutdown_notice":
                    socket.announce_shutdown(self._venue.clock.now_us(), fault.fields["grace_seconds"])
                else:
                    socket.drop(fault.kind)
                fault.injected += 1
        if fault.kind != "maintenance":
            fault.remaining = 0

    def forced(self) -> dict[str, int] | None:
        """An instrument per channel that must have two events at once, so that they can change places."""
        if not self._venue.faults.active:
            return None
        found: dict[str, int] = {}
        for channel in (self._venue.quotes, self._venue.trades):
            fault = self._venue.faults.first("reorder", channel=channel.name)
            if fault is None:
                continue
            live = channel.targets.live * self._venue.market.trading
            if self.frozen is not None:
                live[self.frozen] = 0
            symbol = self._venue.index.get(fault.fields["symbol"], int(np.argmax(live)))
            if live[symbol]:
                found[channel.name] = symbol
        return found or None

    def unknown_frames(self, now_us: int) -> None:
        """Frames of an event type that no document names; they are no records, so a line tells where they went."""
        for fault in list(self._venue.faults.of("unknown")):
            for socket in self._venue.hub.sockets:
                spent = fault.remaining is not None and fault.remaining <= 0
                if spent or socket.muted or not socket.streams or fault.fields["route"] not in (None, socket.route):
                    continue
                payload = b'{"e":"unheardOf","E":%d,"s":"BTCUSDT","x":{"y":[1,"2"]},"st":1}' % (now_us // 1000)
                body = wire.wrapped("btcusdt@unheardOf", payload) if socket.combined else payload
                socket.out.append(text_frame(body))
                fault.take()
                self.note("injected", kind="unknown", fault=fault.id, socket=socket.number, text=body.decode())
