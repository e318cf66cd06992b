"""From the journal into the tables, exactly once, whatever breaks."""

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core import journal as journals
from core import records
from core.board import Board
from core.journal import Journal, StreamName
from core.settings import Settings
from core.venue import Reply
from db import engine, offsets, queries
from tasks.drain import FIRST_ENTRIES, LockTaken
from tasks.replies import Replies
from tests.tasks.conftest import QUOTES, TRADES, Socket, quote, trade
from tests.tasks.draining import drain_all, ids, opened
from venues import VENUES

Query = Callable[..., list[tuple[Any, ...]]]


def test_what_is_in_the_journal_ends_in_the_tables_and_is_trimmed(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    trades, quotes = Socket(journal, TRADES, "t"), Socket(journal, QUOTES, "q")
    trades.send(*(trade(n) for n in range(1, 51)))
    quotes.send(quote(7), quote(8, "ÄÖ币USDT"))
    turn = drain_all(farm, journal, board)
    assert ids(query) == list(range(1, 51))
    assert query(
        "SELECT symbol, update_id, bid_price, ask_quantity FROM marketdata.symbols JOIN quotes USING (instrument_id) ORDER BY 2"
    ) == [
        ("BTCUSDT", 7, 1.5, 3.0),
        ("ÄÖ币USDT", 8, 1.5, 3.0),
    ]
    assert (turn.rows, turn.streams) == (52, 2)
    assert journal.length(TRADES) == journal.length(QUOTES) == 0


def test_a_second_drain_of_a_group_is_refused_until_the_first_is_gone(farm: Settings, journal: Journal, board: Board) -> None:
    with opened(farm, journal, board), pytest.raises(LockTaken), opened(farm, journal, board):
        pass
    with opened(farm, journal, board):
        pass


def test_a_group_is_free_the_moment_its_drain_is_closed_and_not_when_the_server_notices(
    farm: Settings, journal: Journal, board: Board, connection: RawConnection
) -> None:
    with connection.cursor() as cursor:
        for _ in range(30):
            with opened(farm, journal, board, 3):
                assert not offsets.lock_group(cursor, 3)
            assert offsets.lock_group(cursor, 3)
            offsets.unlock_groups(cursor)


def test_groups_share_the_streams_without_overlap(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    Socket(journal, QUOTES, "q").send(quote(1))
    two = dataclasses.replace(farm, writer_groups=2)
    with opened(two, journal, board, 0) as (first, one), opened(two, journal, board, 1) as (second, other):
        while first.step() or second.step():
            pass
    assert (one.rows, other.rows) == (1, 1)


def test_a_batch_appended_twice_is_stored_once(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    Socket(journal, QUOTES, "q").send(quote(1), quote(2), times=3)
    drain_all(farm, journal, board)
    assert ids(query, "quotes", "update_id") == [1, 2]
    assert query("SELECT rows, repeated FROM stream_offsets") == [(2, 4)]


def test_two_connections_that_overlap_store_each_row_once(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    old, new = Socket(journal, TRADES, "old"), Socket(journal, TRADES, "new")
    frames = [trade(n) for n in range(1, 9)]
    old.send(*frames[:6])
    drain_all(farm, journal, board)
    new.send(*frames[3:])
    drain_all(farm, journal, board)
    assert ids(query) == list(range(1, 9))
    assert query("SELECT rows, repeated FROM stream_offsets") == [(8, 3)]
    assert query("SELECT count(*) FROM data_gaps") == [(0,)]


def test_a_backend_killed_in_the_middle_neither_loses_nor_doubles(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    socket = Socket(journal, TRADES, "t")
    for n in range(1, 100):
        socket.send(trade(n))
    with opened(dataclasses.replace(farm, writer_max_rows=1), journal, board) as (drain, _):
        drain.step()
        query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tapefarm drain%%' AND datname = current_database()",
            (),
        )
        with pytest.raises(engine.UNREACHABLE):
            while drain.step():
                pass
    drain_all(farm, journal, board)
    assert ids(query) == list(range(1, 100))
    assert query("SELECT rows FROM stream_offsets") == [(99,)]


def test_a_writer_that_was_overtaken_writes_nothing(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    with opened(farm, journal, board) as (drain, _):
        query("UPDATE stream_offsets SET last_id = '1-1'")
        with pytest.raises(Exception, match="no longer at"):
            while drain.step():
                pass
    assert ids(query) == []


def test_what_the_database_refuses_goes_aside_and_the_rest_is_stored(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    query("ALTER TABLE trades ADD CHECK (price < 1000)")
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1))
    socket.send(trade(2), trade(3, p="5000"))
    socket.send(trade(4))
    turn = drain_all(farm, journal, board)
    assert ids(query) == [1, 4]
    assert [reason.split(":")[0] for (reason,) in query("SELECT reason FROM quarantine ORDER BY frame_no")] == [
        "the database refused it"
    ] * 2
    assert turn.quarantined == 2
    assert query("SELECT frames, rows, quarantined FROM stream_offsets") == [(4, 2, 2)]


def test_a_hole_in_the_ids_is_a_gap_row_even_across_drains(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    socket = Socket(journal, TRADES, "t")
    socket.send(trade(1), trade(2))
    drain_all(farm, journal, board)
    socket.send(trade(6))
    drain_all(farm, journal, board)
    assert query("SELECT cause, first_missing, last_missing, state FROM data_gaps") == [("sequence", 3, 5, "missing")]


@pytest.mark.skipif("deribit" not in VENUES, reason="its folder is deleted")
def test_a_broken_chain_is_a_gap_until_the_whole_state_that_is_asked_for(
    farm: Settings, journal: Journal, board: Board, query: Query
) -> None:
    def book(own: int, previous: int | None = None) -> bytes:
        data = {"timestamp": time.time_ns() // 1_000_000, "instrument_name": "A", "change_id": own, "bids": [["new", 1.5, 2.0]], "asks": []}
        if previous is not None:
            data["prev_change_id"] = previous
        params = {"channel": "book.A.100ms", "data": data}
        return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}, separators=(",", ":")).encode()

    socket = Socket(journal, StreamName("deribit", "book"), "b")
    socket.send(book(10), book(12, 10))
    drain_all(farm, journal, board)
    socket.send(book(13, 12), book(20, 17))
    drain_all(farm, journal, board)
    assert ids(query, "book_snapshots", "update_id") + ids(query, "book_deltas", "update_id") == [10, 12, 13, 20]
    gaps = "SELECT cause, first_missing, last_missing, state, event_to IS NULL FROM data_gaps"
    assert query(gaps) == [("book", None, None, "open", True)]
    assert board.resyncs(["deribit:book:0:a"]) == {"deribit:book:0:a": ["A"]}
    socket.send(book(21, 20), book(40, 33))
    drain_all(farm, journal, board)
    assert board.resyncs(["deribit:book:0:a"]) == {}, "it is asked for once"
    query("UPDATE data_gaps SET found_at = now() - INTERVAL '1 minute'")
    drain_all(farm, journal, board)
    assert board.resyncs(["deribit:book:0:a"]) == {"deribit:book:0:a": ["A"]}, "and again while it does not come"
    socket.send(book(50), book(51, 50))
    drain_all(farm, journal, board)
    socket.send(book(52, 51))
    drain_all(farm, journal, board)
    assert query(gaps) == [("book", None, None, "missing", False)]


def test_a_deaf_time_is_a_gap_row_that_closes_with_the_next_data(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    socket = Socket(journal, QUOTES, "q")
    socket.send(quote(1))
    socket.event(journals.DISCONNECTED, cause="reset")
    drain_all(farm, journal, board)
    assert query("SELECT cause, state, event_to FROM data_gaps") == [("disconnected", "open", None)]
    Socket(journal, QUOTES, "r").send(quote(2))
    drain_all(farm, journal, board)
    assert query("SELECT state, event_from < event_to, received_from < received_to FROM data_gaps") == [("missing", True, True)]
    assert query("SELECT connection_id, cause, proven_at IS NOT NULL, ended_at IS NOT NULL FROM sessions ORDER BY 1") == [
        ("q", "reset", True, True),
        ("r", None, True, False),
    ]


def test_frames_nobody_can_read_are_kept_whole(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    Socket(journal, TRADES, "t").send(trade(1), b'{"stream":"torn', trade(2), "\ud83d币".encode("utf-8", "surrogatepass"))
    drain_all(farm, journal, board)
    assert ids(query) == [1, 2]
    assert [bytes(raw) for (raw,) in query("SELECT raw FROM quarantine ORDER BY frame_no")] == [
        b'{"stream":"torn',
        "\ud83d币".encode("utf-8", "surrogatepass"),
    ]


def test_pages_of_many_rows_do_not_make_long_transactions(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    replies = Replies(journal, "binance", "aggTrades")
    for page in range(60):
        body = [
            {"a": n, "p": "1", "q": "1", "f": n, "l": n, "T": 1_795_312_800_000, "m": False} for n in range(page * 100, page * 100 + 100)
        ]
        replies.keep(Reply("aggTrades", {"symbol": "BTCUSDT", "limit": 1000}, json.dumps(body).encode(), 1_795_312_800_000_000))
    turn = drain_all(dataclasses.replace(farm, writer_max_rows=500), journal, board)
    assert turn.rows == 6000
    assert turn.batches >= 1 + (60 - FIRST_ENTRIES) // 5


def test_the_board_shows_the_lag_of_each_stream(farm: Settings, journal: Journal, board: Board) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    with opened(farm, journal, board) as (drain, _):
        while drain.step():
            pass
        drain.report()
    assert board.vitals("drain")[f"drain:{TRADES}"]["p50_ms"] >= 0


@pytest.mark.parametrize("cause", ["silent", "not subscribed"])
def test_an_instrument_from_which_nothing_comes_is_an_open_gap_until_its_first_row_or_until_nobody_wants_it(
    farm: Settings, journal: Journal, board: Board, query: Query, cause: str
) -> None:
    socket = Socket(journal, TRADES, "t")
    names = ["GONEUSDT", "LEFTUSDT", "QUIETUSDT", "STILLUSDT"]
    socket.event(journals.CONNECTED, subscriptions=names, incarnation="i")
    socket.send(*(trade(number, name) for number, name in enumerate(names, start=1)))
    drain_all(farm, journal, board)
    query("DELETE FROM trades")
    for _ in range(2):
        socket.event(journals.SUBSCRIBED, unproven=names, cause=cause, seconds=50.0)
    socket.event(journals.SUBSCRIBED, added=[], removed=["LEFTUSDT"])
    Socket(journal, TRADES, "next").event(journals.CONNECTED, subscriptions=["QUIETUSDT", "STILLUSDT"], incarnation="i")
    socket.send(trade(7, "QUIETUSDT"))
    drain_all(farm, journal, board)
    assert queries.settle_silent(farm.database_url, "binance", "aggTrade", records.TRADES) == 1
    [(waited,)] = query(
        "SELECT DISTINCT extract(epoch FROM received_to - received_from) >= 50 FROM data_gaps WHERE cause <> 'sequence' AND state = 'missing'"
    )
    assert waited, "it began when they were asked for"
    told = "SELECT symbol, cause, g.state, received_to IS NOT NULL FROM data_gaps g JOIN instruments USING (instrument_id) WHERE cause <> 'sequence' ORDER BY 1"
    assert query(told) == [
        ("GONEUSDT", cause, "missing", True),
        ("LEFTUSDT", cause, "missing", True),
        ("QUIETUSDT", cause, "filled", True),
        ("STILLUSDT", cause, "open", False),
    ]


def test_what_is_no_instrument_is_not_made_one_by_asking_for_it(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    Socket(journal, TRADES, "t").event(journals.SUBSCRIBED, unproven=["NOSUCHUSDT", "platform_state"], cause="not subscribed")
    drain_all(farm, journal, board)
    assert query("SELECT reason FROM quarantine") == [("not subscribed, and known as no instrument: NOSUCHUSDT, platform_state",)]
    assert query("SELECT count(*) FROM instruments") == query("SELECT count(*) FROM data_gaps") == [(0,)]


def test_an_error_answer_of_the_venue_is_a_counted_row(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    Socket(journal, TRADES, "t").event(journals.SUBSCRIBED, error="2 Invalid request", request_id=7)
    drain_all(farm, journal, board)
    assert query("SELECT reason FROM quarantine") == [("the venue answered a request with an error: 2 Invalid request",)]
