"""One transaction of the write path: rows, what they prove, and the offsets, all or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from psycopg2 import errors
from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor

from core.records import KINDS, Columns, Instrument, Kind, Market, Pause
from db import copy, days, evidence, instruments, markets, offsets, outages, pauses, subscriptions
from db.touched import Minute, Touched, minutes

#: Below this a sort costs more than it saves.
SORTED_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """What a venue said about its instruments and markets, and when. `complete`: an instrument that is not listed is gone.
    `provisional`: what has been described already stays as it is."""

    venue: str
    instruments: Sequence[Instrument]
    complete: bool
    at_us: int
    markets: Sequence[Market] = ()
    pauses: Sequence[Pause] | None = None
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What entries of one stream come to. `rows`: (kind, columns with instrument_id) in the order of the stream; `wishes`: what it asks its
    venue for."""

    step: offsets.Advance
    rows: Sequence[tuple[str, Columns]] = ()
    notes: Sequence[evidence.Note] = ()
    listings: Sequence[Listing] = field(default_factory=tuple)
    wishes: Sequence[subscriptions.Wish] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction writes; `streams` holds one encoded COPY a table over all works, `touched` what bars it makes stale."""

    works: Sequence[Work]
    streams: Mapping[str, bytes]
    touched: frozenset[Minute] = frozenset()


def prepare(works: Sequence[Work]) -> Batch:
    """Everything that can be done before the database is asked, so that it overlaps with the commit before."""
    parts: dict[str, list[Columns]] = {}
    for work in works:
        for name, columns in work.rows:
            parts.setdefault(name, []).append(columns)
    ordered = {name: _by_instrument(KINDS[name], columns) for name, columns in parts.items()}
    return Batch(works, {name: copy.encode(KINDS[name], columns) for name, columns in ordered.items()}, minutes(ordered))


def _by_instrument(kind: Kind, parts: Sequence[Columns]) -> Sequence[Columns]:
    """A large batch as one, its rows sorted by instrument and otherwise in the order they came.

    The key begins with the instrument, so neighbours go into the same page of the index: less CPU for the backend.
    """
    absent = [{column.name for column in kind.columns if part.get(column.name) is None} for part in parts]
    if sum(len(part["event_at"]) for part in parts) < SORTED_ROWS or any(names != absent[0] for names in absent):
        return parts
    ids = np.concatenate([part["instrument_id"] for part in parts])
    # Numbers of 16 bits are sorted by radix.
    order = np.argsort(ids.astype(np.uint16) if ids.max() < 1 << 16 else ids, kind="stable")
    names = [column.name for column in kind.columns if column.name not in absent[0]]
    return [{name: _concatenated([part[name] for part in parts])[order] for name in names}]


def _concatenated(arrays: Sequence[Any]) -> Any:
    masked = any(isinstance(array, np.ma.MaskedArray) for array in arrays)
    join: Any = np.ma.concatenate if masked else np.concatenate
    return join(arrays)


def commit(connection: RawConnection, batch: Batch, touched: Touched | None = None) -> int:
    """Write it all and commit; returns the rows that were new. On any error nothing is written and the connection is rolled back.
    `touched`: what was noted over this connection before.

    Raises offsets.Fenced when another writer was faster, psycopg2 errors otherwise.
    """
    touched = touched or Touched()
    try:
        try:
            # Replicas bring the same rows: a straight try would fail nearly each time.
            shared = any(work.step.shared for work in batch.works)
            return _transaction(connection, batch, _write_once if shared else _write_straight, touched)
        except errors.UniqueViolation:
            connection.rollback()
            return _transaction(connection, batch, _write_once, touched)
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise


def _transaction(
    connection: RawConnection, batch: Batch, write_rows: Callable[[Cursor, Batch], list[offsets.Counts]], touched: Touched
) -> int:
    shared = [work for work in batch.works if work.step.shared]
    with connection.cursor() as cursor:
        # First of all and in order: two writers of one place, after a change of groups, wait for each other here and nowhere else.
        for place in sorted({work.step.place for work in shared}):
            outages.lock(cursor, place)
        totals = write_rows(cursor, batch)
        for work, counts in zip(batch.works, totals, strict=True):
            for listing in work.listings:
                venue, at_us, provisional = listing.venue, listing.at_us, listing.provisional
                instruments.describe(cursor, venue, listing.instruments, complete=listing.complete, at_us=at_us, provisional=provisional)
                if listing.markets:
                    markets.describe(cursor, venue, listing.markets, at_us=at_us, provisional=provisional)
                if listing.pauses is not None:
                    pauses.take_over(cursor, listing.venue, listing.pauses, at_us=listing.at_us)
            evidence.write(cursor, work.notes)
            subscriptions.write(cursor, work.wishes)
            offsets.advance(cursor, replace(work.step, counts=counts))
        for work in shared:
            outages.read_on(cursor, work.step.place, work.step.replica, work.step.heard_before_us)
            for name in sorted({name for name, _ in work.rows if KINDS[name].sequence}):
                outages.forget_brought(cursor, work.step.place, KINDS[name])
        told = days.mark(cursor, days.touched((work.step.place[0], *rows) for work in batch.works for rows in work.rows))
        noted = touched.note(cursor, batch.touched)
    connection.commit()
    touched.committed(noted)
    days.remember(connection, told)
    return sum(counts.rows for counts in totals)


def _write_straight(cursor: Cursor, batch: Batch) -> list[offsets.Counts]:
    """Raises UniqueViolation when any row is there already."""
    for name, stream in batch.streams.items():
        kind = KINDS[name]
        write = copy.copy_once if kind.revises else copy.copy
        write(cursor, kind, stream)
    return [work.step.counts for work in batch.works]


def _write_once(cursor: Cursor, batch: Batch) -> list[offsets.Counts]:
    """Work by work through staging, so that each stream knows which of its rows were there already."""
    totals = []
    for work in batch.works:
        counts = work.step.counts
        for name, columns in work.rows:
            kind, size = KINDS[name], len(columns["event_at"])
            new = copy.copy_once(cursor, kind, copy.encode(kind, [columns]))
            if not kind.revises:
                counts = replace(counts, rows=counts.rows - size + new, repeated=counts.repeated + size - new)
        totals.append(counts)
    return totals
