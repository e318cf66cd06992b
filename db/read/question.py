"""What is asked of a reader, with times as numbers; whatever cannot be meant is refused with a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from db.datasets import DATASETS, Dataset
from db.moments import micros

#: A moment: aware, or a date (its midnight in UTC), or either as text (UTC where it says nothing).
Moment = datetime | date | str


@dataclass(frozen=True, slots=True)
class Question:
    """Rows with since <= time < until, in us; of them what our clock had received by `as_of_us`. `symbols` None: all of the venue;
    `columns`: of the dataset, in its order."""

    dataset: Dataset
    venue: str | None
    symbols: Sequence[str] | None
    since_us: int
    until_us: int
    as_of_us: int | None = None
    columns: Sequence[str] = ()

    def of(self, kind: str) -> "Question":
        """The same about what a dataset is made of, with all its columns."""
        return replace(self, dataset=DATASETS[kind], columns=("venue", "symbol", *DATASETS[kind].names))


def ask(
    dataset: str,
    venue: str | None,
    symbols: str | Sequence[str] | None,
    since: Moment,
    until: Moment,
    as_of: Moment | None = None,
    columns: Sequence[str] | None = None,
) -> Question:
    """Raises ValueError."""
    if dataset not in DATASETS:
        raise ValueError(f"there is no table {dataset!r}: there are {', '.join(DATASETS)}")
    known = DATASETS[dataset]
    since_us, until_us = moment_us(since, "since"), moment_us(until, "until")
    if since_us >= until_us:
        raise ValueError("`since` does not lie before `until`")
    unknown = sorted(set(columns or ()) - {*known.names, "venue", "symbol"})
    if unknown:
        raise ValueError(f"{dataset} has no column {', '.join(unknown)}: it has venue, symbol, {', '.join(known.names)}")
    chosen = tuple(name for name in ("venue", "symbol", *known.names) if columns is None or name in columns)
    named = [symbols] if isinstance(symbols, str) else symbols
    as_of_us = None if as_of is None else moment_us(as_of, "as_of")
    return Question(known, venue, named, since_us, until_us, as_of_us, chosen)


def moment_us(at: Moment, name: str) -> int:
    """Microseconds since 1970. Raises ValueError."""
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise ValueError(f"{name} {at!r} is no time: write 2026-11-01, or 2026-11-01T12:30") from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=UTC)
    if at.tzinfo is None:
        raise ValueError(f"{name} has no time zone: write datetime(..., tzinfo=UTC)")
    us = micros(at)
    assert us is not None
    return us
