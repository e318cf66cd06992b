"""One turn of draining a group of streams: read on, digest, commit, trim; decoding the next batch while the last one is written."""

import logging
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from core import journal as journals
from core.board import Board
from core.journal import Journal, StreamName
from core.matched import Matched
from core.records import KINDS
from core.redisdb import OutOfMemory
from core.settings import Settings
from db import engine, offsets
from db.evidence import UNHEARD, doubted, doubted_for
from db.instruments import InstrumentIds, last_of_sequence
from db.touched import Touched
from db.writing import Batch, Work, commit, prepare
from tasks import book_state, digest, lifecycle, tally
from tasks.books import Books
from tasks.continuity import Chain, Sockets
from tasks.continuity import Sequence as IdSequence
from tasks.lag import Lag
from tasks.reader import RawEntry, Reader, join
from tasks.tally import Received
from tasks.trimming import Trimmer
from tasks.watched import Watch
from venues import VENUES

log = logging.getLogger(__name__)

#: A drain blocked in a read looks up this often: to notice a shutdown, the end of its turn, a failed commit.
BLOCK_MS = 500
TRIM_SECONDS = 0.25
#: A drain that dies costs its successor the reading of so much journal.
KEEP_BOOKS_SECONDS = 5.0
#: The commit thread asks for the interpreter some ten times a batch and would wait 5 ms, Python's default, each time.
SWITCH_SECONDS = 0.0002
REPORT_SECONDS = 2.0
#: The whole state that was asked for may itself come torn, or be asked for on a connection that was just ending.
ASK_AGAIN_SECONDS = 10.0
#: Entries of one stream in one read, whatever their size: bounds memory when entries are tiny.
MAX_ENTRIES = 512
FIRST_ENTRIES = 16


class LockTaken(Exception):
    """another drain has this group"""


@dataclass(slots=True)
class Turn:
    """What a turn did, as the task's result."""

    group: int
    streams: int = 0
    rows: int = 0
    batches: int = 0
    quarantined: int = 0
    ended: str = "turn over"
    outages: int = 0
    last_outage: str = ""


class Drain:
    """One attempt at a turn: owns its connections and starts from what is committed.

    `run` raises engine.UNREACHABLE, RedisError or offsets.Fenced; whoever called it makes a new Drain.
    The commit thread has the writing connection for itself; everything else goes over the second one.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        board: Board,
        turn: Turn,
        lag: Lag,
        left: dict[StreamName, Reader] | None = None,
        matched: Matched | None = None,
    ) -> None:
        """`matched`: who is told of watched books, if not who listens beside the journal. `left`: what the attempt before this one knew of
        books, should Redis have lost that; it is given what this one knew."""
        self._left = {} if left is None else left
        self._settings, self._journal, self._board, self._turn, self._lag = settings, journal, board, turn, lag
        self._trimmer = Trimmer(settings, journal)
        self._watch = Watch(matched or Matched(journal.client, settings.key_prefix))
        self._readers: dict[StreamName, Reader] = {}
        self._committed: dict[StreamName, str] = {}
        self._trimmed_at = self._reported_at = self._asked_at = 0.0
        self._kept_at = time.monotonic()
        self._rows_per_entry = 0.0
        self._heard: set[StreamName] = set()  # since the streams were last looked for
        self._careful = False
        self._torn = False  # a digest has begun and not ended: books are not where their reader stands
        self._pending: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._writer = engine.connect(settings.database_url, name=f"tapefarm drain {turn.group}")
        self._touched = Touched()
        self._second = engine.connect(settings.database_url, name=f"tapefarm drain {turn.group} lookups")

    def open(self) -> None:
        """Take the lock and find out where each stream stands. Raises LockTaken."""
        with self._writer, self._writer.cursor() as cursor:
            if not offsets.lock_group(cursor, self._turn.group):
                raise LockTaken
        self.find_streams()

    def close(self) -> None:
        """Give the group back before hanging up: the server takes a moment to notice a closed connection."""
        self._pool.shutdown(wait=True)
        if not self._torn:
            self._left.update({stream: reader for stream, reader in self._readers.items() if reader.books is not None})
        with suppress(*engine.UNREACHABLE):
            self._writer.rollback()
            with self._writer, self._writer.cursor() as cursor:
                offsets.unlock_groups(cursor)
        for connection in (self._writer, self._second):
            connection.close()

    def run(self, until: float) -> None:
        """Drain until the moment (monotonic seconds) or the worker's end."""
        sys.setswitchinterval(SWITCH_SECONDS)
        while time.monotonic() < until and not lifecycle.ending():
            started = time.monotonic()
            busy = self.step()
            if time.monotonic() - self._reported_at > REPORT_SECONDS:
                self.report()
                self.find_streams()
            least = self._settings.writer_gap_ms / 1000 if busy else 0.0 if self._readers else BLOCK_MS / 1000
            if (pause := least - (time.monotonic() - started)) > 0:
                time.sleep(pause)
        self._settle()
        self._keep_books()
        self._trim()

    def step(self) -> bool:
        """Read once and put what came to work; false when nothing came, and then all is committed and trimmed."""
        try:
            if time.monotonic() - self._kept_at > KEEP_BOOKS_SECONDS:
                self._settle()
                self._keep_books()
            if self._watch.is_due():
                if self._watch.instruments:
                    self._settle()
                self._watch.look(self._readers.values())
            self._ask_again()
            reads = self._read()
            if reads:
                (self._work_carefully if self._careful else self._work)(reads)
            else:
                self._settle()
                self._trim()
        except engine.REFUSED as exc:
            log.warning("the database refused a batch, going entry by entry group=%s reason=%s", self._turn.group, exc)
            self._careful = True
            self._watch.begin_anew()
            self._readers = {}
            self.find_streams()
            return True
        return bool(reads)

    def _read(self) -> list[tuple[StreamName, list[RawEntry]]]:
        if not self._readers:
            return []
        share = self._settings.writer_max_rows / len(self._readers) / self._rows_per_entry if self._rows_per_entry else FIRST_ENTRIES
        entries = int(min(max(share, 1), MAX_ENTRIES))
        reads = self._journal.read(
            {stream: reader.last_id for stream, reader in self._readers.items()}, block_ms=BLOCK_MS, max_entries=entries
        )
        self._heard.update(stream for stream, _ in reads)
        return reads

    def _work(self, reads: Sequence[tuple[StreamName, list[RawEntry]]]) -> None:
        """Digest, while the commit thread writes what was digested before."""
        self._torn = True
        batch = [(stream, *digest.digest(self._readers[stream], entries)) for stream, entries in reads]
        self._torn = False
        self._pass_wishes_on()
        # A frame is mostly a row; a page of history is one frame and a thousand rows.
        rows = sum(max(work.step.counts.frames, work.step.counts.rows) for _, work, _ in batch)
        self._rows_per_entry = max(1.0, rows / sum(len(entries) for _, entries in reads))
        prepared = prepare([work for _, work, _ in batch])
        moved = self._moved(batch)
        self._settle()
        self._pending = self._pool.submit(self._commit, prepared, batch, moved)

    def _work_carefully(self, reads: Sequence[tuple[StreamName, list[RawEntry]]]) -> None:
        """Entry by entry, so that only what the database refuses is put aside."""
        self._careful = False
        self._torn = True
        for stream, entries in reads:
            for entry in entries:
                work, received = digest.digest(self._readers[stream], [entry])
                try:
                    self._commit(prepare([work]), [(stream, work, received)], self._moved([(stream, work, received)]))
                except engine.REFUSED as exc:
                    self._read_anew(stream)
                    self._watch.begin_anew()
                    work, received = digest.digest(self._readers[stream], [entry], condemned=f"the database refused it: {exc}")
                    self._commit(prepare([work]), [(stream, work, received)], {})
        self._torn = False

    def _moved(self, batch: Sequence[tuple[StreamName, Work, Received]]) -> dict[int, bytes]:
        """Watched books that are another now: encoded here, as the next batch moves them on while this one is written."""
        return self._watch.moved((self._readers[stream], work) for stream, work, _ in batch) if self._watch.instruments else {}

    def _commit(self, batch: Batch, works: Sequence[tuple[StreamName, Work, Received]], moved: dict[int, bytes]) -> None:
        self._turn.rows += commit(self._writer, batch, self._touched)
        now_us = time.time_ns() // 1000
        self._turn.batches += 1
        for stream, work, received in works:
            self._turn.quarantined += work.step.counts.quarantined
            self._lag.add(str(stream), now_us, received.frames, work.step.counts.rows)
            tally.count(stream, work, received, now_us)
            if self._readers[stream].books is None:
                self._committed[stream] = work.step.after.last_id
        self._watch.tell(moved)
        if time.monotonic() - self._trimmed_at > TRIM_SECONDS:
            self._trim()

    def _settle(self) -> None:
        """Wait for the commit under way; its failure is raised here."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def _keep_books(self) -> None:
        """Only when all that was digested is committed; the journal is trimmed behind what is kept."""
        started = time.monotonic()
        for stream, reader in self._readers.items():
            if reader.books is not None:
                book_state.keep(self._journal, reader)
                self._committed[stream] = reader.last_id
        # Many books take long: a twentieth of the time may go into them.
        self._kept_at = time.monotonic() + 20 * (time.monotonic() - started)

    def _ask_again(self) -> None:
        """For the books that are still in doubt."""
        if time.monotonic() - self._asked_at < ASK_AGAIN_SECONDS:
            return
        self._asked_at = time.monotonic()
        with self._second, self._second.cursor() as cursor:
            for stream, reader in self._readers.items():
                if reader.books is not None or reader.chain is not None:
                    reader.wishes.update(doubted_for(cursor, digest.place_of(stream), ASK_AGAIN_SECONDS))
        self._pass_wishes_on()

    def _pass_wishes_on(self) -> None:
        """A Redis out of memory takes none; they wait."""
        with suppress(OutOfMemory):
            for stream, reader in self._readers.items():
                if reader.wishes:
                    self._board.ask_resync(str(stream), [] if "" in reader.wishes else sorted(reader.wishes))
                    reader.wishes.clear()
                if reader.wants_rotation:
                    self._board.ask_rotation(str(stream))
                    reader.wants_rotation = False

    def _trim(self) -> None:
        """Only while no other thread commits, or from the committing thread itself."""
        self._trimmed_at = time.monotonic()
        if self._committed:
            self._committed = self._trimmer.trim(self._committed)

    def find_streams(self) -> None:
        """This group's share of the streams: every n-th place of the sorted list, so that neighbours spread over the groups, with all
        its replicas."""
        registered = set(self._journal.streams())
        with self._second, self._second.cursor() as cursor:
            known = set(map(StreamName.parse, offsets.streams(cursor)))
        if lost := known - registered:
            # Redis was wiped. Were it told stream by stream, the places would be dealt out anew with each that comes.
            log.warning("the registry of streams was lost, it is told again group=%s streams=%d", self._turn.group, len(lost))
            with suppress(OutOfMemory):
                self._journal.register(lost)
        places = [list(replicas) for _, replicas in groupby(sorted(known | registered), key=lambda stream: stream[:3])]
        mine = [s for replicas in places[self._turn.group :: self._settings.writer_groups] for s in replicas if s.venue in VENUES]
        if mine != list(self._readers):
            self._settle()
            self._readers = {stream: self._readers.get(stream) or self._reader(stream) for stream in mine}
            for _, replicas in groupby(mine, key=lambda stream: stream[:3]):
                join([self._readers[stream] for stream in replicas])
        self._turn.streams = len(mine)
        self._leave_lost_ids()

    def _leave_lost_ids(self) -> None:
        """A journal that was lost may count from lower ids than a reader stands at, which would wait for ever."""
        newest = self._journal.last_ids(self._readers.keys() - self._heard)
        self._heard = set()
        for stream, last_id in newest.items():
            if last_id is not None and journals.id_order(last_id) < journals.id_order(self._readers[stream].last_id):
                self._settle()
                self._read_anew(stream)

    def _read_anew(self, stream: StreamName) -> None:
        """From where the stream is committed, with those who share with its reader."""
        shared = [stream, *(twin.stream for twin in self._readers[stream].twins)]
        self._committed = {one: offset for one, offset in self._committed.items() if one not in shared}
        self._readers.update({one: self._reader(one) for one in shared})
        join([self._readers[one] for one in shared])

    def _reader(self, stream: StreamName) -> Reader:
        """A reader that stands where the stream is committed."""
        with self._second, self._second.cursor() as cursor:
            offset = offsets.load(cursor, str(stream), digest.place_of(stream))
            newest = self._journal.last_id(stream)
            if newest is not None and journals.id_order(newest) < journals.id_order(offset.last_id):
                log.error("the journal is behind the committed offset: Redis lost it, reading anew stream=%s", stream)
                offset = offsets.rewind(cursor, str(stream), offset)
            sequence, chain = self._continuity(cursor, stream)
            unheard = doubted(cursor, digest.place_of(stream), (*UNHEARD, "book"))
        sockets = Sockets.restore(digest.place_of(stream), offset.connections, offset.last_event_us, offset.last_received_us)
        sockets.heard_from_us, sockets.heard_to_us = offset.heard_from_us or offset.last_received_us, offset.heard_to_us
        ids = InstrumentIds(stream.venue, self._second, self._settings.writer_max_instruments)
        reader = Reader(stream, VENUES[stream.venue], sockets, offset.last_id, ids.array, sequence, chain, known=ids.known)
        if reader.venue.keeps_books(stream.channel):
            reader.books = Books()
            book_state.recover(self._journal, reader, lambda: self._committed_now(stream), self._left.get(stream))
            reader.books.doubted = unheard
        elif self._settings.archives:
            self._committed[stream] = offset.last_id  # what the one before has left for the archive to take
        return reader

    def _committed_now(self, stream: StreamName) -> str:
        with self._second, self._second.cursor() as cursor:
            return offsets.committed(cursor, str(stream))

    def _continuity(self, cursor: Any, stream: StreamName) -> tuple[IdSequence | None, Chain | None]:
        """What proves that nothing of the channel is missing, standing where its table ends."""
        found = next((channel for channel in VENUES[stream.venue].channels if channel.name == stream.channel and channel.continuous), None)
        kind = KINDS.get(found.kind) if found else None

        def last(table: str, column: str) -> list[tuple[int, int, int]]:
            return last_of_sequence(cursor, table, column, stream.venue, self._settings.gap_lookback_hours)

        if kind is not None and kind.sequence:
            return IdSequence(last(kind.name, kind.sequence)), None
        if kind is not None and kind.chain:
            tables = [table for table in (kind.name, kind.states) if table]
            known = [numbers for table in tables for numbers in last(table, kind.chain[1])]
            return None, Chain(kind, known, doubted(cursor, digest.place_of(stream)))
        return None, None

    def report(self) -> None:
        """A Redis out of memory is told nothing: what matters then is that the journal is trimmed."""
        self._reported_at = time.monotonic()
        with suppress(OutOfMemory):
            for stream in self._readers:
                self._board.report(f"drain:{stream}", self._lag.summary(str(stream), time.time_ns() // 1000))
