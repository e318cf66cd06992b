"""One verification: settle, compare each kind of each venue, explain what is left over."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from psycopg2.extensions import connection as RawConnection

from core.board import Board
from core.journal import Journal
from db import engine
from db.moments import moment
from ops.verify.compared import UNKNOWN, Comparison, Rows, id_of, shown, symbol_of
from ops.verify.evidence import Evidence, channels_of
from ops.verify.explain import DOUBT, Gap, explain_absent, explain_unmatched
from ops.verify.join import EXAMPLES, Join, Outcome
from ops.verify.ledger import Ledger
from ops.verify.settle import settle
from ops.verify.table import TableReader, numbered

Say = Callable[[str], None]


@dataclass(slots=True)
class Verdict:
    """How one kind of one venue came out; `doubted` are stored rows of books that the farm itself doubts, `intervals` the gaps that explain
    what is not there, `examples` sentences about the first offending rows."""

    emitted: int = 0
    stored: int = 0
    missing: int = 0
    duplicate: int = 0
    quarantined: int = 0
    counted_loss: int = 0
    different: int = 0
    surplus: int = 0
    doubted: int = 0
    examples: list[str] = field(default_factory=list)
    intervals: list[dict[str, str | None]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.missing or self.duplicate or self.different or self.surplus)

    def figures(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("examples", "intervals")}


@dataclass(frozen=True, slots=True)
class Doors:
    """What a verification reads."""

    database_url: str
    journal: Journal
    board: Board
    sandbox: Path


def verify(
    doors: Doors, venues: list[str], *, timeout_seconds: float, since_us: int = 0, until_us: int = 0, say: Say = lambda _: None
) -> dict[str, dict[str, Verdict]]:
    """venue -> kind -> verdict, over the events from one time of the venues to another, or to now. Raises Unsettled and LedgerUnreadable."""
    cutoff_us = until_us or time.time_ns() // 1000
    say("waiting until everything sent so far is committed")
    settle(doors.database_url, doors.journal, doors.board, venues, cutoff_us, timeout_seconds)
    verdicts: dict[str, dict[str, Verdict]] = {}
    with closing(engine.connect(doors.database_url, name="tapefarm verify")) as connection:
        for venue in venues:
            ledger = Ledger(doors.sandbox, venue)
            for comparison in ledger.comparisons:
                say(f"comparing {venue} {comparison.kind}")
                verdicts.setdefault(venue, {})[comparison.kind] = Case(connection, ledger, comparison, cutoff_us, since_us).verdict()
    return verdicts


class Case:
    """One kind of one venue."""

    def __init__(self, connection: RawConnection, ledger: Ledger, comparison: Comparison, cutoff_us: int, since_us: int = 0) -> None:
        self._connection, self._ledger, self._comparison, self._cutoff_us = connection, ledger, comparison, cutoff_us
        self._since_us = since_us
        self._evidence = Evidence(connection, ledger.venue, channels_of(ledger.venue, comparison.kind))
        self._numbers = numbered(ledger.symbols, self._evidence.instruments())

    def verdict(self) -> Verdict:
        first_us = self._ledger.first_event_us(self._comparison)
        if first_us is None or first_us > self._cutoff_us:
            return Verdict()
        first_us = max(first_us, self._since_us)
        join = self._joined(first_us)
        absent, unmatched = join.rest()
        return self._explained(join.outcome, absent, unmatched, first_us)

    def _joined(self, first_us: int) -> Join:
        """Reads both sides abreast: the ledger up to where the table is."""
        join = Join(self._comparison, whole=self._evidence.derived(self._comparison.kind))
        blocks = self._ledger.delivered(self._comparison, self._cutoff_us, self._since_us)
        reached_us = 0

        def take(rows: Rows) -> None:
            nonlocal reached_us
            join.add_table(rows)
            newest = int(rows["event_us"].max()) if len(rows) else 0
            while reached_us < newest and (block := next(blocks, None)) is not None:
                join.add_ledger(block)
                reached_us = int(block["event_us"].max()) if len(block) else reached_us
            join.match()

        TableReader(self._connection, self._comparison, self._numbers).read(first_us, self._cutoff_us, take)
        for block in blocks:
            join.add_ledger(block)
        join.match()
        return join

    def _explained(self, outcome: Outcome, absent: Rows, unmatched: Rows, first_us: int) -> Verdict:
        gaps, replayed = self._evidence.gaps(self._numbers), self._comparison.replayed or self._evidence.derived(self._comparison.kind)
        doubts = [gap for gap in gaps if gap.cause == DOUBT and gap.symbol is not None] if replayed else []
        extras = explain_unmatched(
            unmatched, absent, self._ledger.with_keys(self._comparison, unmatched["key"]), doubts, over_rest=not self._comparison.replayed
        )
        for place, row in extras.moved:
            outcome.add_different(absent[place : place + 1], [row])
        absent = np.delete(absent, [place for place, _ in extras.moved])
        quarantined = self._evidence.quarantined(first_us, self._ledger.symbols)
        absences = explain_absent(absent, gaps, quarantined, by_moment=self._comparison.frame_is_moment, replayed=replayed)
        return Verdict(
            emitted=outcome.emitted,
            stored=outcome.stored,
            missing=len(absences.missing),
            duplicate=len(extras.duplicate),
            quarantined=absences.quarantined,
            counted_loss=absences.counted_loss,
            different=outcome.different,
            surplus=len(extras.surplus),
            doubted=len(extras.doubted),
            intervals=[self._named(gap) for gap in absences.intervals],
            examples=self._examples(outcome, absences.missing, extras.duplicate, extras.surplus),
        )

    def _examples(self, outcome: Outcome, missing: Rows, duplicate: Rows, surplus: Rows) -> list[str]:
        told = [f"different: {self._row(ledger)} is stored as {self._row(table)}" for ledger, table in outcome.examples]
        for name, rows in (("missing", missing), ("duplicate", duplicate), ("surplus", surplus)):
            told += [f"{name}: {self._row(row)}" for row in rows[:EXAMPLES]]
        return told[:EXAMPLES]

    def _named(self, gap: Gap) -> dict[str, str | None]:
        start, end = (None if at is None else f"{at:%FT%T.%fZ}" for at in map(moment, (gap.from_us, gap.to_us)))
        return {"cause": gap.cause, "from": start, "to": end, "symbol": None if gap.symbol is None else self._ledger.symbols[gap.symbol]}

    def _row(self, row: Any) -> str:
        place = symbol_of(row["key"])
        symbol = self._ledger.symbols[place] if place != UNKNOWN else "an instrument that the ledger does not know"
        values = " ".join(f"{name}={value}" for name, value in shown(self._comparison, row["values"]).items())
        number = f"{self._comparison.table_id}={id_of(row['key'])} " if self._comparison.table_id else ""
        return f"{symbol} {number}event_us={row['event_us']} {values}"
