"""The yardstick: the fastest way we know to get these rows into this table, ready binary COPY blocks with the offset in each transaction."""

import time
from contextlib import closing

from bench.backlog import Backlog
from bench.servers import Lab
from core.records import KINDS
from db import copy, offsets
from db.evidence import Place

HOW = "raw: ready binary COPY blocks, {rows:,} rows a transaction with the offset row updated in it, into the same emptied table, CHECKPOINT before"


def raw_copy(lab: Lab, backlog: Backlog) -> float:
    """Rows a second from the first COPY to the last commit."""
    lab.clear()
    kind, stream = KINDS[backlog.table], str(backlog.stream)
    with closing(lab.connect()) as connection:
        with connection, connection.cursor() as cursor:
            before = offsets.load(cursor, stream, Place(backlog.stream.venue, backlog.stream.channel, backlog.stream.shard)).last_id
        began = time.perf_counter()
        for number, (rows, block) in enumerate(backlog.blocks, start=1):
            with connection, connection.cursor() as cursor:
                copy.copy(cursor, kind, block)
                step = offsets.Advance(stream, before, offsets.Offset(f"{number}-0", {}), offsets.Counts(entries=1, frames=rows, rows=rows))
                offsets.advance(cursor, step)
            before = step.after.last_id
        return backlog.rows / (time.perf_counter() - began)
