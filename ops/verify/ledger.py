"""Reads the sandbox's ledger of one venue while it is being written. Its format is in sandbox/ledger.py."""

import json
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ops.verify.compared import Comparison, Rows, rows_of_ledger
from ops.verify.kinds import COMPARISONS

BLOCK = 262_144
_FOREVER = np.iinfo(np.int64).max


class LedgerUnreadable(Exception):
    """The sandbox's ledger is not there or not whole."""


def venues(root: Path) -> list[str]:
    """Venues that have a ledger below the sandbox's folder."""
    return sorted(path.parent.name for path in (root / "ledger").glob("*/symbols.json"))


class Ledger:
    def __init__(self, root: Path, venue: str) -> None:
        self.venue = venue
        self.folder = root / "ledger" / venue

    @cached_property
    def symbols(self) -> list[str]:
        return list(self._json("symbols.json"))

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """One a kind, as far as the columns of the records go."""
        found: dict[str, Comparison] = {}
        for comparison in COMPARISONS:
            if comparison.kind not in found and (self.folder / f"{comparison.segments}.dtype.json").exists():
                possible = comparison.within(self._dtype(comparison).names or ())
                found |= {comparison.kind: possible} if possible else {}
        return list(found.values())

    def records(self, comparison: Comparison, until_us: int, since_us: int = 0) -> Iterator[Rows]:
        """Blocks of raw records whose event time lies within the ends, in the order of emission."""
        dtype = self._dtype(comparison)
        for path in sorted(self.folder.glob(f"{comparison.segments}-*.bin")):
            if _sealed_before(path, since_us):
                continue
            for block in _blocks(path, dtype):
                kept = comparison.chosen(block[(block["event_us"] >= since_us) & (block["event_us"] <= until_us)])
                if len(kept):
                    yield kept

    def delivered(self, comparison: Comparison, until_us: int, since_us: int = 0) -> Iterator[Rows]:
        """Blocks of rows that an open socket was given. A state that is told anew may be older than its telling."""
        for records in self.records(comparison, until_us, since_us):
            given = records["delivered"] > 0
            if comparison.told_again:
                given &= records["sent_us"] <= until_us
            yield rows_of_ledger(comparison, records[given])

    def with_keys(self, comparison: Comparison, wanted: Any) -> Rows:
        """Rows of all records, delivered or not, that have one of these keys."""
        if not len(wanted):
            return comparison.empty()
        rows = (rows_of_ledger(comparison, records) for records in self.records(comparison, _FOREVER))
        return np.concatenate([comparison.empty(), *(block[np.isin(block["key"], wanted)] for block in rows)])

    def first_event_us(self, comparison: Comparison) -> int | None:
        """Of all records where a state is told anew: it stands since its own last change."""
        blocks = self.records(comparison, _FOREVER)
        return min((int(block["event_us"].min()) for block in (blocks if comparison.told_again else islice(blocks, 1))), default=None)

    def _dtype(self, comparison: Comparison) -> np.dtype[Any]:
        return np.dtype([tuple(field) for field in self._json(f"{comparison.segments}.dtype.json")])

    def _json(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise LedgerUnreadable(f"{self.folder / name} cannot be read ({exc}): is the sandbox running? `./farm status` says.") from exc


def _sealed_before(path: Path, since_us: int) -> bool:
    try:
        return path.stat().st_mtime_ns // 1000 < since_us
    except FileNotFoundError:
        return True


def _blocks(path: Path, dtype: np.dtype[Any]) -> Iterator[Rows]:
    at = 0
    while True:
        try:
            block = np.fromfile(path, dtype, BLOCK, offset=at * dtype.itemsize)
        except FileNotFoundError:  # the oldest segment is deleted when there are too many
            return
        if not len(block):
            return
        yield block
        at += len(block)
