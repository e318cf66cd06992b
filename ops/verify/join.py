"""Two streams of rows, the ledger's and the table's, joined as they come. Pure.

Both are in nearly the same order, so little waits for its counterpart at any time and memory stays bounded by the disorder.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ops.verify.compared import Comparison, Rows, told_apart

EXAMPLES = 20


@dataclass(slots=True)
class Outcome:
    """`absent`: ledger rows without a counterpart; `unmatched`: table rows without one; `different`: (ledger, table) rows."""

    emitted: int = 0
    stored: int = 0
    different: int = 0
    examples: list[tuple[Any, Any]] = field(default_factory=list)

    def add_different(self, ledger: Sequence[Any] | Rows, table: Sequence[Any] | Rows) -> None:
        self.different += len(ledger)
        self.examples += list(zip(ledger, table, strict=True))[: EXAMPLES - len(self.examples)]


class Join:
    """Rows belong together when instrument, id and event time are equal; `whole`: and the values. What differs then waits to the end, as
    there may be an excuse for it."""

    def __init__(self, comparison: Comparison, *, whole: bool = False) -> None:
        self._whole = whole
        self.outcome = Outcome()
        self._ledger = _Waiting(comparison)
        self._table = _Waiting(comparison)
        self._keys = told_apart if comparison.replayed else _key
        #: keys of rows that have met, where more of the same may come
        self._met: list[Any] | None = [] if comparison.told_again else None

    def add_ledger(self, rows: Rows) -> None:
        self.outcome.emitted += len(rows)
        self._ledger.add(rows)

    def add_table(self, rows: Rows) -> None:
        self._table.add(rows)

    def match(self) -> None:
        """Take out what belongs together; the rest goes on waiting."""
        ledger, table = self._ledger.take(), self._table.take()
        ledger_keys, table_keys = self._keys(ledger), self._keys(table)
        order = np.argsort(ledger_keys, kind="stable")
        ledger, ledger_keys = ledger[order], ledger_keys[order]
        place = np.searchsorted(ledger_keys, table_keys)
        place[place == len(ledger)] = 0
        hit = np.zeros(len(table), bool)
        if len(ledger):
            hit = (ledger_keys[place] == table_keys) & (ledger["event_us"][place] == table["event_us"])
            if self._whole:
                hit &= (ledger["values"][place] == table["values"]).all(axis=1)
        left, right = ledger[place[hit]], table[hit]
        equal = (left["values"] == right["values"]).all(axis=1)
        self.outcome.stored += int(equal.sum())
        self.outcome.add_different(left[~equal], right[~equal])
        if self._met is not None:
            self._met.append(np.unique(left["key"]))
        unmet = np.ones(len(ledger), bool)
        unmet[place[hit]] = False
        self._ledger.add(ledger[unmet])
        self._table.add(table[~hit])

    def rest(self) -> tuple[Rows, Rows]:
        """(ledger rows, table rows) that met nobody."""
        ledger = self._ledger.take()
        if self._met is not None:
            first = np.zeros(len(ledger), bool)
            first[np.unique(ledger["key"], return_index=True)[1]] = True
            new = first & ~np.isin(ledger["key"], np.concatenate([np.zeros(0, np.uint64), *self._met]))
            self.outcome.emitted -= int((~new).sum())
            ledger = ledger[new]
        return ledger, self._table.take()


def _key(rows: Rows) -> Any:
    return rows["key"]


class _Waiting:
    def __init__(self, comparison: Comparison) -> None:
        self._empty = comparison.empty()
        self._parts: list[Rows] = []

    def add(self, rows: Rows) -> None:
        self._parts.append(rows)

    def take(self) -> Rows:
        parts, self._parts = self._parts, []
        return np.concatenate(parts) if parts else self._empty
