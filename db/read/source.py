"""Where rows are read: the database by the reader's account, and the folder of closed days. Either may be left out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from core import settings
from db import arrow
from db.arrow import Snapshot
from db.days import Recorded
from db.parquet import places


@dataclass(frozen=True, slots=True)
class Source:
    """`url`: of the database, or empty: then closed days are all there is. `folder`: of the closed days; None: the database is."""

    url: str
    folder: Path | None


@dataclass(frozen=True, slots=True)
class Instrument:
    number: int
    venue: str
    symbol: str


def configured() -> Source:
    """As the environment says: DATABASE_READER_URL (or DATABASE_URL), and FARM_DATA."""
    knobs = settings.load()
    return Source(knobs.reading_url, knobs.data / "parquet")


class Opened:
    """A source while it is read: the database in one state, where there is one."""

    def __init__(self, source: Source, snapshot: Snapshot | None) -> None:
        self.source, self.snapshot = source, snapshot

    def instruments(self, venue: str | None, dataset: str) -> list[Instrument]:
        """All that are known, by venue and number."""
        if self.snapshot is not None:
            found = self.snapshot.rows(
                "SELECT instrument_id, venue, symbol FROM instruments WHERE $1::text IS NULL OR venue = $1 ORDER BY venue, instrument_id",
                venue,
            )
            return [Instrument(*row) for row in found]
        known = {
            (manifest.venue, number): Instrument(number, manifest.venue, symbol)
            for manifest in self._manifests(dataset, venue)
            for number, symbol in manifest.instruments.items()
        }
        return [known[place] for place in sorted(known)]

    def _manifests(self, dataset: str, venue: str | None) -> Iterator[places.Manifest]:
        if self.source.folder is not None:
            for path in sorted(self.source.folder.glob(f"{dataset}/venue=*/date=*/{places.MANIFEST}")):
                manifest = places.read(path)
                if venue in (None, manifest.venue):
                    yield manifest

    def counters(self, since: date, until: date) -> Mapping[tuple[str, str, date], Recorded] | None:
        """Of the days from `since` up to `until`; None without a database: then every file is the newest there is."""
        if self.snapshot is None:
            return None
        rows = self.snapshot.rows(
            "SELECT venue, kind, day, changes, judgements FROM recorded_days WHERE day >= $1 AND day < $2 ORDER BY 1, 2, 3", since, until
        )
        return {row[:3]: Recorded(*row) for row in rows}

    def judged_until(self) -> dict[tuple[str, str], datetime]:
        """(venue, channel) -> up to when hours of any of its streams are in `coverage`: one that is gone stays behind for ever."""
        if self.snapshot is None:
            return {}
        rows = self.snapshot.rows(
            "SELECT split_part(stream, ':', 1), split_part(stream, ':', 2), max(judged_until) FROM judged_streams GROUP BY 1, 2"
        )
        return {(venue, channel): at for venue, channel, at in rows}


@contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """Raises db.arrow.FAILED where the database is away."""
    if not source.url:
        yield Opened(source, None)
        return
    with arrow.snapshot(source.url) as snapshot:
        yield Opened(source, snapshot)
