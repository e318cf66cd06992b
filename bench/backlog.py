"""A backlog to be written: the same frames as journal entries of a streamer, and as ready COPY blocks with nothing left to decode."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from bench.frames import runs
from bench.servers import Lab
from core.journal import CONNECTED, PROVEN, StreamName, data_fields, event_fields
from core.records import KINDS
from core.venue import Frames
from db import copy
from db.instruments import InstrumentIds
from venues import VENUES

VENUE = "binance"
_CONNECTION = "bench"

Entry = dict[bytes, bytes]


@dataclass(frozen=True)
class Backlog:
    stream: StreamName
    table: str
    rows: int
    entries: Sequence[Entry]
    blocks: Sequence[tuple[int, bytes]]  # (rows, binary COPY stream), one a transaction

    def append(self, lab: Lab) -> None:
        journal = lab.journal()
        for start in range(0, len(self.entries), 16):
            journal.append([(self.stream, entry) for entry in self.entries[start : start + 16]])


def backlog(lab: Lab, channel: str, frames: Sequence[bytes], received_us: np.ndarray) -> Backlog:
    stream, table = StreamName(VENUE, channel), VENUES[VENUE].channel(channel).kind
    entries = [event_fields(kind, _CONNECTION, number, int(received_us[0])) for number, kind in enumerate((CONNECTED, PROVEN))]
    for run in runs(frames, lab.settings.batch_max_bytes):
        part = slice(run.start, run.stop)
        entries.append(data_fields(_CONNECTION, len(entries), frames[part], received_us[part]))
    return Backlog(stream, table, len(frames), entries, list(_blocks(lab, channel, frames, received_us)))


def _blocks(lab: Lab, channel: str, frames: Sequence[bytes], received_us: np.ndarray) -> list[tuple[int, bytes]]:
    venue, size = VENUES[VENUE], lab.settings.writer_max_rows
    kind = KINDS[venue.channel(channel).kind]
    blocks = []
    with closing(lab.connect()) as connection:
        ids = InstrumentIds(VENUE, connection, lab.settings.writer_max_instruments)
        for start in range(0, len(frames), size):
            part = frames[start : start + size]
            rows = venue.decode(channel, Frames(b"\n".join(part), len(part), received_us[start : start + size], lines=True)).rows[kind.name]
            blocks.append((len(part), copy.encode(kind, [{**rows, "instrument_id": ids.array(rows["symbol"])}])))
    return blocks
