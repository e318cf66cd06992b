"""Trades and quotes from the model to the ledger and to the sockets, with the faults that hit single frames.

`delivered` and `fault` of a record are settled before the ledger is written, and the ledger before any socket.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sandbox.faults import Faults
from sandbox.sockets import Socket
from sandbox.wsframes import HEADERS, text_frame

NONE, TORN, SKIPPED, REPEATED, REORDERED, CORRUPTED, UNCHAINED, TORN_UTF8 = range(8)
CODES = {
    "torn": TORN,
    "skip": SKIPPED,
    "repeat": REPEATED,
    "reorder": REORDERED,
    "corrupt": CORRUPTED,
    "broken_chain": UNCHAINED,
    "torn_utf8": TORN_UTF8,
}
SINGLE = ("skip", "torn", "torn_utf8", "corrupt", "repeat", "broken_chain")  # kinds that strike one event at a time
CODE_NAMES = {SKIPPED: "withheld", **{code: name for name, code in CODES.items() if code != SKIPPED}}


class Targets:
    """Who gets one busy channel, per instrument: as lists for the writer and as counts for the ledger."""

    def __init__(self) -> None:
        self.sockets: list[tuple[Socket, ...]] = []
        self.live = np.zeros(0, np.uint16)  # sockets that would be written to
        self.wanted = np.zeros(0, np.uint16)  # sockets subscribed, withheld ones too

    def rebuild(self, listeners: Mapping[int, Iterable[Socket]], size: int, silenced: Callable[[Socket], bool]) -> None:
        self.sockets = [()] * size
        self.live, self.wanted = np.zeros(size, np.uint16), np.zeros(size, np.uint16)
        for symbol, sockets in listeners.items():
            live = tuple(socket for socket in sockets if not silenced(socket))
            self.sockets[symbol] = live
            self.live[symbol] = len(live)
            self.wanted[symbol] = sum(not socket.closing for socket in sockets)


@dataclass
class Channel:
    """A busy per-instrument channel: its columns, its templates and its listeners."""

    name: str
    columns: Callable[[np.ndarray], list[Any]]
    corrupted: Callable[[str, int, bytes], bytes]  # (channel, turn, payload) -> valid JSON with one impossible value
    templates: list[bytes] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)  # head of the combined form
    targets: Targets = field(default_factory=Targets)

    def add(self, template: bytes, prefix: bytes = b"") -> None:
        self.templates.append(template)
        self.prefixes.append(prefix)

    def payloads(self, batch: np.ndarray) -> list[bytes]:
        templates, rows = self.templates, zip(*self.columns(batch), strict=True)
        return [templates[symbol] % row for symbol, row in zip(batch["symbol"].tolist(), rows, strict=True)]


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
    for kind in SINGLE:
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
    targets, prefixes, headers = channel.targets.sockets, channel.prefixes, HEADERS
    for symbol, payload in zip(batch["symbol"].tolist(), channel.payloads(batch), strict=True):
        for socket in targets[symbol]:
            body = prefixes[symbol] + payload + b"}" if socket.combined else payload
            socket.out.append(headers[len(body)])
            socket.out.append(body)


def push_afflicted(batch: np.ndarray, channel: Channel) -> None:
    """The same, frame by frame, doing to each what its fault says."""
    rows = list(zip(batch["symbol"].tolist(), batch["fault"].tolist(), channel.payloads(batch), strict=True))
    swapped = [i for i, row in enumerate(rows) if row[1] == REORDERED]
    for i, row in zip(swapped, [rows[j] for j in reversed(swapped)], strict=True):
        rows[i] = row
    for turn, (symbol, fault, payload) in enumerate(rows):
        sound = channel.corrupted(channel.name, turn, payload) if fault == CORRUPTED else payload
        for socket in channel.targets.sockets[symbol]:
            body = channel.prefixes[symbol] + sound + b"}" if socket.combined else sound
            socket.out += faulty(body, fault)


def faulty(body: bytes, fault: int) -> list[bytes]:
    """The frames of one payload: half of it, twice, or just so."""
    if fault in (TORN, TORN_UTF8):
        body = body[: len(body) // 2].decode("utf-8", "ignore").encode()
    if fault == TORN_UTF8:  # over half a character a strict client closes its socket
        body += "é".encode()[:1]
    frame = text_frame(body)
    return [frame, frame] if fault == REPEATED else [frame]


def send(batch: np.ndarray, channel: Channel) -> None:
    """What of a batch was settled to be delivered."""
    sent = batch[batch["delivered"] > 0]
    if len(sent):
        (push_afflicted if sent["fault"].any() else push)(sent, channel)
