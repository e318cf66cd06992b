"""Which faults the simulated Kalshi knows, and what they mean for its sockets, numbers and markets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sandbox import faults
from sandbox.emission import Channel
from sandbox.faults import Fault, Kinds
from sandbox.kalshi import wire
from sandbox.kalshi.subscriptions import CHANNELS, Subscription
from sandbox.troubles import Afflictions
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi

OVERFLOW, CHANNEL_ERROR = 25, 10
ENDS = {"overflow": (OVERFLOW, "Subscription buffer overflow"), "channel_error": (CHANNEL_ERROR, "Channel error")}
KINDS = Kinds(
    timed=faults.TIMED
    | {
        "maintenance": {"notice_seconds": 0.0},
        "trading_pause": {},
        "pause": {"symbol": None},
        "fee_override": {"symbol": None, "fee_type": "quadratic", "fee_multiplier": 0.5},
        "no_ping": {},
    },
    counted=faults.frame_kinds("trade")
    | faults.COUNTED
    | {
        "unknown_fields": {"channel": None, "symbol": None},
        "seq_gap": {"channel": "orderbook_delta", "size": 3},
        "overflow": {"channel": "orderbook_delta"},
        "channel_error": {"channel": "orderbook_delta"},
        "unauthorized": {},
        "shifted_page": {},
        "dispute": {},
    },
    instant=faults.INSTANT | {"close_early": {"symbol": None}, "amend": {"symbol": None}, "regrid": {"symbol": None}},
)


class Troubles(Afflictions):
    def __init__(self, venue: "Kalshi") -> None:
        super().__init__(venue)
        self._venue = venue

    def begin(self, fault: Fault) -> None:
        if fault.kind == "maintenance":
            assert fault.until_us is not None
            # the bound counts from the beginning of the window, not from its announcement
            fault.fields["starts_us"] = self._venue.clock.now_us() + int(float(fault.fields["notice_seconds"]) * 1e6)
            fault.until_us += fault.fields["starts_us"] - self._venue.clock.now_us()
            self._venue.commands.windows.append((fault.fields["starts_us"], fault.until_us))
            self.begin_maintenance(self._venue.clock.now_us())
            return
        super().begin(fault)
        if fault.kind in self._venue.faults.kinds.instant and fault.kind != "drop":
            fault.take()
        self._venue.commands.begin(fault)

    def changed(self, fault: Fault) -> None:
        super().changed(fault)
        if fault.ended is not None:
            self._venue.commands.over(fault)

    # --- maintenance

    def maintained(self) -> Fault | None:
        """The maintenance that is on now; one that is only announced does not count."""
        now_us = self._venue.clock.now_us()
        return next((fault for fault in self._venue.faults.of("maintenance") if fault.fields["starts_us"] <= now_us), None)

    def begin_maintenance(self, now_us: int) -> None:
        """Sockets end when a window begins; asked on every tick while one is announced."""
        for fault in self._venue.faults.of("maintenance"):
            for socket in self._venue.hub.sockets if fault.fields["starts_us"] <= now_us else ():
                fault.injected += not socket.closing
                socket.drop("maintenance")

    # --- numbers and subscriptions

    def break_numbers(self, channel: str, listeners: Sequence[Subscription]) -> None:
        """`seq_gap`: numbers that no message ever had."""
        if not (self._venue.faults.active and CHANNELS[channel] and listeners):
            return
        fault = self._venue.faults.first("seq_gap", channel=channel)
        if fault:
            fault.take()
            for one in listeners:
                one.seq += int(fault.fields["size"])

    def end_subscriptions(self, now_us: int) -> None:
        """`overflow` and `channel_error`: a subscription ends, and its socket goes on."""
        for kind, (code, text) in ENDS.items():
            for fault in list(self._venue.faults.of(kind)):
                for channel in CHANNELS if fault.fields["channel"] is None else [fault.fields["channel"]]:
                    for one in list(self._venue.hub.all(channel)):
                        if (fault.remaining or 0) > 0 or fault.until_us is not None:
                            fault.take()
                            self._venue.end(one, code, text, now_us)

    # --- single messages

    def forced(self, channel: Channel) -> int | None:
        return self.reordered(channel) if self._venue.faults.active else None

    def disguised(self, channel: str, batch: np.ndarray, bodies: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Messages with fields that nobody documented: readers must take them all the same."""
        if not self._venue.faults.active:
            return bodies
        for fault in self._venue.faults.of("unknown_fields", channel=channel):
            hit = (batch["delivered"] > 0) & (batch["fault"] == 0)
            if fault.fields["symbol"] is not None:
                hit &= batch["symbol"] == self._venue.index.get(fault.fields["symbol"], -1)
            for row in np.flatnonzero(hit)[: fault.remaining].tolist():
                plain, yes = bodies[row]
                bodies[row] = wire.with_unknown_fields(plain), wire.with_unknown_fields(yes)
                fault.take()
        return bodies

    def unknown_frames(self, now_us: int) -> None:
        """Messages of a type that no document names; they are no records, so a line tells where they went."""
        for fault in list(self._venue.faults.of("unknown")):
            for socket in self._venue.hub.sockets:
                spent = fault.remaining is not None and fault.remaining <= 0
                if spent or socket.muted or not socket.streams:
                    continue
                body = wire.frame("unheard_of", 0, None, b'{"x":{"y":[1,"2"]}}', now_us // 1000)
                socket.out.append(text_frame(body))
                fault.take()
                self.note("injected", kind="unknown", fault=fault.id, socket=socket.number, text=body.decode())
