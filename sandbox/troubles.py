"""What the active faults mean for sockets and instruments, at any venue."""

from typing import Protocol

import numpy as np

from sandbox.emission import Channel
from sandbox.faults import Fault, Faults
from sandbox.ledger import Ledger
from sandbox.sockets import Socket


class Clocked(Protocol):
    def now_us(self) -> int: ...


class Sockets(Protocol):
    sockets: set[Socket]
    dirty: bool


class Afflicted(Protocol):
    """What faults strike."""

    names: list[str]
    index: dict[str, int]
    faults: Faults

    @property
    def hub(self) -> Sockets: ...
    @property
    def clock(self) -> Clocked: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def trading(self) -> np.ndarray: ...


class Afflictions:
    """State that follows from the faults: frozen instruments, stalled and deaf sockets."""

    def __init__(self, struck: Afflicted) -> None:
        self._struck = struck
        self.frozen: np.ndarray | None = None  # per instrument, None while nothing is frozen
        self.all_frozen = False

    def note(self, event: str, **fields: object) -> None:
        self._struck.ledger.faults.add(self._struck.clock.now_us(), event, **fields)

    def silenced(self, channel: str, socket: Socket) -> bool:
        silenced = self._struck.faults.first("silence_route", route=socket.route, channel=channel)
        return socket.muted or silenced is not None

    def is_frozen(self, symbol: int) -> bool:
        return self.frozen is not None and bool(self.frozen[symbol])

    def changed(self, fault: Fault) -> None:
        """Bring sockets and routing in line with the faults that are active now."""
        hub = self._struck.hub
        hub.dirty = True
        if fault.ended is None:
            self.begin(fault)
        for socket in hub.sockets:
            self.apply_to(socket)
        self.freeze()

    def begin(self, fault: Fault) -> None:
        """What happens at once."""
        if fault.kind in ("drop", "maintenance"):
            for socket in self.chosen(fault):
                socket.drop(fault.kind)
        if fault.kind == "drop":
            fault.remaining = 0

    def chosen(self, fault: Fault) -> list[Socket]:
        """Sockets on the route of a fault, counted as struck."""
        found = [socket for socket in self._struck.hub.sockets if fault.fields.get("route") in (None, socket.route)]
        fault.injected += len(found)
        return found

    def apply_to(self, socket: Socket) -> None:
        faults = self._struck.faults
        socket.stalled = faults.first("stall", route=socket.route) is not None
        socket.hear(deaf=faults.first("half_open", route=socket.route) is not None)

    def freeze(self) -> None:
        freezes = list(self._struck.faults.of("freeze"))
        self.all_frozen = any(fault.fields["symbols"] is None for fault in freezes)
        if not freezes:
            self.frozen = None
            return
        self.frozen = np.full(len(self._struck.names), self.all_frozen)
        named = {name for fault in freezes for name in fault.fields["symbols"] or ()}
        self.frozen[[self._struck.index[name] for name in named if name in self._struck.index]] = True

    def reordered(self, channel: Channel) -> int | None:
        """An instrument that must have two events at once, so that they can change places."""
        fault = self._struck.faults.first("reorder", channel=channel.name)
        if fault is None:
            return None
        live = channel.targets.live * self._struck.trading
        if self.frozen is not None:
            live[self.frozen] = 0
        symbol = self._struck.index.get(fault.fields["symbol"], int(np.argmax(live)))
        return symbol if live[symbol] else None
