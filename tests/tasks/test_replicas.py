"""Two replicas of a place, drained in any order: a gap is what neither heard, and nothing else."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as RawConnection

from core import journal
from core.journal import Header, StreamName
from db import gaps, offsets
from db.evidence import Note, NumberGap, Place
from db.moments import moment
from db.offsets import Advance, Offset
from db.writing import Work, commit, prepare
from tasks.continuity import Sockets

Query = Callable[..., list[tuple[Any, ...]]]
SECOND = 1_000_000
#: Ahead of the clock, so that who has been read lately is taken to live however slow the test is.
START = time.time_ns() // 1_000_000_000 * SECOND + 3600 * SECOND
TICKS = 10


class Replica:
    """A stream as its journal tells it, read part by part. At tick n a frame came n seconds after the start."""

    def __init__(self, connection: RawConnection, name: str) -> None:
        self._connection, self.stream = connection, StreamName("binance", "aggTrade", "0", name)
        self.place = Place(*self.stream)
        self.sockets, self._entries = Sockets(self.place), 0
        with connection, connection.cursor() as cursor:
            offsets.load(cursor, str(self.stream), self.place)

    def read(self, headers: Sequence[Header], *notes: Note) -> None:
        told: list[Note] = list(notes)
        before, heard_us, sockets = self._entries, self.sockets.heard_to_us, self.sockets
        for header in headers:
            told += sockets.take_number(header)
            if header.type == journal.DATA:
                sockets.last_received_us = header.last_us
                told += sockets.hear(header, header.first_us) if sockets.awaits_data(header.connection_id) else []
                sockets.last_event_us = header.last_us
            else:
                told += sockets.event(header)
        self._entries += max(1, len(headers))
        times = (sockets.last_event_us, sockets.last_received_us, sockets.heard_from_us, sockets.heard_to_us)
        after = Offset(f"{self._entries}-0", sockets.stored(), *times)
        step = Advance(str(self.stream), f"{before}-0", after, shared=True, heard_before_us=heard_us)
        commit(self._connection, prepare([Work(step, notes=told)]))


def told_by(name: str, alive: Sequence[bool], tells: Sequence[bool]) -> list[Header]:
    """What a replica that hears at these ticks writes; `tells` of a tick: it says so when it falls deaf then, instead of dying."""
    found: list[Header] = []
    life = batch = 0

    def say(type: str, at: float, **context: object) -> None:
        nonlocal batch
        batch += 1
        us = START + int(at * SECOND)
        found.append(Header(1, type, f"{name}{life}", batch, int(type == journal.DATA), us, us, True, context))

    for tick, hears in enumerate(alive):
        if hears:
            if tick == 0 or not alive[tick - 1]:
                life, batch = life + 1, 0
                say(journal.CONNECTED, tick - 0.25, incarnation=f"{name}{life}")
            say(journal.DATA, tick)
            if tick + 1 < len(alive) and not alive[tick + 1] and tells[tick]:
                say(journal.DISCONNECTED, tick + 0.25, cause="reset")
    return found


def deaf_times(alive: Sequence[bool]) -> list[tuple[float, float]]:
    """(last tick before, first tick after) of each; before its first a replica was never there."""
    heard = [-1e9, *(tick for tick, hears in enumerate(alive) if hears)]
    return [(a, b) for a, b in itertools.pairwise(heard) if b > a + 1]


def parts(headers: list[Header], cuts: set[int]) -> Iterator[list[Header]]:
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(headers)), len(headers)]
    return (headers[a:b] for a, b in itertools.pairwise(edges))


GAPS = "SELECT extract(epoch FROM received_from - %s)::float, extract(epoch FROM received_to - %s)::float, state FROM data_gaps ORDER BY 1"


def told(query: Query) -> list[tuple[Any, ...]]:
    return query(GAPS, (moment(START), moment(START)))


life = st.tuples(
    st.lists(st.booleans(), min_size=TICKS, max_size=TICKS).map(lambda alive: [*alive, True]),
    st.lists(st.booleans(), min_size=TICKS + 1, max_size=TICKS + 1),
    st.sets(st.integers(1, 3 * TICKS)),
)


@given(lives=st.tuples(life, life), order=st.lists(st.booleans(), max_size=60))
@hypothesis_settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_gaps_are_what_both_missed_in_whatever_order_their_news_is_committed(
    lives: tuple[Any, Any], order: list[bool], connection: RawConnection, query: Query
) -> None:
    query("TRUNCATE data_gaps, outages, sessions, stream_offsets")
    waiting = []
    for name, (alive, tells, cuts) in zip("ab", lives, strict=True):
        waiting.append((Replica(connection, name), list(parts(told_by(name, alive, tells), cuts))))
    for turn in itertools.chain(order, itertools.cycle([True, False])):
        replica, left = waiting[turn]
        if left:
            replica.read(left.pop(0))
        if not any(left for _, left in waiting):
            break
    deaf = [deaf_times(alive) for alive, _, _ in lives]
    # Who falls deaf before it has ever heard is not there: of both, only what one of them has lost is a gap.
    both = {(max(a[0], b[0]), min(a[1], b[1])) for a in deaf[0] for b in deaf[1]}
    expected = sorted((start, stop, "missing") for start, stop in both if -1e9 < start < stop)
    assert told(query) == expected
    missed = query("SELECT replica, count(*) FROM outages GROUP BY 1 ORDER BY 1")
    assert missed == [(name, n) for name, times in zip("ab", deaf, strict=True) if (n := sum(start > -1e9 for start, _ in times))]


@pytest.fixture
def pair(connection: RawConnection) -> tuple[Replica, Replica]:
    return Replica(connection, "a"), Replica(connection, "b")


HEARS_ALL = [True] * (TICKS + 1)
MISSES = [tick not in (3, 4, 5) for tick in range(TICKS + 1)]
TELLS = [True] * (TICKS + 1)


def test_a_gap_that_the_other_may_have_heard_stands_until_it_is_known(pair: tuple[Replica, Replica], query: Query) -> None:
    a, b = pair
    heard = told_by("b", HEARS_ALL, TELLS)
    b.read(heard[:4])
    a.read(told_by("a", MISSES, TELLS))
    assert told(query) == [(2.0, 6.0, "missing")]
    b.read(heard[4:6])
    assert told(query) == [(4.0, 6.0, "missing")]
    b.read(heard[6:])
    assert told(query) == []
    assert query("SELECT replica, cause, detail FROM outages") == [("a", "disconnected", "reset")]


def test_a_lasting_outage_is_no_gap_while_the_other_lives(pair: tuple[Replica, Replica], query: Query) -> None:
    a, b = pair
    b.read(told_by("b", HEARS_ALL, TELLS))
    a.read(told_by("a", MISSES, TELLS)[:5])
    assert told(query) == []
    assert query("SELECT replica, received_to FROM outages") == [("a", None)]


def test_when_both_are_deaf_the_gap_is_open_until_the_first_hears(pair: tuple[Replica, Replica], query: Query) -> None:
    a, b = pair
    both = told_by("a", MISSES, TELLS), told_by("b", [tick not in (4, 5, 6) for tick in range(TICKS + 1)], TELLS)
    a.read(both[0][:5])
    b.read(both[1][:6])
    assert told(query) == [(3.0, None, "open")]
    a.read(both[0][5:])
    assert told(query) == [(3.0, 6.0, "missing")]
    b.read(both[1][6:])
    assert told(query) == [(3.0, 6.0, "missing")]


def test_what_a_backfill_has_taken_over_is_left_to_it_and_not_told_again(
    pair: tuple[Replica, Replica], connection: RawConnection, query: Query
) -> None:
    a, b = pair
    heard = told_by("b", [tick not in (5, 6, 7) for tick in range(TICKS + 1)], TELLS)
    b.read(heard[:4])
    a.read(told_by("a", MISSES, TELLS))
    [(gap_id,)] = query("SELECT gap_id FROM data_gaps")
    with connection, connection.cursor() as cursor:
        gaps.move(cursor, gap_id, gaps.FILLING, "taken up")
    b.read(heard[4:])
    assert told(query) == [(2.0, 6.0, "filling")]


def test_numbers_that_one_connection_left_out_are_no_gap_where_the_other_replica_heard(pair: tuple[Replica, Replica], query: Query) -> None:
    a, b = pair
    a.read(told_by("a", HEARS_ALL, TELLS))
    hole = NumberGap(a.place, 1, 7, 8, START, START + SECOND, START + 4 * SECOND, START + 5 * SECOND)
    a.read([], hole)
    assert told(query) == [(4.0, 5.0, "missing")]
    b.read(told_by("b", HEARS_ALL, TELLS))
    assert told(query) == []
    assert query("SELECT replica, cause, first_missing, last_missing FROM outages") == [("a", "sequence", 7, 8)]
