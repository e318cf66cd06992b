"""Gaps become jobs and jobs fill them: real tasks, a real journal and database, and a simulated venue that knows what was missed."""

from collections.abc import Callable
from typing import Any

from core import journal as journals
from core.board import Board
from core.journal import Journal
from core.settings import Settings
from tasks import backfill, maintenance
from tasks.drain import Turn
from tasks.survey import survey
from tests.sandbox.conftest import Sandbox, until
from tests.tasks.conftest import QUOTES, TRADES, Query, Socket, aged, quote, trade
from tests.tasks.past import emitted, frames, gaps, rows, stored, symbols


# --- missing ids ----------------------------------------------------------------------------------------------------------
def test_ids_that_were_left_out_are_filled_and_the_table_is_what_was_emitted(
    market: Sandbox, farm: Settings, journal: Journal, board: Board, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    heard = [row for row in of if not 50 <= row["a"] <= 60 and row["a"] != 100]
    with writing():
        Socket(journal, TRADES, "t").send(*frames(heard, "BTCUSDT"))
        until(lambda: len(gaps(query)) == 2)
        assert survey(farm, board, journal)["gaps_open"] == 2
        aged(query)
        assert backfill.plan() == {"filling": 2}
        assert backfill.plan() == {}
        work()
    assert stored(query, "BTCUSDT") == emitted(of)
    assert gaps(query) == [("sequence", 50, 60, "filled"), ("sequence", 100, 100, "filled")]
    assert survey(farm, board, journal)["gaps_open"] == 0
    assert query("SELECT state, progress, rows, requests, lacking, reason FROM backfills ORDER BY backfill_id") == [
        ("done", 1.0, 11, 1, 0, None),
        ("done", 1.0, 1, 1, 0, None),
    ]
    assert query("SELECT jsonb_path_query_array(evidence, '$[*].state') FROM data_gaps") == [(["filling", "filled"],)] * 2


def test_ids_that_came_by_themselves_are_seen_and_not_asked_for(
    market: Sandbox, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    with writing():
        Socket(journal, TRADES, "t").send(*frames(of[:20] + of[30:], "BTCUSDT"))
        until(lambda: gaps(query))
        Socket(journal, TRADES, "late").send(*frames(of[15:31], "BTCUSDT"))
        until(lambda: len(stored(query, "BTCUSDT")) == len(of))
        aged(query)
        backfill.plan()
        work()
    assert query("SELECT requests, state FROM backfills") == [(0, "done")]
    assert gaps(query) == [("sequence", of[20]["a"], of[29]["a"], "filled")]


def test_ids_the_venue_has_neither_are_beyond_filling(
    market: Sandbox, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    last, at = of[-1]["a"], of[-1]["T"]
    with writing():
        # The stream goes on with ids that the venue does not know.
        Socket(journal, TRADES, "t").send(*frames(of[:-3], "BTCUSDT"), trade(last + 8, T=at))
        until(lambda: gaps(query))
        aged(query)
        backfill.plan()
        work()
    assert gaps(query) == [("sequence", last - 2, last + 7, "partly filled")]
    assert query("SELECT state, rows, lacking, reason FROM backfills") == [("partly", 3, 7, "the venue has no such rows either")]
    assert query("SELECT evidence->-1->'lacking' FROM data_gaps") == [([["BTCUSDT", last + 1, last + 7]],)]


def test_rows_that_cannot_be_stored_are_not_called_the_venues_fault(
    market: Sandbox, journal: Journal, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = rows(market, "BTCUSDT")
    query("ALTER TABLE trades ADD CHECK (trade_id NOT BETWEEN 40 AND 42)")
    with writing():
        Socket(journal, TRADES, "t").send(*frames(of[:29] + of[49:], "BTCUSDT"))
        until(lambda: gaps(query))
        aged(query)
        backfill.plan()
        work()
    assert gaps(query) == [("sequence", 30, 49, "unfillable")]
    assert query("SELECT reason FROM backfills") == [("pages brought rows that could not be stored, see quarantine",)]
    assert query("SELECT count(*) > 0 FROM quarantine") == [(True,)]


# --- deaf times -----------------------------------------------------------------------------------------------------------
def test_a_deaf_time_is_filled_for_who_spoke_again_and_for_who_did_not(
    market: Sandbox, journal: Journal, board: Board, query: Query, writing: Callable[[], Any], work: Callable[[], None]
) -> None:
    of = {symbol: rows(market, symbol) for symbol in symbols(market)}
    board.publish_universe("binance", list(of))
    quiet = list(of)[1]
    with writing():
        lost_from, lost_to = of[quiet][60]["T"], of[quiet][100]["T"]
        first = Socket(journal, TRADES, "first")
        first.send(*(frame for symbol in of for frame in frames([row for row in of[symbol] if row["T"] < lost_from], symbol)))
        first.event(journals.DISCONNECTED, cause="reset")
        second = Socket(journal, TRADES, "second")
        loud = {symbol: [row for row in of[symbol] if row["T"] > lost_to] for symbol in of if symbol != quiet}
        second.send(*(frame for symbol in loud for frame in frames(loud[symbol], symbol)))
        until(lambda: len(gaps(query)) == 1 + len(loud))
        aged(query)
        assert backfill.plan() == {"filling": len(of)}
        work()
    assert {symbol: stored(query, symbol) for symbol in of} == {symbol: emitted(of[symbol]) for symbol in of}
    assert {state for *_, state in gaps(query)} == {"filled"}
    assert query("SELECT instruments FROM backfills JOIN data_gaps USING (gap_id) WHERE cause = 'disconnected'") == [([quiet],)]


def test_a_gap_of_what_has_no_history_says_so(market: Sandbox, journal: Journal, query: Query, drained: Callable[[], Turn]) -> None:
    socket = Socket(journal, QUOTES, "q")
    socket.send(quote(1))
    socket.event(journals.DISCONNECTED, cause="reset")
    Socket(journal, QUOTES, "r").send(quote(2))
    drained()
    aged(query)
    assert backfill.plan() == {"unfillable": 1}
    assert query("SELECT state, evidence->-1->>'reason' FROM data_gaps") == [("unfillable", "binance serves no history of bookTicker")]


def test_a_shard_that_is_deaf_still_and_an_instrument_that_never_spoke_wait(
    market: Sandbox, journal: Journal, query: Query, drained: Callable[[], Turn]
) -> None:
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1))
    socket.event(journals.SUBSCRIBED, unproven=["QUIETUSDT"])
    socket.event(journals.DISCONNECTED, cause="reset")
    drained()
    aged(query)
    assert backfill.plan() == {}
    assert {state for *_, state in gaps(query)} == {"open"}
    assert maintenance.settle_gaps() == {"filled": 0, "planned": 0}
