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
    counted=faults.frame_kinds("aggTrade")
    | faults.COUNTED
    | {"torn_utf8": {"channel": "aggTrade", "symbol": None}, "huge": {"route": None, "megabytes": 50}},
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

    def inject(self, now_us: int) -> None:
        """Frames of an event type that no document names, some larger than any client takes; they are no records, so a line tells where
        they went."""
        for kind in ("unknown", "huge"):
            for fault in list(self._venue.faults.of(kind)):
                for socket in self._venue.hub.sockets:
                    spent = fault.remaining is not None and fault.remaining <= 0
                    if spent or socket.muted or not socket.streams or fault.fields["route"] not in (None, socket.route):
                        continue
                    blanks = b" " * (int(fault.fields.get("megabytes", 0)) << 20)
                    payload = b'{"e":"unheardOf","E":%d,"s":"BTCUSDT","x":{"y":[1,"2"]},%b"st":1}' % (now_us // 1000, blanks)
                    body = wire.wrapped("btcusdt@unheardOf", payload) if socket.combined else payload
                    socket.out.append(text_frame(body))
                    fault.take()
                    text = body.replace(blanks, b"") if blanks else body
                    self.note("injected", kind=kind, fault=fault.id, socket=socket.number, bytes=len(body), text=text.decode())
