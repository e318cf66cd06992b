"""One attempt at a turn of the paper engine: hear what moved, tell it, and keep what it decided in one transaction with what people asked."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.board import Board
from core.matched import WATCH_SECONDS, Heard, Matched
from core.settings import Settings
from db import engine
from db.paper import said, store
from paper.engine import Engine
from paper.events import BookMoved, Clock, Event
from paper.events import Heard as HeardOf
from tasks import lifecycle, pairs
from tasks.paper_books import book_of
from tasks.paper_news import News

#: Any number, the same in every worker.
_LOCK = 7_301_048
#: How often the database is asked for news, and who watches is said anew.
LOOK_SECONDS = 1.0
#: Blocked in a read, it looks up this often: to notice a shutdown.
BLOCK_MS = 500
#: Least time between two reads: words that come close together are heard as one.
GAP_SECONDS = 0.004
#: Of many books that moved together, what so many come to is kept before the next are looked at.
BOOKS_AT_ONCE = 32
#: What was not decided but only learned is kept this often.
KEEP_SECONDS = 5.0
REPORT_SECONDS = 2.0


class LockTaken(Exception):
    """another process trades on paper"""


@dataclass(slots=True)
class Turn:
    """What a turn did, as the task's result."""

    books: int = 0
    events: int = 0
    commits: int = 0
    ended: str = "turn over"
    outages: int = 0
    last_outage: str = ""


class Trading:
    """Owns its connection, and begins with what is committed and with the books as they are now.

    `run` raises engine.UNREACHABLE or RedisError; whoever called it makes a new one.
    """

    def __init__(self, settings: Settings, matched: Matched, board: Board, turn: Turn) -> None:
        self._settings, self._matched, self._board, self._turn = settings, matched, board, turn
        self._connection = engine.connect(settings.database_url, name="tapefarm paper")
        self._now_us = 0
        self._looked_at = self._kept_at = self._reported_at = 0.0
        self._watched_at = -WATCH_SECONDS * 1.0
        self._instruments: frozenset[int] = frozenset()
        self._taken: list[int] = []

    def open(self) -> None:
        """Take the lock, and find out where the engine stands. Raises LockTaken."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
            if not cursor.fetchone()[0]:  # type: ignore[index]
                raise LockTaken
            state = store.load(cursor)
        self._engine = Engine(self._settings.paper, state)
        confirmed = partial(pairs.confirmed, rounding=self._settings.paper.rounding)
        self._news = News(confirmed, lambda: {position.instrument_id for position in self._engine.state.positions.values()})
        # What moves from here on is heard; what moved before is in the books.
        self._position = self._matched.position()
        self._look()

    def close(self) -> None:
        self._connection.close()

    def run(self, until: float) -> None:
        """Until the moment (monotonic seconds), the worker's end, or the end of all pairs."""
        while time.monotonic() < until and not lifecycle.ending():
            started = time.monotonic()
            heard = self._matched.hear(self._position, block_ms=self._patience_ms())
            if heard is not None:
                self._take_in(heard)
            self._tick()
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._look()
                if self.idle:
                    self._turn.ended = "nothing to trade"
                    break
            self._keep()
            self._report()
            if (pause := GAP_SECONDS - (time.monotonic() - started)) > 0:
                time.sleep(pause)
        self._keep(everything=True)

    @property
    def idle(self) -> bool:
        """Nothing is traded, and nothing is left of what was."""
        state = self._engine.state
        return not (self._news.pairs or state.positions or state.orders or state.opportunities)

    def _patience_ms(self) -> int:
        """Until something is due."""
        wakes_us = self._engine.wakes_us
        due = BLOCK_MS if wakes_us is None else (wakes_us - time.time_ns() // 1000) // 1000
        look = int(1000 * (self._looked_at + LOOK_SECONDS - time.monotonic()))
        return max(1, min(BLOCK_MS, due, look))

    def _tell(self, event: Event) -> None:
        self._engine.handle(event)
        self._turn.events += 1

    def _clock(self) -> int:
        """Ours, which never runs back."""
        self._now_us = max(time.time_ns() // 1000, self._now_us)
        return self._now_us

    def _tick(self) -> None:
        wakes_us = self._engine.wakes_us
        if wakes_us is not None and wakes_us <= self._clock():
            self._tell(Clock(self._now_us))

    def _take_in(self, heard: Heard) -> None:
        self._position = heard.position
        moved = self._instruments if heard.lost else heard.moved & self._instruments
        books = self._matched.books(sorted(moved))
        now_us = self._clock()
        for venue, instruments in sorted(heard.heard.items()):
            self._tell(HeardOf(now_us, venue, tuple(sorted(instruments & self._instruments))))
        for number, (instrument, book) in enumerate(books.items(), start=1):
            self._tell(BookMoved(now_us, instrument, book_of(book)))
            if number % BOOKS_AT_ONCE == 0:
                self._keep()
        self._turn.books += len(books)

    def _look(self) -> None:
        """What the database has to say. Books that are wanted from now on are told as they stand, if anybody knows them."""
        self._looked_at = time.monotonic()
        with self._connection, self._connection.cursor() as cursor:
            events = list(self._news.look(cursor, self._clock()))
        for event in events:
            self._tell(event)
        self._taken += self._news.asked
        self._keep()
        fresh = self._news.instruments - self._instruments
        changed, self._instruments = self._instruments != self._news.instruments, self._news.instruments
        if changed or time.monotonic() - self._watched_at > WATCH_SECONDS / 4:
            self._watched_at = time.monotonic()
            self._matched.watch(self._instruments)
        now_us = self._clock()
        for instrument, book in self._matched.books(sorted(fresh)).items():
            self._tell(BookMoved(now_us, instrument, book_of(book)))

    def _keep(self, *, everything: bool = False) -> None:
        """One transaction: what was decided, how far we have heard, and what people asked that is thereby done."""
        due = everything or time.monotonic() - self._kept_at > KEEP_SECONDS
        if not (self._engine.decided or self._taken or due):
            return
        with self._connection, self._connection.cursor() as cursor:
            store.save(cursor, self._engine.take(), offset=self._position)
            if self._taken:
                said.take(cursor, self._taken)
            said.tell_halts(cursor, {name: scope.halted for name, scope in self._engine.state.scopes.items() if scope.halted})
        self._kept_at, self._taken = time.monotonic(), []
        self._turn.commits += 1

    def _report(self) -> None:
        if time.monotonic() - self._reported_at > REPORT_SECONDS:
            self._reported_at = time.monotonic()
            vital: dict[str, Any] = {"pairs": len(self._news.pairs), "books": self._turn.books, "events": self._turn.events}
            self._board.report("paper:engine", vital)
