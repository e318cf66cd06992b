"""Two replicas through real drains: what one lacks and the other brings is no gap, whichever is read first."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest

from core import journal as journals
from core.board import Board
from core.journal import Journal, StreamName
from core.settings import Settings
from tasks.drain import Drain, Turn
from tasks.lag import Lag
from tests.tasks.conftest import Socket, trade
from tests.tasks.test_drain_books import BOOK, START_US, told
from tests.tasks.test_drain_books import tiny as tiny
from venues import VENUES

Query = Callable[..., list[tuple[Any, ...]]]
A, B = StreamName("binance", "aggTrade", "0", "a"), StreamName("binance", "aggTrade", "0", "b")
BOOKS_B = BOOK._replace(replica="b")
GAPS = "SELECT cause, first_missing, last_missing, state FROM data_gaps ORDER BY 1, 2"


def send(socket: Socket, ids: Sequence[int]) -> None:
    socket.send(*(trade(number, T=1_795_300_000_000 + number) for number in ids))


def test_rows_of_both_are_stored_once(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    a, b = Socket(journal, A, "a1"), Socket(journal, B, "b1")
    for socket in (a, b):
        send(socket, range(1, 6))
    drained()
    assert query("SELECT trade_id FROM trades ORDER BY 1") == [(number,) for number in range(1, 6)]
    assert query("SELECT sum(rows), sum(repeated) FROM stream_offsets") == [(5, 5)]


@pytest.mark.parametrize("late", ["a", "b"])
@pytest.mark.parametrize("lacks", ["a", "b"])
@pytest.mark.parametrize("together", [True, False])
def test_ids_that_one_left_out_and_the_other_brings_are_no_gap(
    journal: Journal, drained: Callable[..., None], query: Query, late: str, lacks: str, together: bool
) -> None:
    sockets = {"a": Socket(journal, A, "a1"), "b": Socket(journal, B, "b1")}
    for socket in sockets.values():
        send(socket, (1, 2))
    drained()
    for name in sorted("ab", key=lambda name: name == late):
        send(sockets[name], (6, 7) if name == lacks else (3, 4, 5, 6, 7))
        if not together:
            drained()
    drained()
    assert query(GAPS) == []
    assert query("SELECT count(*) FROM trades") == [(7,)]


def test_ids_that_both_left_out_are_a_gap(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    a, b = Socket(journal, A, "a1"), Socket(journal, B, "b1")
    send(a, (1, 2, 3, 6))
    send(b, (1, 2, 4, 6))
    drained()
    assert query(GAPS) in ([("sequence", 4, 5, "missing")], [("sequence", 5, 5, "missing")])
    send(a, (7,))
    drained()
    assert query("SELECT count(*) FROM data_gaps") == [(1,)]


def test_a_replica_that_died_and_came_back_left_no_gap(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    a, b = Socket(journal, A, "a1", "first"), Socket(journal, B, "b1")
    send(b, range(1, 4))
    send(a, range(1, 4))
    drained()
    send(b, range(4, 9))
    drained()
    again = Socket(journal, A, "a2", "second")
    send(again, (9, 10))
    drained()
    send(b, (9, 10))
    drained()
    assert query(GAPS) == []
    assert query("SELECT replica, cause, detail, received_to IS NOT NULL FROM outages") == [("a", "disconnected", "streamer died", True)]
    assert query("SELECT connection_id, replica FROM sessions ORDER BY 1") == [("a1", "a"), ("a2", "a"), ("b1", "b")]


def test_a_hole_of_which_nobody_knows_yet_whether_the_other_heard_is_a_gap(
    journal: Journal, drained: Callable[..., None], query: Query
) -> None:
    a, b = Socket(journal, A, "a1", "first"), Socket(journal, B, "b1")
    send(b, (1,))
    send(a, (1,))
    drained()
    send(Socket(journal, A, "a2", "second"), (5,))
    drained()
    assert query("SELECT cause, state FROM data_gaps ORDER BY 1") == [("disconnected", "missing"), ("sequence", "missing")]
    send(b, range(2, 6))
    drained()
    assert query(GAPS) == []


def test_both_replicas_of_a_place_are_in_one_group(farm: Settings, journal: Journal, board: Board) -> None:
    for shard in range(3):
        for name in "ab":
            Socket(journal, StreamName("binance", "aggTrade", str(shard), name), f"{name}{shard}")
    two = dataclasses.replace(farm, writer_groups=2)
    groups = []
    for group in range(2):
        with closing(Drain(two, journal, board, Turn(group), Lag())) as drain:
            drain.open()
            groups.append([(stream.shard, stream.replica) for stream in drain._readers])
    assert groups == [[("0", "a"), ("0", "b"), ("2", "a"), ("2", "b")], [("1", "a"), ("1", "b")]]


@pytest.mark.parametrize("dies", [False, True], ids=["in order", "killed"])
def test_a_book_that_one_doubts_and_the_other_holds_is_no_gap_however_often_the_drain_dies(
    journal: Journal, drained: Callable[..., None], query: Query, dies: bool
) -> None:
    a, b = Socket(journal, BOOK, "a1"), Socket(journal, BOOKS_B, "b1")
    for socket in (a, b):
        socket.send(b"1 state 0.40 5", b"2 change 0.40 1")
    drained(dies=dies)
    a.send(b"4 change 0.41 3")
    drained(dies=dies)
    b.send(b"3 change 0.40 1", b"4 change 0.41 3")
    drained(dies=dies)
    b.send(b"5 change 0.41 1")
    a.send(b"5 change 0.41 1")
    drained(dies=dies)
    # The hole in a's numbers is told until b has been read as far: our clocks of a frame's two copies differ by as much.
    b.send(b"6 change 0.41 1")
    drained(dies=dies)
    assert query(GAPS) == []
    assert told(query)[0] == [(2, 0.40, 6), (3, 0.40, 7), (4, 0.41, 3), (5, 0.41, 4), (6, 0.41, 5)]


def test_a_book_whose_last_connection_lives_on_the_other_replica_is_known(
    journal: Journal, drained: Callable[..., None], query: Query
) -> None:
    a, b = Socket(journal, BOOK, "a1"), Socket(journal, BOOKS_B, "b1")
    b.send(b"1 state 0.40 5")
    a.send(b"1 state 0.40 5")
    drained()
    a.event(journals.DISCONNECTED, cause="reset")
    drained()
    b.send(b"2 change 0.40 1")
    drained()
    again = Socket(journal, BOOK, "a2")
    again.send(b"2 state 0.40 6", b"3 change 0.40 1")
    b.send(b"3 change 0.40 1")
    drained()
    assert query(GAPS) == []
    assert told(query)[0] == [(2, 0.40, 6), (3, 0.40, 7)]


def test_a_book_is_frozen_when_a_witness_shows_it_on_both_streams(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    a, b = Socket(journal, BOOK, "a1"), Socket(journal, BOOKS_B, "b1")
    for socket in (a, b):
        socket.send(b"1 state 0.40 5")
    drained()
    for look in (1, 2):
        claims = {"claims": [["X", START_US + look * 10**7, 0.45, 0.0]]}
        fields = journals.event_fields(journals.WITNESS, f"w{look}", 0, 1, claims)
        journal.append([(BOOK, fields), (BOOKS_B, fields)])
        drained()
        assert query("SELECT count(*) FROM data_gaps") == [(look - 1,)]
        assert query("SELECT sum(looks) FROM witnesses") == [(look,)], "one look, though both streams are told"


def test_a_stream_that_is_read_behind_the_other_is_not_taken_for_frozen(
    journal: Journal, drained: Callable[..., None], query: Query
) -> None:
    a, b = Socket(journal, BOOK, "a1"), Socket(journal, BOOKS_B, "b1")
    for socket in (a, b):
        socket.send(b"1 state 0.40 5")
    drained()
    for look in (1, 2):
        fields = journals.event_fields(journals.WITNESS, f"w{look}", 0, 1, {"claims": [["X", START_US + look * 10**7, 0.45, 0.0]]})
        journal.append([(BOOKS_B, fields)])
    again = Socket(journal, BOOKS_B, "b2")
    again.send(b"19000000 state 0.45 5")
    b.event(journals.DISCONNECTED, cause="rotated")
    drained()
    assert query("SELECT count(*) FROM data_gaps WHERE cause = 'book'") == [(0,)]
    a.send(b"2 change 0.40 -5", b"9000000 change 0.45 5")
    drained()
    assert query("SELECT count(*) FROM data_gaps WHERE cause = 'book'") == [(0,)]


@pytest.mark.skipif("deribit" not in VENUES, reason="its folder is deleted")
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_changes_that_one_left_out_and_the_other_brings_break_no_chain(
    farm: Settings, journal: Journal, board: Board, query: Query, order: str
) -> None:
    def book(own: int, previous: int | None = None) -> bytes:
        data = {"timestamp": 1_795_300_000_000 + own, "instrument_name": "A", "change_id": own, "bids": [["new", 1.5, 2.0]], "asks": []}
        if previous is not None:
            data["prev_change_id"] = previous
        params = {"channel": "book.A.100ms", "data": data}
        return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}, separators=(",", ":")).encode()

    sockets = {name: Socket(journal, StreamName("deribit", "book", "0", name), name) for name in "ab"}
    news = {"a": [book(20, 17), book(21, 20)], "b": [book(14, 12), book(17, 14), book(20, 17), book(21, 20)]}
    with closing(Drain(farm, journal, board, Turn(0), Lag())) as drain:
        drain.open()
        for frames in ({name: [book(10), book(12, 10)] for name in "ab"}, news):
            for name in order:
                sockets[name].send(*frames[name])
                while drain.step():
                    pass
    assert query("SELECT DISTINCT update_id FROM book_deltas ORDER BY 1") == [(12,), (14,), (17,), (20,), (21,)]
    assert query(GAPS) == []
