"""The paper engine over what was recorded: the same books, pairs, rules and seed give the same rows to the byte.

It runs into memory and touches nothing of the live engine. What it decided is laid into tables of the session, which go with it, so that the
report of a replay is made by the statements that make the live one.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db import engine
from db.paper import report, store
from paper.engine import Engine
from paper.events import BookMoved, Clock, Event, Heard, PairsSet, Resumed, VenuePaused
from paper.rules import Rules
from paper.state import Changes, Row
from paper.values import Pair

#: As often as the writers say what they hear.
HEARD_US = 1_000_000
#: Halts that end by themselves once nobody is there to lift them.
PASSING = frozenset({"silent", "exchange pause"})
#: Tables that a replay fills, as they are in the database.
TABLES = ("opportunities", "orders", "fills", "open_positions", "paper_settlements", "risk_states", "audit_logs")


@dataclass(slots=True)
class Result:
    """`rows`: table -> key -> row, as paper.state.Changes has them. `books`: how many were told."""

    rows: dict[str, dict[Any, Row | None]] = field(default_factory=dict)
    books: int = 0

    def take(self, changes: Changes) -> None:
        for table, rows in changes.rows.items():
            kept = self.rows.setdefault(table, {})
            for key, row in rows.items():
                if row is None:
                    kept.pop(key, None)
                else:
                    kept[key] = row

    @property
    def sha256(self) -> str:
        """Of every row, in the order of tables and keys."""
        found = hashlib.sha256()
        for table in sorted(self.rows):
            for key, row in sorted(self.rows[table].items()):
                found.update(json.dumps([table, key, row], sort_keys=True, default=_text, ensure_ascii=False).encode() + b"\n")
        return found.hexdigest()


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


class Replay:
    """One run. `paired`: moment in us -> pairs with the terms of that moment; asked again each day."""

    def __init__(self, rules: Rules, paired: Callable[[int], tuple[Pair, ...]]) -> None:
        self.engine = Engine(rules)
        self.result = Result()
        self._paired, self._day = paired, -1
        self._trusted: dict[int, str] = {}
        self._venues: dict[int, str] = {}
        self._paused: set[str] = set()
        self._heard_us = 0

    def run(self, events: Iterable[Event], since_us: int, until_us: int) -> Result:
        self._pair(since_us)
        for event in events:
            self._wake(event.at_us)
            self._pair(event.at_us)
            self._hear(event.at_us)
            self._tell(event)
        self._wake(until_us)
        self.result.take(self.engine.take())
        return self.result

    def _tell(self, event: Event) -> None:
        if isinstance(event, BookMoved):
            self.result.books += 1
            if event.book.trusted:
                self._trusted[event.instrument_id] = self._venues[event.instrument_id]
            else:
                self._trusted.pop(event.instrument_id, None)
        elif isinstance(event, VenuePaused):
            (self._paused.add if event.reason else self._paused.discard)(event.venue)
        self.engine.handle(event)
        if self.engine.decided:
            self.result.take(self.engine.take())

    def _pair(self, at_us: int) -> None:
        """Terms change with time: the pairs are told once a day."""
        if self._day == (day := at_us // 86_400_000_000):
            return
        self._day = day
        pairs = self._paired(at_us)
        self._venues |= {leg.instrument_id: leg.venue for pair in pairs for leg in (pair.a, pair.b)}
        self._tell(PairsSet(at_us, pairs))

    def _wake(self, at_us: int) -> None:
        """All that falls due before the next event."""
        last_us = -1
        while (wakes_us := self.engine.wakes_us) is not None and last_us < wakes_us <= at_us:
            last_us = wakes_us
            self._hear(wakes_us)
            self._tell(Clock(wakes_us))

    def _hear(self, at_us: int) -> None:
        """While there is no gap, a book that does not move stands still."""
        if at_us - self._heard_us < HEARD_US:
            return
        self._heard_us = at_us
        venues = sorted(set(self._trusted.values()))
        for venue in venues:
            self._tell(Heard(at_us, venue, tuple(sorted(number for number, name in self._trusted.items() if name == venue))))
            self._lift(at_us, venue)

    def _lift(self, at_us: int, venue: str) -> None:
        """A venue that was silent or paused, and is heard again, goes on: nobody is there to say so."""
        scope = f"venue {venue}"
        known = self.engine.state.scopes.get(scope)
        if known is not None and known.halted and venue not in self._paused and PASSING.issuperset(known.halted):
            self._tell(Resumed(at_us, scope, "replay"))


def reported(url: str, found: Result, since: datetime, until: datetime) -> dict[str, Any]:
    """As `db.paper.report.report` has it."""
    with closing(engine.connect(url, name="tapefarm paper replay report")) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING INDEXES) ON COMMIT DROP")  # hides the real one
        cursor.execute("CREATE TEMP TABLE paper_state (key TEXT PRIMARY KEY, value TEXT) ON COMMIT DROP")
        store.save(cursor, Changes(rows=found.rows), offset="")
        told = report.report(cursor, since, until, until)
        connection.rollback()
    return told


def paired(url: str, confirmed: Callable[[Any, int], tuple[Pair, ...]]) -> Callable[[int], tuple[Pair, ...]]:
    """Pairs as they are confirmed now, with the terms of the moment that is asked for."""

    def ask(at_us: int) -> tuple[Pair, ...]:
        with engine.kept(url, name="tapefarm paper replay pairs") as connection, connection, connection.cursor() as cursor:
            return confirmed(cursor, at_us)

    return ask
