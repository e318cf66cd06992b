"""The parts of an hour: held against a judgement of each single minute."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as RawConnection
from psycopg2.extras import execute_values

from db import coverage, engine
from db.coverage import Proof

Query = Callable[..., list[tuple[Any, ...]]]
START = datetime(2026, 11, 3, tzinfo=UTC)
MINUTES = 180
PROOF = Proof("v", "c", "trades", "verified", "witnessed", may_be_silent=True)
STATES = ("verified", "witnessed", "unverifiable", "broken", "paused")

# Few and long ones, so that many lie over each other.
minutes = st.integers(0, 9).map(lambda number: 20 * number)
spans = st.tuples(minutes, st.integers(1, 5).map(lambda number: 20 * number))
instruments = st.sampled_from([1, 2])
shards = st.sampled_from(["0", "1"])


class Gap(NamedTuple):
    span: tuple[int, int]
    shard: str
    instrument: int | None
    state: str
    cause: str
    reread: bool

    def part(self) -> str:
        if self.state == "planned":
            return "paused"
        unheard = self.cause in ("silent", "not subscribed")
        if self.state == "filled":
            return "silent" if unheard and not self.reread else "read"
        return "silent" if self.cause == "silent" else "lost"

    def holds(self, minute: int) -> bool:
        return minute >= self.span[0] and (self.state == "open" or minute < sum(self.span))


class World(NamedTuple):
    """`asked`: (instrument, shard, replica, span); `proven` and `until`: minute of a stream, by shard and replica."""

    asked: list[tuple[int, str, str, tuple[int, int]]]
    gaps: list[Gap]
    proven: dict[tuple[str, str], int | None]
    until: dict[tuple[str, str], int]
    read: list[tuple[int, tuple[int, int]]]

    def verdict(self, instrument: int, minute: int) -> str | None:
        """Of one minute of an instrument; None: nobody asked for it."""

        def within(span: tuple[int, int]) -> bool:
            return span[0] <= minute < sum(span)

        covered = any(who == instrument and within(span) for who, span in self.read)
        here = [(s, r) for who, s, r, span in self.asked if who == instrument and within(span) and minute < self.until[s, r]]
        of_shards = {self._of_shard(shard, [r for s, r in here if s == shard], minute) for shard in {s for s, _ in here}}
        own = {gap.part() for gap in self.gaps if gap.instrument == instrument and gap.holds(minute)} if here else set()
        if covered:
            return "verified" if "heard" in of_shards and not own & {"lost", "read"} else "witnessed"
        if not here:
            return None
        known = bool(of_shards & {"heard", "read"})
        paused = any(
            g.instrument is None and g.part() == "paused" and g.holds(minute) and g.shard in {s for s, _ in here} for g in self.gaps
        )
        for found, state in (
            ("paused" in own or (paused and not known), "paused"),
            ("lost" in own or ("lost" in of_shards and not known), "broken"),
            ("read" in own, "witnessed"),
            ("silent" in own or not known, "unverifiable"),
            ("heard" in of_shards, "verified"),
        ):
            if found:
                return state
        return "witnessed"

    def _of_shard(self, shard: str, replicas: list[str], minute: int) -> str:
        parts = {gap.part() for gap in self.gaps if gap.instrument is None and gap.shard == shard and gap.holds(minute)}
        for part in ("lost", "paused", "read"):
            if part in parts:
                return part
        proven = [self.proven[shard, replica] for replica in replicas]
        return "heard" if any(since is not None and minute >= since for since in proven) else "unproven"


gaps = st.builds(
    Gap,
    spans,
    shards,
    st.none() | instruments,
    st.sampled_from(["open", "missing", "filling", "filled", "partly filled", "unfillable", "planned"]),
    st.sampled_from(["disconnected", "sequence", "silent", "not subscribed"]),
    st.booleans(),
).map(lambda gap: gap if gap.instrument else gap._replace(cause="disconnected"))
streams = [(shard, replica) for shard in "01" for replica in "ab"]
worlds = st.builds(
    World,
    st.lists(st.tuples(instruments, shards, st.sampled_from("ab"), spans), min_size=2, max_size=8),
    st.lists(gaps, max_size=6),
    st.fixed_dictionaries({stream: st.just(0) | st.none() | minutes for stream in streams}),
    st.fixed_dictionaries({stream: st.just(MINUTES) | minutes for stream in streams}),
    st.lists(st.tuples(instruments, spans), max_size=2),
)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.fixture(scope="module")
def database(empty_database: Callable[[str], str], template: str) -> Iterator[RawConnection]:
    with closing(engine.connect(empty_database(template), name="test")) as opened:
        yield opened


@pytest.fixture
def own(database: RawConnection) -> Iterator[RawConnection]:
    yield database
    database.rollback()


def judged(
    connection: RawConnection, world: World, proof: Proof = PROOF, trade: int | None = None
) -> dict[tuple[int, int], tuple[str, list[float]]]:
    """(instrument, hour) -> (state, seconds by state); nothing of it is kept. `trade`: minute of a row of the first instrument."""
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) VALUES %s",
            [(number, "v", str(number), "open", START, START) for number in (1, 2)],
        )
        rows = [(f"v:c:{s}:{r}", "v", "c", s, str(i), i, at(span[0]), at(sum(span))) for i, s, r, span in world.asked]
        if rows:
            execute_values(
                cursor, "INSERT INTO subscriptions (stream, venue, channel, shard, symbol, instrument_id, from_at, to_at) VALUES %s", rows
            )
        for (shard, replica), until in world.until.items():
            since = world.proven[shard, replica]
            proven_at = None if since is None else at(since)
            cursor.execute("INSERT INTO judged_streams VALUES (%s, %s, %s)", (f"v:c:{shard}:{replica}", proven_at, at(until)))
        for gap in world.gaps:
            ends = None if gap.state == "open" else at(sum(gap.span))
            evidence = '[{"state": "filled", "backfill": 1}]' if gap.reread else '[{"state": "filled"}]'
            cursor.execute(
                "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, state, event_from, event_to, evidence) "
                "VALUES ('v', 'c', %s, %s, %s, %s, %s, %s, %s)",
                (gap.shard, gap.instrument, gap.cause, gap.state, at(gap.span[0]), ends, evidence),
            )
        for instrument, span in world.read:
            cursor.execute(
                "INSERT INTO backfills (venue, channel, instruments, from_at, to_at, state) VALUES ('v', 'c', %s, %s, %s, 'done')",
                ([str(instrument)], at(span[0]), at(sum(span))),
            )
        cursor.execute("DELETE FROM stale_coverage")
        cursor.execute(
            "INSERT INTO stale_coverage (venue, channel, instrument_id, from_at, to_at) VALUES ('v', 'c', 1, %(a)s, %(b)s), ('v', 'c', 2, %(a)s, %(b)s)",
            {"a": START, "b": at(MINUTES + 100)},
        )
        coverage.take(cursor, "v", "c", most=1_000)
        if trade is not None:
            names = "(event_at, received_at, instrument_id, trade_id, price, quantity, side)"
            cursor.execute(f"INSERT INTO trades {names} VALUES (%s, now(), 1, 1, 1, 1, 1)", (at(trade),))
        coverage.judge(cursor, proof)
        cursor.execute(f"SELECT instrument_id, hour, state, {', '.join(STATES)} FROM coverage")
        found = {(i, (hour - START) // timedelta(hours=1)): (state, list(parts)) for i, hour, state, *parts in cursor.fetchall()}
    connection.rollback()
    return found


def expected(world: World) -> dict[tuple[int, int], list[float]]:
    found: dict[tuple[int, int], list[float]] = {}
    for instrument in (1, 2):
        for minute in range(MINUTES + 100):
            state = world.verdict(instrument, minute)
            if state is not None:
                found.setdefault((instrument, minute // 60), [0.0] * 5)[STATES.index(state)] += 60.0
    return found


# One shard of an instrument lost what another one read again: rare, and easily forgotten.
@example(
    World(
        [(1, "0", "a", (0, 60)), (1, "1", "a", (0, 60))],
        [Gap((0, 20), "0", None, "missing", "disconnected", reread=False), Gap((0, 20), "1", None, "filled", "disconnected", reread=True)],
        dict.fromkeys(streams, 0),
        dict.fromkeys(streams, MINUTES),
        [],
    )
)
@given(worlds)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_parts_neither_overlap_nor_leave_a_hole(own: RawConnection, world: World) -> None:
    found = judged(own, world)
    assert {place: parts for place, (_, parts) in found.items()} == expected(world)
    for state, (_, _, _, broken, _) in found.values():
        assert (state == "broken") == (broken > 0)


HEARD = World([(1, "0", "a", (0, 60))], [], dict.fromkeys(streams, 0), dict.fromkeys(streams, MINUTES), [])


@pytest.mark.parametrize(
    ("gap", "state", "seconds"),
    [
        (Gap((10, 1), "0", 1, "unfillable", "sequence", reread=False), "broken", 60),
        (Gap((10, 0), "0", 1, "unfillable", "sequence", reread=False), "broken", 0),
        (Gap((10, 1), "1", None, "unfillable", "disconnected", reread=False), "verified", 0),
        (Gap((10, 1), "0", None, "planned", "planned pause", reread=False), "planned pause", 0),
        (Gap((10, 1), "0", 1, "open", "silent", reread=False), "unverifiable", 0),
        (Gap((10, 1), "0", 1, "filled", "sequence", reread=True), "witnessed", 0),
    ],
    ids=["a minute", "ids of one instant", "another shard", "a pause", "an instrument without a word", "read again"],
)
def test_the_weakest_part_names_the_hour(own: RawConnection, gap: Gap, state: str, seconds: int) -> None:
    ((told, parts),) = judged(own, HEARD._replace(gaps=[gap])).values()
    assert (told, round(parts[3], 3), round(sum(parts), 3)) == (state, seconds, 3600)


@pytest.mark.parametrize(
    ("trade", "cause", "state"),
    [(9, "silent", "verified"), (9, "not subscribed", "verified"), (None, "silent", "unverifiable"), (-60, "silent", "unverifiable")],
    ids=["a number before", "one that was refused", "none", "too long before"],
)
def test_a_silence_between_two_numbers_that_follow_each_other_is_proven(
    own: RawConnection, trade: int | None, cause: str, state: str
) -> None:
    silence = Gap((10, 20), "0", 1, "filled", cause, reread=False)
    ((told, _),) = judged(own, HEARD._replace(gaps=[silence]), replace(PROOF, follows=True, lookback_hours=1), trade).values()
    assert told == state


@pytest.mark.parametrize(
    ("agreed", "disagreed", "states"),
    [
        (10, None, ("verified", "witnessed")),
        (20, 10, ("verified", "witnessed")),
        (10, 20, ("unverifiable", "unverifiable")),
        (None, None, ("verified", "unverifiable")),
    ],
    ids=["agrees", "agrees in the end", "disagrees in the end", "says nothing"],
)
def test_what_an_independent_source_says_of_an_hour(
    own: RawConnection, agreed: int | None, disagreed: int | None, states: tuple[str, str]
) -> None:
    found = []
    for proof in ("verified", "unverifiable"):
        with own.cursor() as cursor:
            cursor.execute(
                "INSERT INTO witnesses VALUES ('v', 'c', 1, %s, 'volume', 2, %s, %s, %s, %s, NULL)",
                (
                    START,
                    int(agreed is not None),
                    int(disagreed is not None),
                    *(None if one is None else at(one) for one in (agreed, disagreed)),
                ),
            )
            cursor.execute("SELECT instrument_id, from_at FROM stale_coverage")
            assert cursor.fetchall() == ([(1, START)] if agreed or disagreed else [])
        ((told, _),) = judged(own, HEARD, replace(PROOF, proof=proof)).values()
        found.append(told)
    assert tuple(found) == states


def test_seconds_of_times_with_holes_between_them(own: RawConnection) -> None:
    with own.cursor() as cursor:
        cursor.execute("SELECT seconds_of('{[2026-01-01 00:00:00,2026-01-01 00:00:00.5),[2026-01-02,2026-01-03)}'), seconds_of('{}')")
        assert cursor.fetchone() == (86400.5, 0.0)
    own.rollback()
