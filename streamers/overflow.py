"""What Redis refuses: kept on disk in order, and, beyond the disk's bound, counted loss at its place among what was kept.

Only frames are shed. A session event waits in memory until there is room, behind the loss that goes before it.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence

from core.journal import HEARTBEAT, LOST, StreamName, event_fields
from streamers.batcher import Batch
from streamers.spool import Spool

log = logging.getLogger(__name__)

Entry = tuple[StreamName, Mapping[bytes, bytes]]


class Loss:
    """A run of shed batches of one connection. Its event takes the number of the last of them, so that numbers stay without a hole."""

    def __init__(self, first: Batch) -> None:
        self.first = self.last = first
        self.frames = 0
        self.bytes = 0

    def add(self, batch: Batch) -> None:
        self.last = batch
        self.frames += len(batch.frames)
        self.bytes += batch.bytes

    def entry(self) -> Entry:
        context = {
            "cause": "spool_full",
            "frames": self.frames,
            "bytes": self.bytes,
            "first_us": self.first.first_us,
            "last_us": self.last.last_us,
            "first_batch": self.first.batch_no,
            "last_batch": self.last.batch_no,
        }
        return self.first.stream, event_fields(LOST, self.first.connection_id, self.last.batch_no, self.last.last_us, context)


class Overflow:
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        # What found no room, in order; bounded: losses merge, and a connection has a handful of events.
        self._held: deque[Loss | Entry] = deque()
        self._open: dict[str, Loss] = {}
        self.lost_frames = 0

    @property
    def behind(self) -> bool:
        """Something waits here, so that newer batches must queue behind it."""
        return bool(self._held) or not self._spool.empty

    def put(self, items: Sequence[tuple[Batch, Entry]]) -> None:
        if self._held and self._spool.roomy:
            self._release(beyond=False)
        kept = 0 if self._held else self._spool.append([encode(entry) for _, entry in items])
        for batch, entry in items[kept:]:
            self._hold(batch, entry)

    def read(self, max_bytes: int) -> list[Entry]:
        """The oldest entries; they stay until `advance`."""
        records = self._spool.read(max_bytes)
        if records:
            return [decode(record) for record in records]
        return [_entry(held) for held in self._held]

    def advance(self) -> None:
        if self._spool.empty:
            self._forget(len(self._held))
        else:
            self._spool.advance()

    def secure(self) -> None:
        """Before leaving: what is held goes to disk, beyond the bound if need be; it is small."""
        self._release(beyond=True)

    def _release(self, *, beyond: bool) -> None:
        self._forget(self._spool.append([encode(_entry(held)) for held in self._held], beyond=beyond))

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._held.popleft()
        if count:
            self._open.clear()

    def _hold(self, batch: Batch, entry: Entry) -> None:
        if batch.event and batch.event != HEARTBEAT:
            self._open.pop(batch.connection_id, None)
            self._held.append(entry)
            return
        loss = self._open.get(batch.connection_id)
        if loss is None:
            log.error("frames are shed, the spool has no room stream=%s spool_bytes=%d", batch.stream, self._spool.size_bytes)
            loss = self._open[batch.connection_id] = Loss(batch)
            self._held.append(loss)
        loss.add(batch)
        self.lost_frames += len(batch.frames)


def _entry(held: Loss | Entry) -> Entry:
    return held.entry() if isinstance(held, Loss) else held


def encode(entry: Entry) -> bytes:
    stream, fields = entry
    name, header = str(stream).encode(), fields[b"h"]
    return b"".join((len(name).to_bytes(2, "little"), len(header).to_bytes(4, "little"), name, header, fields.get(b"b", b"")))


def decode(record: bytes) -> Entry:
    name_size, header_size = int.from_bytes(record[:2], "little"), int.from_bytes(record[2:6], "little")
    header_at = 6 + name_size
    body_at = header_at + header_size
    fields = {b"h": record[header_at:body_at]}
    if len(record) > body_at:
        fields[b"b"] = record[body_at:]
    return StreamName.parse(record[6:header_at].decode()), fields
