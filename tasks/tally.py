"""What writers count of what they commit: a batch at a time, from its columns."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core import metrics
from core.journal import Entry, StreamName
from db.evidence import BookDoubted
from db.writing import Work

_US = 1e-6


@dataclass(slots=True)
class Received:
    """When what was digested came. `frames`: int64 arrays of receive times in us; of each entry with data, `first` (us) of its frames, and
    `appended`, when the journal took it (us)."""

    frames: list[Any] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    appended: list[int] = field(default_factory=list)

    def take(self, entry: Entry) -> None:
        self.first.append(entry.header.first_us)
        self.appended.append(int(entry.id.partition("-")[0]) * 1000)


def count(stream: StreamName, work: Work, received: Received, committed_us: int) -> None:
    """Behind the commit, so that what is tried again counts once."""
    place, counts = (stream.venue, stream.channel), work.step.counts
    if counts.rows:
        metrics.ROWS.add(counts.rows, *place)
    if counts.quarantined:
        metrics.QUARANTINED.add(counts.quarantined, *place)
    if doubted := sum(isinstance(note, BookDoubted) for note in work.notes):
        metrics.BOOK_MISMATCHES.add(doubted, *place)
    if received.first:
        appended = np.array(received.appended)
        # Ids of the journal are whole milliseconds: what came within the same one was not there before it came.
        metrics.LAG.observe_all(np.maximum(appended - received.first, 0), "journal", *place, unit=_US)
        metrics.LAG.observe_all(committed_us - appended, "commit", *place, unit=_US)
    for _, columns in work.rows if received.frames else ():
        metrics.LAG.observe_all(columns["received_at"] - columns["event_at"], "venue", *place, unit=_US)
