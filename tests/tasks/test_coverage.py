"""What each hour can be called, from what the journal told and what was read again since."""

from collections.abc import Callable
from typing import Any

import pytest

from core.board import Board
from core.journal import Journal
from tasks import coverage
from tests.tasks.conftest import QUOTES, TRADES
from tests.tasks.told import Line, Query, at, hours

Drain = Callable[[], Any]


@pytest.fixture
def judged(drained: Drain, worker: Callable[..., None]) -> Callable[[], dict[str, Any]]:
    """What the journal holds is written, and what has changed is judged."""

    def judge() -> dict[str, Any]:
        drained()
        return coverage.judge()

    return judge


def test_hours_that_were_heard_are_verified(judged: Drain, journal: Journal, query: Query) -> None:
    line = Line(journal, TRADES, "c", ["BTCUSDT", "ETHUSDT"], 600)
    for number, seconds in enumerate((600, 3000, 8000), start=1):
        line.trade(number, "BTCUSDT", seconds)
        line.trade(number, "ETHUSDT", seconds)
    assert judged()["stale"] == 0
    assert hours(query, "BTCUSDT") == [(0, "verified", 3000, 0, 0, 0, 0), *((hour, "verified", 3600, 0, 0, 0, 0) for hour in range(1, 5))]
    assert hours(query, "ETHUSDT") == hours(query, "BTCUSDT")
    assert query("SELECT newest_at FROM coverage ORDER BY instrument_id, hour LIMIT 3") == [(at(3000),), (None,), (at(8000),)]


def test_time_in_which_nobody_listened_is_broken_until_it_is_filled(judged: Drain, journal: Journal, query: Query) -> None:
    line = Line(journal, TRADES, "c", ["BTCUSDT"], 0)
    line.trade(1, "BTCUSDT", 0)
    line.trade(2, "BTCUSDT", 1000)
    line.end(1200)
    judged()
    assert hours(query, "BTCUSDT")[0] == (0, "broken", 1000, 0, 0, 2600, 0)
    assert hours(query, "BTCUSDT")[4] == (4, "broken", 0, 0, 0, 3600, 0), "a gap that is open goes on"
    line = Line(journal, TRADES, "d", ["BTCUSDT"], 4000)
    line.trade(3, "BTCUSDT", 4600)
    judged()
    told = hours(query, "BTCUSDT")
    assert told[:3] == [(0, "broken", 1000, 0, 0, 2600, 0), (1, "broken", 2600, 0, 0, 1000, 0), (2, "verified", 3600, 0, 0, 0, 0)]
    query('UPDATE data_gaps SET state = \'filled\', evidence = \'[{"state": "filled", "backfill": 1}]\'')
    judged()
    assert {state for _, state, *_ in hours(query, "BTCUSDT")} == {"verified"}
    assert sum(sum(parts) for _, _, *parts in hours(query, "BTCUSDT")) == 5 * 3600


@pytest.mark.parametrize("state", ["open", "missing"])
def test_a_gap_that_was_none_leaves_nothing_behind(judged: Drain, journal: Journal, query: Query, state: str) -> None:
    Line(journal, TRADES, "c", ["BTCUSDT"], 0).trade(1, "BTCUSDT", 0)
    judged()
    whole = hours(query, "BTCUSDT")
    places = "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, event_from, event_to, state)"
    ends = None if state == "open" else at(9000)
    query(f"{places} SELECT 'binance', 'aggTrade', '0', instrument_id, 'sequence', %s, %s, %s FROM instruments", (at(1800), ends, state))
    judged()
    assert hours(query, "BTCUSDT")[1] == (1, "broken", 0, 0, 0, 3600, 0)
    query("DELETE FROM data_gaps")
    judged()
    assert hours(query, "BTCUSDT") == whole


def test_a_silent_instrument_is_whole_once_its_ids_go_on(judged: Drain, journal: Journal, query: Query) -> None:
    line = Line(journal, TRADES, "c", ["BTCUSDT", "ETHUSDT"], 0)
    line.trade(1, "ETHUSDT", 0)
    line.end(1, "stopped")
    line = Line(journal, TRADES, "d", ["BTCUSDT", "ETHUSDT"], 3600)
    line.trade(1, "BTCUSDT", 3600)
    line.event("subscribed", 4200, unproven=["ETHUSDT"], seconds=600)
    judged()
    query("UPDATE data_gaps SET state = 'filled', evidence = '[{\"backfill\": 1}]' WHERE instrument_id IS NULL")
    judged()
    assert {state for _, state, *_ in hours(query, "BTCUSDT")} == {"verified"}
    assert [state for _, state, *_ in hours(query, "ETHUSDT")[1:]] == ["unverifiable"] * 4
    line.trade(2, "ETHUSDT", 9000)
    judged()
    query("UPDATE data_gaps SET state = 'filled', event_to = %s WHERE cause = 'silent'", (at(9000),))
    judged()
    assert [state for _, state, *_ in hours(query, "ETHUSDT")[1:]] == ["verified"] * 4


def test_what_a_spool_tells_late_is_judged_anew(judged: Drain, journal: Journal, query: Query) -> None:
    line = Line(journal, TRADES, "c", ["BTCUSDT"], 0)
    line.trade(1, "BTCUSDT", 0)
    judged()
    assert len(hours(query, "BTCUSDT")) == 5
    line.event("subscribed", 5400, removed=["BTCUSDT"], added=[])
    judged()
    assert hours(query, "BTCUSDT") == [(0, "verified", 3600, 0, 0, 0, 0), (1, "verified", 1800, 0, 0, 0, 0)]


def test_a_stream_that_is_read_anew_from_its_start_stays_judged(judged: Drain, journal: Journal, query: Query) -> None:
    Line(journal, TRADES, "c", ["BTCUSDT"], 0).trade(1, "BTCUSDT", 0)
    judged()
    before = hours(query, "BTCUSDT")
    query("UPDATE stream_offsets SET last_id = '0-0'")
    assert (coverage.judge()["failed"], hours(query, "BTCUSDT")) == ([], before)
    assert query("SELECT count(*) FROM judged_streams WHERE judged_until > %s", (at(5 * 3600),)) == [(1,)]


def test_a_shard_that_a_new_streamer_does_not_serve_asks_for_nothing(judged: Drain, journal: Journal, query: Query, board: Board) -> None:
    other = TRADES._replace(shard="1")
    for number, (stream, symbol) in enumerate([(TRADES, "BTCUSDT"), (other, "ETHUSDT")]):
        line = Line(journal, stream, f"c{number}", [symbol], 0)
        line.trade(1, symbol, 0)
        line.trade(2, symbol, 1200)
        line.end(1200)
    judged()
    assert [state for _, state, *_ in hours(query, "ETHUSDT")] == ["broken"] * 5
    serves = [{"channel": TRADES.channel, "shard": "0"}]
    board.report("streamer:binance:0:a", {"started_at": int(at(5000).timestamp() * 1e6), "streams": serves})
    judged()
    assert hours(query, "ETHUSDT") == [(0, "broken", 1200, 0, 0, 2400, 0), (1, "broken", 0, 0, 0, 1400, 0)]
    assert [state for _, state, *_ in hours(query, "BTCUSDT")] == ["broken"] * 5
    assert query("SELECT shard, state, received_to FROM data_gaps ORDER BY shard") == [("0", "open", None), ("1", "missing", at(5000))]


@pytest.mark.parametrize(
    ("shard", "part", "served", "is_gone"),
    [
        ("1", "0", ["0"], True),
        ("0", "0", ["0"], False),
        ("1.0", "0", ["0.0"], False),
        ("0.1", "0", ["0.0"], True),
        ("3", "0", ["0.0"], True),
        ("1.0", "0", ["0"], True),
    ],
)
def test_a_shard_is_gone_when_its_own_streamer_has_it_no_more(shard: str, part: str, served: list[str], is_gone: bool) -> None:
    assert coverage.gone(shard, part, served) == is_gone


def test_a_channel_that_cannot_be_judged_keeps_no_other_waiting(judged: Drain, journal: Journal, query: Query) -> None:
    for number, stream in enumerate((TRADES, QUOTES)):
        line = Line(journal, stream, f"c{number}", ["BTCUSDT"], 0)
        if stream is TRADES:
            line.trade(1, "BTCUSDT", 0)
    query("ALTER TABLE coverage ADD CONSTRAINT no_trades CHECK (channel <> 'aggTrade')")
    found = judged()
    assert (found["failed"], found["stale"] > 0, query("SELECT DISTINCT channel FROM coverage")) == (
        ["binance:aggTrade"],
        True,
        [("bookTicker",)],
    )
    query("ALTER TABLE coverage DROP CONSTRAINT no_trades")
    assert (judged()["stale"], query("SELECT count(DISTINCT channel) FROM coverage")) == (0, [(2,)])


def test_two_runs_at_a_time_are_one(judged: Drain, query: Query) -> None:
    query("SELECT pg_advisory_lock(%s)", (7_301_045,))
    assert judged() == {"hours": 0, "ended": "another one is at it"}
