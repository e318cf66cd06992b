"""One exporter at a time goes through the days that want it. What one day lacks keeps no other from being made."""

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from db import arrow, days, engine
from db.datasets import BARS
from db.parquet import export, places
from db.parquet.export import NOTHING, Outcome
from db.parquet.wanted import Days, Wanted, read_known, wanted, write_known

log = logging.getLogger(__name__)


class Busy(Exception):
    """Another one exports into the same folder."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came of a day: an outcome, or why there is none."""

    one: Wanted
    outcome: Outcome | None
    failure: str = ""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raises Busy. What a kill has left in the folder is put right first."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        places.mend(folder)
        yield


def go(
    url: str,
    folder: Path,
    recorded: Days,
    *,
    chosen: Callable[[Wanted], bool] = lambda one: True,
    progress: Callable[[Wanted, int], None] = lambda one, rows: None,
    again: bool = False,
) -> Iterator[Step]:
    """Make one wanted and chosen day after the other. Raises where the database is away, and OSError: neither gets better with the next."""
    known = read_known(folder)
    for one in wanted(folder, recorded, known, again=again):
        if not chosen(one):
            continue
        step = _step(url, folder, one, progress, again=again)
        if step.outcome is not None and step.outcome.counters is not None:
            known[one] = step.outcome.counters
            write_known(folder, known)
        if step.outcome is not None and step.outcome.what == NOTHING and one.dataset not in BARS:
            _forget(url, recorded, one)
        yield step


def _step(url: str, folder: Path, one: Wanted, progress: Callable[[Wanted, int], None], *, again: bool) -> Step:
    try:
        return Step(one, export.export(url, folder, one, lambda rows: progress(one, rows), again=again))
    except arrow.AWAY:
        raise
    except (arrow.FAILED, RuntimeError) as exc:
        log.exception("a day could not be exported dataset=%s venue=%s day=%s", one.dataset, one.venue, one.day)
        return Step(one, None, f"{type(exc).__name__}: {exc}".splitlines()[0])


def _forget(url: str, recorded: Days, one: Wanted) -> None:
    with closing(engine.connect(url, name="tapefarm export")) as connection, connection, connection.cursor() as cursor:
        days.forget(cursor, recorded[one.venue, one.dataset, one.day])
