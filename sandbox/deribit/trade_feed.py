"""Trades on their way to the sockets: one array a beat and channel, by instrument or by kind and currency.

A trade that a fault strikes travels in a frame of its own, so that the fault costs no other trade.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sandbox.deribit import wire
from sandbox.deribit.channels import covers
from sandbox.emission import CORRUPTED, NONE, REORDERED, Channel, faulty
from sandbox.sockets import Socket

if TYPE_CHECKING:
    from sandbox.deribit.venue import Deribit


class Route(NamedTuple):
    name: str
    covered: np.ndarray  # per instrument
    sockets: tuple[Socket, ...]


class TradeFeed:
    def __init__(self, venue: "Deribit") -> None:
        self._venue = venue
        self.channel = Channel("trades", lambda _: [], wire.corrupted)
        self._wide: list[Route] = []
        self._single: dict[int, list[Route]] = {}

    def rebuild(self) -> None:
        venue, targets = self._venue, self.channel.targets
        size = len(venue.names)
        targets.live, targets.wanted = np.zeros(size, np.uint16), np.zeros(size, np.uint16)
        self._wide, self._single = [], defaultdict(list)
        for channel, sockets in venue.hub.feed("trades"):
            live = tuple(socket for socket in sockets if not venue.troubles.silenced("trades", socket))
            wanted = sum(not socket.closing for socket in sockets)
            if channel.symbol >= 0:
                targets.live[channel.symbol] += len(live)
                targets.wanted[channel.symbol] += wanted
                self._single[channel.symbol].append(Route(channel.name, np.zeros(0, bool), live))
            else:
                covered = np.array([covers(channel, listing) for listing in venue.listings])
                targets.live[covered] += len(live)
                targets.wanted[covered] += wanted
                self._wide.append(Route(channel.name, covered, live))

    def send(self, batch: np.ndarray) -> None:
        batch = batch[batch["delivered"] > 0]
        if not len(batch):
            return
        rows = [wire.encode(row) for row in wire.trades(batch, self._venue.listings)]
        rows = self._venue.troubles.disguised("trades", batch, rows)
        faults = batch["fault"].tolist()
        for route in self._wide:
            self._write(route, np.flatnonzero(route.covered[batch["symbol"]]).tolist(), rows, faults)
        places: dict[int, list[int]] = defaultdict(list)
        for place, symbol in enumerate(batch["symbol"].tolist()):
            if symbol in self._single:
                places[symbol].append(place)
        for symbol, found in places.items():
            for route in self._single[symbol]:
                self._write(route, found, rows, faults)

    def _write(self, route: Route, places: list[int], rows: list[bytes], faults: list[int]) -> None:
        if places and route.sockets:
            frames = array_frames(route.name, [(rows[place], faults[place]) for place in places])
            for socket in route.sockets:
                socket.out += frames


def array_frames(name: str, rows: list[tuple[bytes, int]]) -> list[bytes]:
    """The trades of a beat as one array, or as several where single ones are torn, repeated or corrupted."""
    swapped = [place for place, (_, fault) in enumerate(rows) if fault == REORDERED]
    for place, changed in zip(swapped, [rows[other] for other in reversed(swapped)], strict=True):
        rows[place] = changed
    frames: list[bytes] = []
    together: list[bytes] = []

    def flush() -> None:
        if together:
            frames.extend(faulty(wire.notification(name, b"[" + b",".join(together) + b"]"), NONE))
            together.clear()

    for turn, (row, fault) in enumerate(rows):
        if fault in (NONE, REORDERED):
            together.append(row)
            continue
        flush()
        body = wire.corrupted("trades", turn, row) if fault == CORRUPTED else row
        frames.extend(faulty(wire.notification(name, b"[" + body + b"]"), fault))
    flush()
    return frames
