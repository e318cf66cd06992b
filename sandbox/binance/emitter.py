"""Trades and quotes from the model to the ledger and to the sockets, with the faults that hit single frames.

`delivered` and `fault` of a record are settled before the ledger is written, and the ledger before any socket.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sandbox.binance import wire
from sandbox.binance.streams import Targets
from sandbox.faults import Faults
from sandbox.sockets import Socket
from sandbox.wsframes import HEADERS, text_frame

NONE, TORN, SKIPPED, REPEATED, REORDERED, CORRUPTED = range(6)
CODES = {"torn": TORN, "skip": SKIPPED, "repeat": REPEATED, "reorder": REORDERED, "corrupt": CORRUPTED}
CODE_NAMES = {SKIPPED: "withheld", **{code: name for name, code in CODES.items() if code != SKIPPED}}


@dataclass
class Channel:
    """A busy per-instrument channel: its columns, its templates and its listeners."""

    name: str
    columns: Callable[[np.ndarray], list[Any]]
    templates: list[bytes] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    targets: Targets = field(default_factory=Targets)

    def add(self, stream_symbol: str, template: bytes) -> None:
        self.templates.append(template)
        self.prefixes.append(b'{"stream":"' + f"{stream_symbol}@{self.name}".encode() + b'","data":')


@dataclass
class Counts:
    emitted: int = 0
    delivered: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    def add(self, batch: np.ndarray) -> None:
        self.emitted += len(batch)
        self.delivered += int(np.count_nonzero(batch["delivered"]))
        if batch["fault"].any():
            for code, count in zip(*np.unique(batch["fault"], return_counts=True), strict=True):
                if code:
                    name = CODE_NAMES[int(code)]
                    self.faults[name] = self.faults.get(name, 0) + int(count)


def settle(batch: np.ndarray, targets: Targets, frozen: np.ndarray | None) -> None:
    """Who would get each event; one that nobody gets although somebody asked counts as withheld."""
    symbols = batch["symbol"]
    live = targets.live[symbols]
    batch["delivered"] = live
    batch["fault"][(live == 0) & (targets.wanted[symbols] > 0)] = SKIPPED
    if frozen is not None:
        hit = frozen[symbols]
        batch["delivered"][hit] = 0
        batch["fault"][hit] = SKIPPED


def afflict(batch: np.ndarray, channel: str, faults: Faults, index: dict[str, int], forced: int | None) -> None:
    """Mark the frames that counted faults hit; only frames that somebody would get use a fault up."""
    if forced is not None:
        hit = (batch["symbol"] == forced) & (batch["delivered"] > 0)
        batch["fault"][hit] = REORDERED
        fault = faults.first("reorder", channel=channel)
        if fault and hit.any():
            fault.take(int(hit.sum()))
    for kind in ("skip", "torn", "corrupt", "repeat"):
        for fault in faults.of(kind, channel=channel):
            open_rows = (batch["delivered"] > 0) & (batch["fault"] == NONE)
            if fault.fields["symbol"] is not None:
                open_rows &= batch["symbol"] == index.get(fault.fields["symbol"], -1)
            rows = np.flatnonzero(open_rows)[: fault.remaining]
            batch["fault"][rows] = CODES[kind]
            if kind == "skip":
                batch["delivered"][rows] = 0
            if len(rows):
                fault.take(len(rows))


def push(batch: np.ndarray, channel: Channel) -> None:
    """Frames of a batch without frame faults, to the outboxes of their listeners."""
    targets, templates, prefixes, headers = channel.targets.sockets, channel.templates, channel.prefixes, HEADERS
    for symbol, row in zip(batch["symbol"].tolist(), zip(*channel.columns(batch), strict=True), strict=True):
        payload = templates[symbol] % row
        for socket in targets[symbol]:
            body = prefixes[symbol] + payload + b"}" if socket.combined else payload
            socket.out.append(headers[len(body)])
            socket.out.append(body)


def push_afflicted(batch: np.ndarray, channel: Channel) -> None:
    """The same, frame by frame, doing to each what its fault says."""
    rows = list(zip(batch["symbol"].tolist(), batch["fault"].tolist(), zip(*channel.columns(batch), strict=True), strict=True))
    swapped = [i for i, row in enumerate(rows) if row[1] == REORDERED]
    for i, row in zip(swapped, [rows[j] for j in reversed(swapped)], strict=True):
        rows[i] = row
    for turn, (symbol, fault, row) in enumerate(rows):
        template = channel.templates[symbol]
        payload = template % row
        if fault == CORRUPTED:
            payload = wire.corrupted(channel.name, turn, row, template)
        for socket in channel.targets.sockets[symbol]:
            socket.out += _frames(socket, channel.prefixes[symbol], payload, fault)


def _frames(socket: Socket, prefix: bytes, payload: bytes, fault: int) -> list[bytes]:
    body = prefix + payload + b"}" if socket.combined else payload
    if fault == TORN:
        body = body[: len(body) // 2]
        # half a character would be bad UTF-8, and the client's library would close the socket over it
        body = body.decode("utf-8", "ignore").encode()
    frame = text_frame(body)
    return [frame, frame] if fault == REPEATED else [frame]
