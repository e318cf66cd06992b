"""The thread that packs batches and appends them to the journal in order. It never sees a socket.

Journal first; whatever Redis refuses goes to the overflow, which is replayed before anything newer once Redis takes writes again.
Before anything is appended to a Redis that was away, what it has lost since is appended again from the ring.
A repeat is harmless: readers know a batch by its connection id and number.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from random import Random
from time import monotonic

from core.journal import Journal, Mark, Wiped, data_fields, event_fields
from core.redisdb import RedisError
from streamers.backoff import delays
from streamers.batcher import Batch
from streamers.overflow import Entry, Overflow
from streamers.ring import Ring

log = logging.getLogger(__name__)

#: Frames of one round trip: enough to catch up fast, small beside any memory bound.
GROUP_BYTES = 4 << 20
PROBE_FIRST_SECONDS = 0.1
PROBE_CAP_SECONDS = 3.0


class Publisher:
    """`put` and `stop` belong to the event loop; `on_pause` is called in `put`, `on_resume` from the thread."""

    def __init__(
        self,
        who: str,
        journal: Journal,
        ring: Ring,
        overflow: Overflow,
        *,
        queue_max_bytes: int,
        on_pause: Callable[[], None],
        on_resume: Callable[[], None],
    ) -> None:
        self._who, self._journal, self._ring = who, journal, ring
        self._overflow = overflow
        self._queue_max_bytes = queue_max_bytes
        self._on_pause, self._on_resume = on_pause, on_resume
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        # Two counters, each written by one thread only: their difference is what waits.
        self._put_bytes = self._done_bytes = 0
        self.paused = False
        self.last_error = ""
        self._random = Random()
        self._probes: Iterator[float] | None = None
        self._probe_at = 0.0
        # Whether Redis may hold less than we appended: raised by the loop, settled by the thread, each with a number of its own.
        self._doubts, self._doubts_settled = 1, 0
        self._stopping = False
        # Guards the overflow between the thread and a `stop` that has run out of patience.
        self._overflow_lock = threading.Lock()
        self._in_flight: list[Batch] = []
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    @property
    def queue_bytes(self) -> int:
        return self._put_bytes - self._done_bytes

    @property
    def idle(self) -> bool:
        """Everything put so far is in the journal: whoever puts may take another way now without overtaking anything."""
        return self._put_bytes == self._done_bytes and not self._behind

    @property
    def _behind(self) -> bool:
        return self._doubts != self._doubts_settled or self._overflow.behind

    @property
    def lost_frames(self) -> int:
        return self._overflow.lost_frames

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def put(self, batch: Batch) -> None:
        self._put_bytes += batch.memory_bytes
        self._queue.put(batch)
        if not self.paused and self.queue_bytes > self._queue_max_bytes:
            self.paused = True
            self._on_pause()

    def doubt(self) -> None:
        """The connection to Redis was lost: what it holds is to be looked at before anything is appended."""
        self._doubts += 1
        self._queue.put(None)

    def hurry(self) -> None:
        """Redis has just been seen to answer: what waits need not wait for the next probe."""
        self._probe_at = 0.0
        self._queue.put(None)

    def stop(self, *, patience_seconds: float) -> None:
        """Everything put so far is in the journal or on disk when this returns."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join(patience_seconds)
        with self._overflow_lock:
            self._abandoned = True
            rest = [*self._in_flight, *self._drained()]
            if rest:
                log.warning("redis did not answer in time, the rest goes to the spool batches=%d", len(rest))
                self._overflow.put([(batch, packed(batch)) for batch in rest])
            self._overflow.secure()

    def _run(self) -> None:
        while True:
            group = self._take()
            if group:
                self._store(group)
                self._in_flight = []
                self._account(group)
            if self._abandoned or (self._stopping and self._queue.empty()):
                self._replay_before_leaving()
                return
            if self._behind and monotonic() >= self._probe_at:
                self._replay()

    def _take(self) -> list[Batch]:
        """What waits, up to a group; waits for the first batch, but no longer than until Redis is to be probed."""
        wait = max(0.0, self._probe_at - monotonic()) if self._behind else None
        group = self._in_flight = []
        size = 0
        try:
            batch = self._queue.get(timeout=wait) if wait != 0.0 else self._queue.get_nowait()
            while True:
                if batch is not None:
                    group.append(batch)
                    size += batch.bytes
                if size >= GROUP_BYTES:
                    return group
                batch = self._queue.get_nowait()
        except queue.Empty:
            return group

    def _drained(self) -> list[Batch]:
        batches = []
        while not self._queue.empty():
            batch = self._queue.get_nowait()
            if batch is not None:
                batches.append(batch)
        return batches

    def _account(self, group: Sequence[Batch]) -> None:
        self._done_bytes += sum(batch.memory_bytes for batch in group)
        if self.paused and self.queue_bytes <= self._queue_max_bytes // 2:
            self._on_resume()

    def _store(self, group: Sequence[Batch]) -> None:
        entries = [packed(batch) for batch in group]
        if not self._overflow.behind and self._appended(entries):
            return
        with self._overflow_lock:
            if not self._abandoned:
                self._overflow.put(list(zip(group, entries, strict=True)))

    def _replay(self) -> bool:
        """What Redis has lost, then one stretch of the overflow, oldest first; false when Redis does not take it."""
        with self._overflow_lock:
            entries = [] if self._abandoned else self._overflow.read(GROUP_BYTES)
        if not self._appended(entries):
            return False
        with self._overflow_lock:
            if not self._abandoned:
                self._overflow.advance()
        return True

    def _replay_before_leaving(self) -> None:
        """Once Redis refuses, what remains is safe on disk and belongs to the next process."""
        while not self._abandoned and self._overflow.behind and self._replay():
            pass

    def _appended(self, entries: Sequence[Entry]) -> bool:
        try:
            if self._doubts != self._doubts_settled:
                self._make_good()
            if entries:
                new, mark = self._ring.begin(entries)
                self._ring.confirm(entries, self._journal.add(entries, new=new, mark=Mark(self._who, mark)))
        except RedisError as exc:
            self._refused(exc)
            return False
        if self._probes is not None:
            log.info("redis takes writes again")
            self._probes = None
        return True

    def _make_good(self) -> None:
        """Append again what Redis has lost of what it had. The mark moves with it, so that an attempt that fails is not begun anew."""
        doubts = self._doubts
        held = self._ring.held(self._journal.mark(self._who))
        if not self._ring.known:
            self._set_mark(0)
        for groups in self._ring.missing(held, GROUP_BYTES):
            entries = [entry for group in groups for entry in group.entries]
            streams = {stream for stream, _ in entries}
            floors = self._ring.floors(self._journal.reached(streams))
            log.warning("redis has lost what it had, it is appended again who=%s entries=%d", self._who, len(entries))
            self._ring.note(entries, self._journal.add(entries, new=streams - self._ring.known, floors=floors))
            self._set_mark(groups[-1].number)
        self._doubts_settled = doubts

    def _set_mark(self, number: int) -> None:
        self._journal.set_mark(Mark(self._who, self._ring.mark(number)))

    def _refused(self, error: RedisError) -> None:
        if isinstance(error, Wiped):
            self._ring.forget_streams()
        self._doubts_settled = -1
        self.last_error = f"{type(error).__name__}: {error}"
        if self._probes is None:
            log.warning("redis refuses, batches go to the spool error=%s", self.last_error)
            self._probes = delays(self._random, first_seconds=PROBE_FIRST_SECONDS, cap_seconds=PROBE_CAP_SECONDS)
        self._probe_at = monotonic() + next(self._probes)


def packed(batch: Batch) -> Entry:
    if batch.event:
        return batch.stream, event_fields(batch.event, batch.connection_id, batch.batch_no, batch.first_us, batch.context)
    return batch.stream, data_fields(batch.connection_id, batch.batch_no, batch.frames, batch.received_us)
