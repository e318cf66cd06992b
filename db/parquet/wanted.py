"""Which closed days are not in their folders as they are in the database."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from db import days, engine
from db.datasets import DATASETS
from db.days import Recorded
from db.parquet import places

_KNOWN = ".exported.json"
Days = Mapping[tuple[str, str, date], Recorded]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A day of a venue's dataset."""

    dataset: str
    venue: str
    day: date


#: (changes, judgements) at which a day was exported
Known = dict[Wanted, tuple[int, int]]


def counters(recorded: Days, one: Wanted) -> tuple[int, int] | None:
    """(changes, judgements) of what the dataset is made of; None where nothing was recorded."""
    found = [recorded.get((one.venue, kind, one.day)) for kind in DATASETS[one.dataset].made_of]
    known = [day for day in found if day is not None]
    return (sum(day.changes for day in known), sum(day.judgements for day in known)) if known else None


def closed(url: str, since: date, until: date) -> Days:
    """Recorded days from `since` up to `until`, not included, without those to which somebody may be writing and leaves no mark."""
    with closing(engine.connect(url, name="tapefarm export")) as connection, connection, connection.cursor() as cursor:
        while until > since and days.writers_since(cursor, until - timedelta(days=1)):
            until -= timedelta(days=1)
        return days.recorded(cursor, since, until)


def wanted(folder: Path, recorded: Days, known: Known, *, again: bool = False) -> Iterator[Wanted]:
    """What is missing or has changed, the newest day first; `again`: all of it."""
    for day in sorted({day for _, _, day in recorded}, reverse=True):
        for venue in sorted({venue for venue, _, of in recorded if of == day}):
            for name in DATASETS:
                one = Wanted(name, venue, day)
                now = counters(recorded, one)
                if now is not None and (again or known.get(one) != now or not _is_there(folder, one)):
                    yield one


def _is_there(folder: Path, one: Wanted) -> bool:
    return (places.place(folder, one.dataset, one.venue, one.day) / places.MANIFEST).exists()


def read_known(folder: Path) -> Known:
    """What was exported at which counters, so that not every manifest is read at every turn. Lost or damaged it is made anew by looking."""
    try:
        listed = json.loads((folder / _KNOWN).read_text(encoding="utf-8"))
        return {Wanted(name, venue, date.fromisoformat(day)): (changes, judgements) for name, venue, day, changes, judgements in listed}
    except (OSError, ValueError, TypeError):
        return {}


def write_known(folder: Path, known: Known) -> None:
    listed = sorted([one.dataset, one.venue, one.day.isoformat(), *now] for one, now in known.items())
    draft = folder / f"{_KNOWN}.new"
    draft.write_text("[" + ",\n".join(map(json.dumps, listed)) + "]\n", encoding="utf-8")
    draft.rename(folder / _KNOWN)
