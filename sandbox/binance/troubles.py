"""What the active faults mean for the sockets, streams and instruments of the simulated Binance."""

from typing import TYPE_CHECKING

from sandbox import faults
from sandbox.binance import wire
from sandbox.faults import Fault, Kinds
from sandbox.troubles import Afflictions
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.binance.venue import Binance

KINDS = Kinds(
    timed=faults.TIMED,
    counted=faults.frame_kinds("aggTrade") | faults.COUNTED,
    instant=faults.INSTANT | {"shutdown_notice": {"route": None, "grace_seconds": 10.0}},
)


class Troubles(Afflictions):
    def __init__(self, venue: "Binance") -> None:
        super().__init__(venue)
        self._venue = venue

    def begin(self, fault: Fault) -> None:
        super().begin(fault)
        if fault.kind == "shutdown_notice":
            for socket in self.chosen(fault):
                socket.announce_shutdown(self._venue.clock.now_us(), fault.fields["grace_seconds"])
            fault.remaining = 0

    def forced(self) -> dict[str, int] | None:
        """An instrument per channel that must have two events at once."""
        if not self._venue.faults.active:
            return None
        found = {channel.name: self.reordered(channel) for channel in (self._venue.quotes, self._venue.trades)}
        return {name: symbol for name, symbol in found.items() if symbol is not None} or None

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
