"""A database made anew of the raw archive: the drains' own way from journal to tables, with the archive in the journal's place."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.archive import ArchiveError
from core.journal import StreamName
from core.settings import Settings
from db import engine, offsets
from ops.rebuild.replayed import Replayed, Silent, Unwatched
from ops.rebuild.tape import Channel, Reel
from tasks.archiving import HOUR_MS
from tasks.continuity import Connection, Sockets
from tasks.digest import place_of
from tasks.drain import Drain, Turn
from tasks.known import Known
from tasks.lag import Lag
from tasks.maintenance import settled
from venues import VENUES

#: So much is read before the range, for what is known when it begins: books, and what pages of a poll have in common.
LEAD_HOURS = 1
SAY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Range:
    """Of time, in us by our clock, the end not included; of venues, None for all."""

    from_us: int
    to_us: int
    venues: Collection[str] | None = None


@dataclass(slots=True)
class Rebuilt:
    streams: int = 0
    bytes: int = 0
    rows: int = 0
    quarantined: int = 0
    seconds: float = 0.0


def rebuild(settings: Settings, url: str, wanted: Range, say: Callable[[str], None] = lambda words: None) -> Rebuilt:
    """Read the archive into a migrated, empty database. Raises ArchiveError, and what a drain raises."""
    started = time.monotonic()
    channels = _channels(settings.data / "raw", wanted)
    reels = {StreamName.parse(name): Reel(channel.records(name)) for channel in channels for name in channel.streams}
    if not reels:
        raise ArchiveError(f"{settings.data / 'raw'} holds nothing of that range")
    done = Rebuilt(len(reels), sum(channel.bytes for channel in channels))
    _stand(url, {name: kept for channel in channels for name, kept in channel.before.items() if name in channel.streams})
    _read(_as_reader(settings, url), Replayed(reels), done, say)
    settled(url)
    done.seconds = time.monotonic() - started
    return done


def _channels(root: Path, wanted: Range) -> list[Channel]:
    from_hour = wanted.from_us // (HOUR_MS * 1000) - LEAD_HOURS
    folders = [folder for folder in sorted(root.glob("*/*")) if folder.is_dir() and folder.parent.name in VENUES]
    return [Channel(folder, from_hour, wanted.to_us) for folder in folders if wanted.venues is None or folder.parent.name in wanted.venues]


def _as_reader(settings: Settings, url: str) -> Settings:
    """One group reads all; there is nothing to hold back for an archive, and what is last known may be years old."""
    return replace(settings, database_url=url, archive="off", writer_groups=1, gap_lookback_hours=876_000.0)


def _stand(url: str, before: Mapping[str, Any]) -> None:
    """What the archive knew of connections where the range begins: without it their numbers would begin with a hole."""
    with closing(engine.connect(url, name="tapefarm rebuild")) as connection, connection, connection.cursor() as cursor:
        for name, kept in before.items():
            place, heard = place_of(StreamName.parse(name)), Known.restore(kept).heard
            known = {one: Connection(was.highest, was.incarnation, was.live, was.live) for one, was in heard.items()}
            offsets.stand(cursor, name, place, Sockets(place, known).stored())


def _read(settings: Settings, journal: Replayed, done: Rebuilt, say: Callable[[str], None]) -> None:
    turn, said_at = Turn(0), 0.0
    with closing(Drain(settings, journal, Silent(), turn, Lag(), matched=Unwatched())) as drain:
        drain.open()
        while True:
            if journal.come_up():
                drain.find_streams()
            if not drain.step():
                break
            if time.monotonic() - said_at > SAY_SECONDS:
                said_at = time.monotonic()
                say(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(journal.at_ms / 1000))}  {turn.rows:,} rows")
        drain.run(time.monotonic())
    done.rows, done.quarantined = turn.rows, turn.quarantined
