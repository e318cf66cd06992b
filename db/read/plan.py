"""Which part of an answer is read where: a closed day from its file, as long as that is as new as the database, everything else from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from db.days import DAY_US
from db.parquet import places
from db.parquet.wanted import Wanted, counters
from db.read.question import Question
from db.read.source import Instrument, Opened

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Part:
    """One day, or some of it, of one venue: parts follow each other by day and venue, and so do their rows. `rows_in`, `coverage_in`: the
    day's folder; None: the database."""

    venue: str
    since_us: int
    until_us: int
    instruments: Sequence[int]
    whole_venue: bool
    rows_in: Path | None
    coverage_in: Path | None

    @property
    def whole_day(self) -> bool:
        return self.until_us - self.since_us == DAY_US


class Nowhere(LookupError):
    """No such instrument."""


def instruments(opened: Opened, question: Question) -> list[Instrument]:
    """Who is asked about. Raises Nowhere."""
    known = opened.instruments(question.venue, question.dataset.name)
    if question.symbols is None:
        return known
    names = {one.symbol for one in known}
    missing = [symbol for symbol in question.symbols if symbol not in names]
    if missing:
        where = f" of {question.venue}" if question.venue else ""
        raise Nowhere(f"there is no instrument {', '.join(missing[:5])}{where}")
    return [one for one in known if one.symbol in set(question.symbols)]


def plan(opened: Opened, question: Question, asked: Sequence[Instrument]) -> list[Part]:
    first, last = question.since_us // DAY_US, (question.until_us - 1) // DAY_US
    recorded = opened.counters(_day(first), _day(last + 1))
    by_venue: dict[str, list[int]] = {}
    for instrument in asked:
        by_venue.setdefault(instrument.venue, []).append(instrument.number)
    parts = []
    for number in range(first, last + 1):
        since, until = max(question.since_us, number * DAY_US), min(question.until_us, (number + 1) * DAY_US)
        for venue in sorted(by_venue):
            one = Wanted(question.dataset.name, venue, _day(number))
            where = places.place(opened.source.folder, one.dataset, venue, one.day) if opened.source.folder else None
            there = places.found(where) if where else None
            now = counters(recorded, one) if recorded is not None else None
            rows = where if there and (now is None or there[1].changes == now[0]) else None
            judged = where if there and (now is None or there[1].judgements == now[1]) else None
            parts.append(Part(venue, since, until, by_venue[venue], question.symbols is None, rows, judged))
    return parts


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=number)
