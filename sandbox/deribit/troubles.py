"""Which faults the simulated Deribit knows, and what they mean for its sockets and frames."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sandbox import faults
from sandbox.deribit import wire
from sandbox.deribit.records import GREEKS, TICKER_VALUES
from sandbox.emission import Channel
from sandbox.faults import Fault, Kinds
from sandbox.troubles import Afflictions
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.deribit.venue import Deribit

DISGUISES: faults.Fields = {
    "exponents": {"channel": None, "symbol": None},
    "unknown_fields": {"channel": None, "symbol": None},
    "unknown_state": {"channel": "ticker", "symbol": None, "state": "hibernating"},
    "missing_fields": {"channel": "ticker", "symbol": None, "keys": ["greeks", "stats"]},
}
#: field of a ticker -> columns of its record, where they are called otherwise
RECORDED_AS = {"greeks": GREEKS, "stats": ("volume",), "current_funding": ("funding",)}
KINDS = Kinds(
    timed=faults.TIMED | {"no_heartbeat": {}},
    counted=faults.frame_kinds("trades")
    | faults.COUNTED
    | DISGUISES
    | {
        "broken_chain": {"channel": "book", "symbol": None},
        "nulls": {"symbol": None},
        "omit": {"names": None},
        "expire_on_subscribe": {"symbol": None},
        "too_many_requests": {},
        "short_page": {},
    },
    instant=faults.INSTANT | {"heartbeat_close": {"route": None}, "expire": {"symbol": None}},
)


class Troubles(Afflictions):
    def __init__(self, venue: "Deribit") -> None:
        super().__init__(venue)
        self._venue = venue

    def begin(self, fault: Fault) -> None:
        if fault.kind == "maintenance":
            self._venue.timers.platform({"maintenance": True})
            for socket in self._venue.hub.sockets:
                if socket.out:
                    socket.flush(self._venue.clock.now_us())
        super().begin(fault)
        if fault.kind == "expire":
            self._venue.expiry.end_now(fault.fields["symbol"])
            fault.take()
        if fault.kind == "heartbeat_close":
            for socket in self.chosen(fault):
                socket.close(4000, "heartbeat close", "heartbeat_close")
            fault.remaining = 0

    def forced(self, channel: Channel) -> int | None:
        return self.reordered(channel) if self._venue.faults.active else None

    def empty_sides(self, batch: np.ndarray) -> None:
        """`nulls`: quotes lose their bid before they are recorded."""
        for fault in self._venue.faults.of("nulls"):
            rows = self._struck_rows(fault, batch)
            batch["bid"][rows] = batch["bid_quantity"][rows] = 0.0
            symbols = batch["symbol"][rows]
            self._venue.market.bid[symbols] = self._venue.market.bid_lots[symbols] = 0
            fault.take(len(rows))

    def forget_fields(self, batch: np.ndarray) -> None:
        """`missing_fields`: what tickers will not say is not recorded either; `disguised` strikes the same rows."""
        for fault in self._venue.faults.of("missing_fields", channel="ticker"):
            rows = self._struck_rows(fault, batch)
            for key in fault.fields["keys"]:
                for column in RECORDED_AS.get(key, (key,)):
                    if column in TICKER_VALUES:
                        batch[column][rows] = np.nan

    def _struck_rows(self, fault: Fault, batch: np.ndarray) -> np.ndarray:
        hit = (batch["delivered"] > 0) & (batch["fault"] == 0)
        if fault.fields["symbol"] is not None:
            hit &= batch["symbol"] == self._venue.index.get(fault.fields["symbol"], -1)
        return np.flatnonzero(hit)[: fault.remaining]

    def disguised(self, channel: str, batch: np.ndarray, payloads: list[bytes]) -> list[bytes]:
        """Frames in a shape that is allowed and seldom seen: readers must take them all the same."""
        if not self._venue.faults.active:
            return payloads
        for kind in DISGUISES:
            for fault in self._venue.faults.of(kind, channel=channel):
                change = disguise(fault)
                rows = self._struck_rows(fault, batch)
                for row in rows.tolist():
                    payloads[row] = change(payloads[row])
                fault.take(len(rows))
        return payloads

    def unknown_frames(self, now_us: int) -> None:
        """Notifications of a channel that no document names; they are no records, so a line tells where they went."""
        for fault in list(self._venue.faults.of("unknown")):
            for socket in self._venue.hub.sockets:
                spent = fault.remaining is not None and fault.remaining <= 0
                if spent or socket.muted or not socket.streams:
                    continue
                body = wire.notification("unheard.of.raw", b'{"timestamp":%d,"x":{"y":[1,"2"]}}' % (now_us // 1000))
                socket.out.append(text_frame(body))
                fault.take()
                self.note("injected", kind="unknown", fault=fault.id, socket=socket.number, text=body.decode())


def disguise(fault: Fault) -> Callable[[bytes], bytes]:
    if fault.kind == "unknown_state":
        return lambda payload: wire.with_state(payload, str(fault.fields["state"]))
    if fault.kind == "missing_fields":
        return lambda payload: wire.without(payload, list(fault.fields["keys"]))
    return wire.with_exponents if fault.kind == "exponents" else wire.with_unknown_fields
