"""A job that reads the past again, a bounded step at a time: ask for pages, wait until they are written, look for their rows.

A step is safe to repeat: what it asks for twice is known by its keys, and nothing counts as there before the database shows it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from core import journal as journals
from core.history import ALL, History
from core.http import HttpError, Refused, TryLater
from core.journal import Journal
from core.records import KINDS
from db import backfills, offsets, present
from db.backfills import Job
from db.engine import Connection
from tasks.pages import Fetch, Piece, Told, read_pages
from tasks.position import Position, progress, stored_request
from tasks.replies import Replies
from tasks.spans import holes, size
from venues.errors import Unreadable

#: Rows of one look at what is there.
SCAN_ROWS = 20_000
#: Ids and times do not rise quite alike: rows of a span of ids may lie so far outside of its times.
SLACK_US = 60_000_000
#: After every round of asking all who serve it; a venue's REST lags behind its sockets. Then what is lacking is given up.
PAUSES_SECONDS = (5.0, 20.0)
ROUNDS = len(PAUSES_SECONDS) + 1
#: Looks for a commit so often; writers are some milliseconds behind.
COMMIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 300.0
#: When the others were heard last says not quite when this one was.
EDGE_US = 5_000_000
#: How far before a gap its last row is looked for.
LOOK_BACK_US = 2 * 86_400_000_000
#: The end of what a venue still serves moves on while we read.
HORIZON_US = 300_000_000


class Stepper:
    """`hosts`: who serves the history, the venue first; `enough`: whether a step has read so many pages that it should end."""

    def __init__(
        self,
        job: Job,
        history: History,
        hosts: Sequence[Fetch],
        journal: Journal,
        connection: Connection,
        *,
        enough: Callable[[int], bool],
        now_us: int,
    ) -> None:
        self.job, self.position = job, Position(**job.position)
        self._history, self._kind = history, KINDS[history.kind]
        self._hosts = hosts if history.archived else hosts[:1]
        self._journal, self._connection, self._enough, self._now_us = journal, connection, enough, now_us
        self._replies = Replies(journal, job.venue, history.poll)

    @property
    def over(self) -> bool:
        return self.position.instrument >= len(self.job.instruments)

    def step(self) -> float:
        """Go a bounded way on; returns after how many seconds the next step is due. Raises RedisError and engine.UNREACHABLE."""
        self.job.state = backfills.RUNNING
        wait = 0.0 if self.over else self._advance()
        self.job.position, self.job.progress = self.position.stored(), progress(self.job, self.position)
        return wait

    def _advance(self) -> float:
        if self.position.at is None:
            return self._begin()
        if self.position.asked is not None:
            return self._settle()
        if self.position.final:
            return self._next_instrument()
        return self._ask()

    @property
    def _symbol(self) -> str:
        return self.job.instruments[self.position.instrument]

    def _next_instrument(self) -> float:
        self.position = self.position.next_instrument()
        return 0.0

    # --- where it begins
    def _begin(self) -> float:
        job, position, start_us = self.job, self.position, self.job.from_us
        reach = self._history.reach_seconds
        horizon_us = self._now_us - int(reach * 1_000_000) if reach is not None else 0
        if start_us < horizon_us and len(self._hosts) == 1:
            start_us = horizon_us + HORIZON_US
            job.note(f"the venue serves the last {(reach or 0) / 3600:.0f} h only")
        elif start_us < horizon_us and not position.tries:
            position.host = 1
        if not self._history.numbered:
            position.begin(start_us, start_us)
        elif job.first is not None and start_us == job.from_us:
            position.begin(job.first, start_us)
        elif job.gap_id is not None and (known := self._known_before(start_us)) is not None:
            position.begin(known[0] + 1, known[1])
        else:
            return self._locate(start_us - (EDGE_US if job.gap_id is not None else 0))
        return 0.0

    def _known_before(self, start_us: int) -> tuple[int, int] | None:
        """The last row that came before a gap: what was lost begins behind it, whatever its time."""
        with self._connection, self._connection.cursor() as cursor:
            instrument = present.instrument_id(cursor, self.job.venue, self._symbol)
            return present.newest(cursor, self._kind, instrument, start_us - LOOK_BACK_US, start_us)

    def _locate(self, start_us: int) -> float:
        """Find the number of the first row at or after the time."""
        job, locate = self.job, self._history.locate
        assert locate is not None
        try:
            reply = self._hosts[self.position.host](locate(self._symbol, start_us))
            self._replies.keep(reply)
            job.requests += 1
            page = self._history.read(reply)
        except (HttpError, Unreadable) as exc:
            return self._refused(exc, job.first, job.last)
        job.rows += page.rows
        if not page.rows or (page.event_us or 0) > job.to_us:
            self._lack(job.first, job.last)
            return self._next_instrument()
        first = page.reached - 1
        if job.first is not None:
            self._lack(job.first, first - 1)
            first = max(first, job.first)
        self.position.begin(first, page.event_us or start_us)
        return 0.0

    # --- asking
    def _ask(self) -> float:
        piece = self._piece() if self._history.numbered else self._rest()
        if piece is None:
            return 0.0
        position, fetch = self.position, self._hosts[self.position.host]
        follow = position.next_request(self._history.poll)
        told = read_pages(self._history, self._symbol, piece, follow, fetch, self._replies, self._enough)
        self.job.requests += told.pages
        self.job.rows += told.rows
        position.rows += told.rows
        position.until_us = max(position.until_us, told.event_us)
        position.follow = stored_request(told.follow)
        if told.reached > piece.first or told.final:
            self._note_asked(piece, told)
        elif told.halt is not None:
            return self._refused(told.halt, piece.first, piece.last)
        return 0.0

    def _note_asked(self, piece: Piece, told: Told) -> None:
        position = self.position
        position.at, position.asked, position.final, position.entry = piece.first, told.reached, told.final, self._replies.newest()
        position.since_us = max(position.since_us, piece.since_us)
        if piece.last is not None:
            position.until_us = piece.until_us

    def _rest(self) -> Piece | None:
        """All that is left of the time."""
        assert self.position.at is not None
        if self.position.at >= self.job.to_us:
            self.position.final = True
            return None
        return Piece(self.position.at, self.job.to_us - 1, self.position.at, self.job.to_us)

    def _piece(self) -> Piece | None:
        """The next ids that are not there; None when the look goes on, or has found all there."""
        job, position = self.job, self.position
        assert position.at is not None
        stop = None if job.last is None else job.last + 1
        numbers, events = self._numbers(position.at, job.last, job.to_us, SCAN_ROWS)
        more = len(numbers) == SCAN_ROWS
        reached = max(int(numbers.max()) + 1, position.at) if len(numbers) else position.at
        for first, end in holes(position.at, reached if more or stop is None else stop, numbers):
            since_us = int(events[numbers < first].max(initial=position.since_us))
            return Piece(first, end - 1, since_us, int(events[numbers >= end].min(initial=job.to_us)))
        if reached > position.at:
            position.begin(reached, int(events.max(initial=position.since_us)))
        if more:
            return None
        # A row behind the time proves by its number that none is missing within.
        if stop is None and position.since_us <= job.to_us:
            return Piece(reached, None, position.since_us, job.to_us)
        position.final = True
        return None

    # --- looking whether it came
    def _settle(self) -> float:
        position = self.position
        assert position.at is not None and position.asked is not None
        if not self._written():
            return COMMIT_SECONDS
        missing, since_us = self._missing(position.at, position.asked)
        if missing and position.tries + 1 < ROUNDS * len(self._hosts):
            return self._again()
        for first, last in missing:
            self._lack(first, last)
            self.job.note(self._why())
        position.begin(position.asked, since_us)
        return 0.0

    def _missing(self, at: int, asked: int) -> tuple[list[tuple[int, int]], int]:
        """(what was asked for and is not there, both ends included, the venue's clock at its end)."""
        position = self.position
        if self._history.numbered:
            numbers, events = self._numbers(at, asked - 1, position.until_us, None)
            return [(first, stop - 1) for first, stop in holes(at, asked, numbers)], int(events.max(initial=position.since_us))
        with self._connection, self._connection.cursor() as cursor:
            symbol = None if self._symbol == ALL else self._symbol
            there = present.count(cursor, self._kind, self.job.venue, symbol, at, asked)
        return [(at, asked - 1)] if there < position.rows else [], asked

    def _why(self) -> str:
        return "pages brought rows that could not be stored, see quarantine" if self.position.rows else "the venue has no such rows either"

    def _written(self) -> bool:
        """Whether all pages are committed, or were lost with their journal: then they are missed and asked for again."""
        newest, entry = self._journal.last_id(self._replies.stream), journals.id_order(self.position.entry)
        with self._connection, self._connection.cursor() as cursor:
            committed = offsets.committed(cursor, str(self._replies.stream))
        # In this order: what is trimmed is committed before.
        return journals.id_order(committed) >= entry or newest is None or journals.id_order(newest) < entry

    def _numbers(self, first: int, last: int | None, until_us: int, limit: int | None) -> tuple[Any, Any]:
        with self._connection, self._connection.cursor() as cursor:
            instrument = present.instrument_id(cursor, self.job.venue, self._symbol)
            times = self.position.since_us - SLACK_US, until_us + SLACK_US
            return present.numbers(cursor, self._kind, instrument, first, last, *times, limit=limit)

    # --- what does not come
    def _refused(self, exc: HttpError | Unreadable, first: int | None, last: int | None) -> float:
        if isinstance(exc, TryLater):
            self.position.waits = str(exc)
            return min(exc.retry_after_seconds, LONGEST_WAIT_SECONDS)
        if self.position.tries + 1 < len(self._hosts) * (1 if isinstance(exc, Refused) else ROUNDS):
            return self._again()
        self.job.note(f"{self._symbol or 'all instruments'}: {exc}")
        self._lack(first, last)
        if last is None:
            return self._next_instrument()
        self.position.begin(last + 1, self.position.since_us)
        return 0.0

    def _again(self) -> float:
        self.position.again(len(self._hosts))
        rounds, within = divmod(self.position.tries, len(self._hosts))
        return 0.0 if within else PAUSES_SECONDS[rounds - 1]

    def _lack(self, first: int | None, last: int | None) -> None:
        if first is not None and last is not None and first <= last:
            self.position.lack(self._symbol, first, last)
            if self._history.numbered:
                self.job.lacking += size([(first, last + 1)])
