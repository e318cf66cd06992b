"""Whatever order things come in: each second that was asked for is in one part of its hour, and judging by and by is judging at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.journal import Journal, StreamName
from tasks import coverage
from tests.tasks.told import Line, Query, at, hours

NAMES = "ABC"
#: What is asked for at the end still is, past the last hour that is looked at.
EVER = 6 * 3600.0
MOVED = 3600.0
_numbers = count()

sets = st.sets(st.sampled_from(NAMES), min_size=1).map(sorted)
shards = st.sampled_from([0, 1])
steps = st.one_of(
    st.tuples(st.just("connect"), shards, sets, st.booleans()),
    st.tuples(st.just("trade"), shards, sets, st.sampled_from([1, 1, 1, 3])),
    st.tuples(st.just("change"), shards, sets, st.booleans()),
    st.tuples(st.just("end"), shards),
    st.tuples(st.just("give up"), shards),
    st.tuples(st.just("settle"), st.sampled_from(["filled", "unfillable"])),
    st.tuples(st.just("read"), st.sampled_from(NAMES), st.integers(0, 15_000), st.integers(60, 9_000)),
    st.just(("judge",)),
    st.just(("judge",)),
)
stories = st.lists(st.tuples(st.integers(1, 1_200), steps), min_size=4, max_size=14)


@dataclass
class Asked:
    """What one stream asks for, written down as it is told: symbol -> [from, to, whether it was left out]."""

    rows: dict[str, list[list[Any]]] = field(default_factory=dict)

    def open(self) -> dict[str, list[Any]]:
        return {name: rows[-1] for name, rows in self.rows.items() if rows and rows[-1][1] == EVER}

    def begin(self, names: Sequence[str], now: float) -> None:
        for name in set(names) - set(self.open()):
            self.rows.setdefault(name, []).append([now, EVER, False])

    def end(self, names: Sequence[str], now: float, *, left_out: bool = False) -> None:
        for name, row in self.open().items():
            if name in names:
                row[1:] = [now, left_out]


@dataclass
class Story:
    """A farm whose streams and symbols are its own."""

    journal: Journal
    query: Query
    number: int = field(default_factory=lambda: next(_numbers))
    lines: dict[int, Line] = field(default_factory=dict)
    asked: dict[int, Asked] = field(default_factory=lambda: {0: Asked(), 1: Asked()})
    ids: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    read: list[tuple[str, int, int]] = field(default_factory=list)
    made: int = 0

    def symbol(self, name: str) -> str:
        return f"{name}{self.number}USDT"

    def tell(self, now: float, what: str, *about: Any) -> None:
        match (what, *about):
            case ("connect", shard, names, new):
                self.made += 1
                stream = StreamName("binance", "aggTrade", f"{self.number}-{shard}")
                incarnation = f"i{self.made if new else 0}"
                self.lines[shard] = Line(
                    self.journal, stream, f"{self.number}-{self.made}", [self.symbol(n) for n in names], now, incarnation
                )
                self.asked[shard].end([name for name in NAMES if name not in names], now, left_out=True)
                self.asked[shard].begin(names, now)
            case ("trade", shard, names, jump) if shard in self.lines:
                for name in names:
                    self.ids[name] += jump
                    self.lines[shard].trade(self.ids[name], self.symbol(name), now)
            case ("change", shard, names, True) if shard in self.lines:
                self.lines[shard].event("subscribed", now, added=[self.symbol(name) for name in names], removed=[])
                self.asked[shard].begin(names, now)
            case ("change", shard, names, False) if shard in self.lines:
                self.lines[shard].event("subscribed", now, added=[], removed=[self.symbol(name) for name in names])
                self.asked[shard].end(names, now)
            case ("end" | "give up", shard) if shard in self.lines:
                self.lines.pop(shard).end(now, "no instruments" if what == "give up" else "closed")
                self.asked[shard].end(NAMES if what == "give up" else "", now)
            case ("settle", state):
                settled = "UPDATE data_gaps SET state = %s, evidence = '[{\"backfill\": 1}]' WHERE state = 'missing' AND shard LIKE %s"
                self.query(settled, (state, f"{self.number}-%"))
            case ("read", name, since, seconds):
                self.read.append((name, since, since + seconds))
                where = "(venue, channel, instruments, from_at, to_at) VALUES ('binance', 'aggTrade', %s, %s, %s)"
                self.query(f"INSERT INTO backfills {where}", ([self.symbol(name)], at(since), at(since + seconds)))
                self.query("UPDATE backfills SET state = 'done'")

    def seconds(self, name: str) -> dict[int, float]:
        """hour -> seconds in which this was asked for or read."""
        rows = [(number, row) for number, asked in self.asked.items() for row in asked.rows.get(name, [])]
        spans = [(row[0], row[1]) for _, row in rows]
        for _, (_, end, left_out) in rows:
            starts = [start for start, other in spans if other > end]
            if left_out and starts and end < min(starts) <= end + MOVED:
                spans.append((end, min(starts)))
        spans += [(since, until) for who, since, until in self.read if who == name]
        heard = {second for since, until in spans for second in range(int(since), int(min(until, 5 * 3600)))}
        found: dict[int, float] = {}
        for second in heard:
            found[second // 3600] = found.get(second // 3600, 0.0) + 1.0
        return found


@pytest.mark.slow
@given(stories)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_by_and_by_is_at_once_and_no_second_is_lost_or_counted_twice(
    journal: Journal, query: Query, drained: Callable[[], Any], worker: Callable[..., None], story: list[tuple[int, tuple[Any, ...]]]
) -> None:
    told = Story(journal, query)
    for now, (_, step) in zip(accumulate(pause for pause, _ in story), story, strict=True):
        if step == ("judge",):
            drained()
            coverage.judge()
        else:
            told.tell(now, *step)
    drained()
    coverage.judge()
    by_and_by = {name: hours(query, told.symbol(name)) for name in NAMES}
    query("DELETE FROM coverage")
    query("DELETE FROM judged_streams")
    every = "SELECT venue, 'aggTrade', instrument_id, %s, now() FROM instruments"
    query(f"INSERT INTO stale_coverage (venue, channel, instrument_id, from_at, to_at) {every}", (at(0),))
    coverage.judge()
    assert by_and_by == {name: hours(query, told.symbol(name)) for name in NAMES}
    registered = {symbol for (symbol,) in query("SELECT symbol FROM instruments")}
    for name in NAMES:
        expected = told.seconds(name) if told.symbol(name) in registered else {}
        assert {hour: sum(parts) for hour, _, *parts in by_and_by[name]} == expected, name
