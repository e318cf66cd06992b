"""Where a job stands: which instrument, how far, and what is in the journal but not yet looked for in the database. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Any

from core.venue import Request
from db.backfills import Job

#: What is lacking is told span by span up to so many; the number of ids is told in any case.
MAX_SPANS = 100


@dataclass(slots=True)
class Position:
    """Numbers of a sequence, or microseconds where the history is read by time. A stored one is its fields as JSON.

    `at`: everything below is settled, there or known not to be had; `since_us` is the venue's clock there, or earlier.
    `asked`: pages up to here are in the journal, the last at entry `entry`; they brought `rows` rows, none younger than `until_us`.
    """

    instrument: int = 0
    at: int | None = None
    since_us: int = 0
    asked: int | None = None
    until_us: int = 0
    rows: int = 0
    entry: str = ""
    follow: dict[str, Any] | None = None
    final: bool = False  # nothing is left to ask of this instrument
    host: int = 0
    tries: int = 0
    waits: str = ""
    lacking: list[list[Any]] = field(default_factory=list)  # [symbol, first, last] of what is not to be had

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    def next_instrument(self) -> "Position":
        return Position(self.instrument + 1, lacking=self.lacking)

    def begin(self, at: int, since_us: int) -> None:
        """From here on, once what is below is settled."""
        self.at, self.since_us = at, max(since_us, self.since_us)
        self.asked, self.until_us, self.rows, self.entry, self.tries, self.waits = None, 0, 0, "", 0, ""

    def again(self, hosts: int) -> None:
        """The same once more, at the next who serves it."""
        self.tries, self.host = self.tries + 1, (self.host + 1) % hosts
        self.asked, self.until_us, self.rows, self.entry, self.follow, self.final = None, 0, 0, "", None, False

    def lack(self, symbol: str, first: int, last: int) -> None:
        if self.lacking and self.lacking[-1][0] == symbol and self.lacking[-1][2] == first - 1:
            self.lacking[-1][2] = last
        elif len(self.lacking) < MAX_SPANS:
            self.lacking.append([symbol, first, last])

    def next_request(self, poll: str) -> Request | None:
        """What the venue's cursor says is to be asked next."""
        return None if self.follow is None else Request(poll, **self.follow)


def stored_request(request: Request | None) -> dict[str, Any] | None:
    if request is None:
        return None
    return {"path": request.path, "params": dict(request.params), "weight": request.weight, "max_bytes": request.max_bytes}


def progress(job: Job, position: Position) -> float:
    """Share of the way, 0 to 1: by ids where the job is about such, else by the venue's clock."""
    if position.at is None:
        part = 0.0
    elif job.first is not None and job.last is not None:
        part = (position.at - job.first) / (job.last - job.first + 1)
    else:
        part = (position.since_us - job.from_us) / max(1, job.to_us - job.from_us)
    return min(1.0, (position.instrument + min(max(part, 0.0), 1.0)) / max(1, len(job.instruments)))
