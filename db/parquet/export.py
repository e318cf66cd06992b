"""A closed day of a dataset into its folder, from one state of the database."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from db import arrow, feeds
from db.arrow import Snapshot, Span
from db.datasets import BARS, DATASETS, Dataset
from db.days import DAY_US, Recorded
from db.moments import micros, moment
from db.parquet import places, writing
from db.parquet.places import Manifest, Stored
from db.parquet.wanted import Wanted, counters

#: Rows that the server sorts at a time; an instrument with more of them is a statement of its own.
RANGE_ROWS = 2_000_000

EXPORTED, SAME, JUDGED, KEPT, NOTHING, LATER = "exported", "same", "judged anew", "kept", "nothing there", "not rolled up yet"
#: Bars of a time are made when it was looked for what is stale after its end, and nothing of it is.
_ROLLED = """
SELECT EXISTS (SELECT FROM rolled_bars WHERE closed_until >= $2) AND NOT EXISTS (SELECT FROM stale_bars WHERE from_at < $2 AND to_at > $1)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`what`: exported; same (it has the same rows again); judged anew (its coverage alone has changed); kept (the database holds less than
    the file, whose rows stay); nothing there; not rolled up yet (of bars). `counters`: (changes, judgements) at which the day is there."""

    what: str
    counters: tuple[int, int] | None = None
    rows: int = 0
    bytes: int = 0


def export(url: str, folder: Path, one: Wanted, progress: Callable[[int], None] = lambda rows: None, *, again: bool = False) -> Outcome:
    """Make the day anew and put it into its place; rows are read only where they have changed, or `again`. Raises what the drivers of the
    database raise, and OSError."""
    where = places.place(folder, one.dataset, one.venue, one.day)
    with arrow.snapshot(url) as snapshot:
        return _Day(snapshot, DATASETS[one.dataset], one, where).make(progress, again=again)


class _Day:
    def __init__(self, snapshot: Snapshot, dataset: Dataset, one: Wanted, where: Path) -> None:
        self._snapshot, self._dataset, self._one, self._where = snapshot, dataset, one, where
        self._symbols: Mapping[int, str] = dict(
            snapshot.rows("SELECT instrument_id, symbol FROM instruments WHERE venue = $1 ORDER BY 1", one.venue)
        )
        since = micros(datetime.combine(one.day, datetime.min.time(), UTC)) or 0
        self._span = Span(since, since + DAY_US, list(self._symbols))

    def make(self, progress: Callable[[int], None], *, again: bool) -> Outcome:
        recorded = self._snapshot.rows("SELECT venue, kind, day, changes, judgements FROM recorded_days WHERE day = $1", self._one.day)
        now = counters({row[:3]: Recorded(*row) for row in recorded}, self._one) or (0, 0)
        old = _intact(self._where)
        if old and (old[1].changes, old[1].judgements) == now and not again:
            return Outcome(SAME, now, old[1].rows, old[1].data.bytes)
        if self._dataset.name in BARS and not self._rolled():
            return Outcome(LATER)
        hours = self._hours()
        if old and old[1].changes == now[0] and not again:
            return self._judged(old, now, hours, JUDGED)
        counts = self._snapshot.counts(self._dataset, self._span)
        total = sum(counts.values())
        if old and total < old[1].rows:
            return self._judged(old, now, hours, KEPT)
        if not total:
            return Outcome(NOTHING)
        new = places.draft(self._where)
        written = writing.rows(new / ".rows", self._dataset, self._batches(counts, progress), self._symbols)
        if written != total:
            raise RuntimeError(f"{self._one} has {total} rows, of which {written} were read in one state of the database")
        data = places.store(new / ".rows", "rows")
        known = sorted({*counts, *_instruments(hours)})
        manifest = Manifest(
            dataset=self._one.dataset,
            venue=self._one.venue,
            day=self._one.day.isoformat(),
            rows=total,
            changes=now[0],
            judgements=now[1],
            data=data,
            coverage=self._stored(hours, new),
            instruments={number: self._symbols[number] for number in known},
        )
        self._finish(new, manifest)
        return Outcome(SAME if old and old[1].data == data else EXPORTED, now, total, data.bytes)

    def _rolled(self) -> bool:
        since, until = moment(self._span.since_us), moment(self._span.until_us)
        return bool(self._snapshot.rows(_ROLLED, since, until)[0][0])

    def _hours(self) -> "pa.Table":
        """Coverage of the channels that tell of what the dataset is made of."""
        hours = self._snapshot.coverage(self._span)
        named = [feeds.channels(self._one.venue, kind) for kind in self._dataset.made_of]
        if None in named:
            return hours
        known = sorted({channel for channels in named if channels for channel in channels})
        return hours.filter(pc.is_in(hours["channel"], value_set=pa.array(known, pa.string())))

    def _batches(self, counts: Mapping[int, int], progress: Callable[[int], None]) -> Iterator["pa.RecordBatch"]:
        done = 0
        for instruments in ranges(counts):
            for batch in self._snapshot.stream(self._dataset, replace(self._span, instruments=instruments)):
                done += batch.num_rows
                progress(done)
                yield batch

    def _judged(self, old: tuple[Path, Manifest], now: tuple[int, int], hours: "pa.Table", what: str) -> Outcome:
        """The rows of before with the coverage of now."""
        folder, before = old
        new = places.draft(self._where)
        known = dict(before.instruments) | {number: self._symbols[number] for number in _instruments(hours)}
        manifest = replace(
            before,
            changes=now[0],
            judgements=now[1],
            data=places.taken_over(before.data, folder, new),
            coverage=self._stored(hours, new),
            instruments=dict(sorted(known.items())),
            late_rows=before.late_rows or what == KEPT,
        )
        self._finish(new, manifest)
        return Outcome(what, now, before.rows, before.data.bytes)

    def _stored(self, hours: "pa.Table", new: Path) -> Stored:
        writing.coverage(new / ".coverage", hours, self._symbols)
        return places.store(new / ".coverage", "_coverage")

    def _finish(self, new: Path, manifest: Manifest) -> None:
        places.write(new, manifest)
        places.publish(self._where)


def ranges(counts: Mapping[int, int], most: int = RANGE_ROWS) -> Iterator[list[int]]:
    """Instruments in their order, as many at a time as have so many rows together, one at least."""
    gathered: list[int] = []
    rows = 0
    for instrument in sorted(counts):
        if gathered and rows + counts[instrument] > most:
            yield gathered
            gathered, rows = [], 0
        gathered.append(instrument)
        rows += counts[instrument]
    if gathered:
        yield gathered


def _intact(where: Path) -> tuple[Path, Manifest] | None:
    try:
        there = places.found(where)
    except places.Unreadable:
        return None
    return there if there and places.intact(*there) else None


def _instruments(hours: "pa.Table") -> list[int]:
    found: list[int] = pc.unique(hours["instrument_id"]).to_pylist()
    return found
