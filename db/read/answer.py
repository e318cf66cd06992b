"""An answer: rows with names, how whole they are, in the form the caller wants, at once or piece by piece."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from db.read import coverage
from db.read.coverage import Holes, HolesWarning
from db.read.plan import Part, instruments, plan
from db.read.question import Question
from db.read.rows import Rows, schema_of
from db.read.source import Instrument, Opened, Source, configured, opened

As = Literal["polars", "arrow", "pandas"]
Treatment = Literal["raise", "warn", "mask"]
#: A row may be under way so long; what came later was not there at `as_of`, though it ought to have been.
LATE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """`rows`: a frame, or with `batches` an iterator of frames, which reads on as it goes. `coverage`: a row for each hour, see coverage.hours."""

    rows: Any
    coverage: Any


#: Gives the frames of a part, in pieces of any size or (`pieces` false) as one.
Reader = Callable[[Opened, Part, bool], Iterator[pl.DataFrame]]


def answer(
    question: Question,
    *,
    as_: As = "polars",
    holes: Treatment = "raise",
    batches: int | None = None,
    source: Source | None = None,
    reader: Reader | None = None,
) -> Answer:
    """Raises ValueError, LookupError (Holes, Nowhere), places.Unreadable, and db.arrow.FAILED where the database is away."""
    if as_ not in ("polars", "arrow", "pandas") or holes not in ("raise", "warn", "mask"):
        raise ValueError("`as_` is one of polars, arrow, pandas, and `holes` one of raise, warn, mask")
    if batches is not None and batches < 1:
        raise ValueError("`batches` is a number of rows from 1 up")
    with ExitStack() as stack:
        source_now = stack.enter_context(opened(source or configured()))
        asked = instruments(source_now, question)
        parts = plan(source_now, question, asked)
        whole = _judged(source_now, question, asked, parts)
        _treat(whole, holes)
        read = reader or _of_rows(question)
        finish = _Finish(question, asked, whole if holes == "mask" else None)
        told = formed(whole, as_)
        if batches is not None:
            pieces = _pieces(stack.pop_all(), (finish(frame) for part in parts for frame in read(source_now, part, True)), batches)
            return Answer((formed(piece, as_) for piece in pieces), told)
        frames = [finish(frame) for part in parts for frame in read(source_now, part, False)]
    return Answer(formed(pl.concat([finish.empty(), *frames]), as_), told)


def _judged(source: Opened, question: Question, asked: Sequence[Instrument], parts: Sequence[Part]) -> pl.DataFrame:
    late = []
    if question.as_of_us is not None:
        for kind in question.dataset.made_of:
            late += [place for part in _of_kind(source, question, asked, kind, parts) for place in part]
    return coverage.hours(source, question, asked, parts, late)


def _of_kind(source: Opened, question: Question, asked: Sequence[Instrument], kind: str, parts: Sequence[Part]) -> Iterator[Any]:
    raw = question if question.dataset.name == kind else question.of(kind)
    rows = Rows(source, raw.dataset, raw.columns, raw.as_of_us)
    for part in parts if raw is question else plan(source, raw, asked):
        yield rows.late(part, LATE_US)


def _treat(whole: pl.DataFrame, holes: Treatment) -> None:
    complaint = coverage.complain(whole)
    if complaint and holes == "raise":
        raise Holes(f'{complaint}. With holes="warn" or "mask" there are rows nevertheless', whole)
    if complaint and holes == "warn":
        warnings.warn(complaint, HolesWarning, stacklevel=5)


def _of_rows(question: Question) -> Reader:
    names = {*question.columns, "instrument_id", question.dataset.time}

    def read(source: Opened, part: Part, pieces: bool) -> Iterator[pl.DataFrame]:
        rows = Rows(source, question.dataset, sorted(names), question.as_of_us)
        if pieces:
            yield from rows.batches(part)
        else:
            yield rows.frame(part)

    return read


class _Finish:
    """Names beside the numbers, a mask where one is wanted, and no other columns than were asked for."""

    def __init__(self, question: Question, asked: Sequence[Instrument], mask: pl.DataFrame | None) -> None:
        self._question = question
        size = max((one.number for one in asked), default=0) + 1
        names: dict[str, list[str | None]] = {"venue": [None] * size, "symbol": [None] * size}
        for one in asked:
            names["venue"][one.number], names["symbol"][one.number] = one.venue, one.symbol
        self._names = {name: pl.Series(name, values, pl.Categorical()) for name, values in names.items() if name in question.columns}
        self._whole = None if mask is None else coverage.whole_hours(mask).with_columns(whole=pl.lit(True))

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        numbers = frame["instrument_id"]
        named = frame.with_columns(*(names.gather(numbers) for names in self._names.values()))
        if self._whole is None:
            return named.select(self._question.columns)
        hour = named.with_columns(hour=pl.col(self._question.dataset.time).dt.truncate("1h"))
        masked = hour.join(self._whole, on=["instrument_id", "hour"], how="left", maintain_order="left")
        return masked.select(*self._question.columns, pl.col("whole").fill_null(value=False))

    def empty(self) -> pl.DataFrame:
        return self(pl.DataFrame(schema=schema_of(self._question.dataset)))


def _pieces(stack: ExitStack, frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Frames of exactly so many rows, but for the last; the source stays open until the end of the iterator."""
    with stack:
        waiting: list[pl.DataFrame] = []
        rows = 0
        for frame in frames:
            waiting.append(frame)
            rows += frame.height
            while rows >= size:
                whole = pl.concat(waiting)
                yield whole.head(size)
                waiting, rows = [whole.slice(size)], rows - size
        if rows:
            yield pl.concat(waiting)


def formed(frame: pl.DataFrame, as_: As) -> Any:
    if as_ == "arrow":
        return frame.to_arrow()
    return frame.to_pandas() if as_ == "pandas" else frame
