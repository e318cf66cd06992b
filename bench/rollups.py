"""rollup_cpu: what bars cost at the pace of the market, in percent of a core: the writers' notes and the rolling up."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from psycopg2.extensions import connection as RawConnection

from bench.figures import Bar, Figure
from bench.frames import PACE, SYMBOLS
from bench.servers import Lab
from db import offsets, rollups, writing
from db.evidence import Place
from db.offsets import Advance, Counts, Offset
from db.touched import Touched
from db.writing import Batch, Work

BAR = Bar("rollup_cpu", "% of a core", 15.0)
MINUTES = 3
#: Rows of a transaction: what comes in 10 ms, as a live drain commits.
ROWS = PACE // 100
#: The schedule rings so often.
LOOK_SECONDS = 30
STREAM = "bench:market:0:a"


def measure(lab: Lab, *, minutes: int = MINUTES) -> list[Figure]:
    plain, noted = _written(lab, minutes * 60)
    rolled = _rolled(lab) / (minutes * 60)
    notes = (noted - plain) * PACE / ROWS
    how = (
        f"CPU of client and backend, {minutes} minutes of market time, {PACE:,} rows/s, three quotes to a trade, {len(SYMBOLS)} symbols; a commit "
        f"of {ROWS} rows costs {plain * 1e6:.0f} us and with notes {noted * 1e6:.0f} us, every other one of a run, a look each {LOOK_SECONDS} s: "
        f"{notes * 100:.1f} %; then seconds, minutes and hours from the raw rows: {rolled * 100:.1f} %"
    )
    return [BAR.figure((notes + rolled) * 100, how)]


class _Clock:
    """CPU seconds of this process and of a connection's backend, from now on."""

    def __init__(self, connection: RawConnection) -> None:
        self._backend = Path(f"/proc/{connection.get_backend_pid()}/schedstat")
        self._began = self._now()

    def _now(self) -> float:
        return int(self._backend.read_text().split()[0]) / 1e9 + time.process_time()

    def passed(self) -> float:
        return self._now() - self._began


def _written(lab: Lab, seconds: int) -> tuple[float, float]:
    """CPU seconds of a transaction without notes and of one with them, of so many seconds of the market, which ended with the last full
    minute. In the end all is noted."""
    lab.clear()
    begin_us = (time.time_ns() // 60_000_000_000 - 1) * 60_000_000 - seconds * 1_000_000
    used: tuple[list[float], list[float]] = ([], [])
    with closing(lab.connect()) as connection:
        with connection, connection.cursor() as cursor:
            offsets.load(cursor, STREAM, Place(*STREAM.split(":")[:3]))
        touched, before, everything = Touched(), "0-0", frozenset[int]()
        for number, rows in enumerate(_market(begin_us, seconds), start=1):
            if number % (LOOK_SECONDS * PACE // ROWS) == 0:
                rollups.look(connection)
            clock, noting, after = _Clock(connection), number % 2, f"{number}-0"
            batch = writing.prepare([Work(Advance(STREAM, before, Offset(after, {}), Counts(rows=ROWS)), rows)])
            writing.commit(connection, batch if noting else Batch(batch.works, batch.streams), touched)
            used[noting].append(clock.passed())
            before, everything = after, everything | batch.touched
        with connection, connection.cursor() as cursor:
            Touched().note(cursor, everything)
    plain, noted = map(mean, used)
    return plain, noted


def _market(begin_us: int, seconds: int) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Rows of one transaction after the other."""
    random, share = np.random.default_rng(1), 1.0 / np.arange(1, len(SYMBOLS) + 1) ** 0.9
    share = np.cumsum(share) / share.sum()
    for first in range(0, seconds * PACE, ROWS):
        numbers = np.arange(first, first + ROWS)
        times = begin_us + numbers * 1_000_000 // PACE
        head = {"event_at": times // 1000 * 1000, "received_at": times}
        head["instrument_id"] = (np.searchsorted(share, random.random(ROWS), side="right") + 1).astype(np.int32)
        quotes, trades = numbers % 4 != 0, numbers % 4 == 0
        price, size = np.round(100 + random.random(ROWS), 2), np.round(random.random((2, ROWS)) + 0.001, 3)
        rows = {"update_id": numbers, "bid_price": price, "bid_quantity": size[0], "ask_price": price + 0.01, "ask_quantity": size[1]}
        sold = {"trade_id": numbers, "price": price, "quantity": size[0], "side": random.choice(np.array([1, -1], np.int16), ROWS)}
        yield [
            (name, {column: values[which] for column, values in (head | own).items()})
            for name, own, which in (("quotes", rows, quotes), ("trades", sold, trades))
        ]


def _rolled(lab: Lab) -> float:
    """CPU seconds of rolling up all that is noted."""
    with closing(lab.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE quotes, trades")  # as autovacuum does
        connection.commit()
        clock = _Clock(connection)
        newest = rollups.look(connection)
        while rollups.minutes(cursor, newest):
            connection.commit()
        while rollups.hours(cursor):
            connection.commit()
        connection.commit()
        used = clock.passed()
        cursor.execute("SELECT (SELECT sum(updates + trades) FROM bars_1s), (SELECT count(*) FROM quotes) + (SELECT count(*) FROM trades)")
        rolled, stored = cursor.fetchone()  # type: ignore[misc]
    if rolled != stored:
        raise ValueError(f"{rolled} rows are in the bars, of {stored}")
    return used
