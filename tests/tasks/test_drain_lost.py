"""A drain behind a Redis that has lost what it had, or has no room for more."""

import time
from collections.abc import Callable
from typing import Any

from core import journal as journals
from core import redisdb
from core.board import Board
from core.journal import Journal
from core.settings import Settings
from core.venue import Reply
from tasks import maintenance
from tasks.replies import Replies
from tests.tasks.conftest import TRADES, Socket, full, trade
from tests.tasks.draining import drain_all, ids, opened

Query = Callable[..., list[tuple[Any, ...]]]


def test_a_journal_that_redis_lost_is_read_anew(
    farm: Settings, journal: Journal, board: Board, query: Query, redis_client: redisdb.Client
) -> None:
    Socket(journal, TRADES, "t").send(trade(1))
    drain_all(farm, journal, board)
    query("UPDATE stream_offsets SET last_id = '9999999999999-0'")
    Socket(journal, TRADES, "u", "j").send(trade(2))
    drain_all(farm, journal, board)
    assert ids(query) == [1, 2]


def test_a_drain_at_work_begins_anew_where_the_journal_counts_from_lower_ids(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, query: Query
) -> None:
    """As when a clock is set back and Redis is wiped behind it: the drain would wait for ids that do not come for an hour."""
    key = f"{farm.key_prefix}:journal:{TRADES}"
    socket = Socket(journal, TRADES, "c")
    redis_client.execute_command("XSETID", key, f"{2**42}-0")
    socket.send(trade(1))
    with opened(farm, journal, board) as (drain, _):
        while drain.step():
            pass
        redis_client.delete(key)
        socket.send(trade(2))
        assert not drain.step()
        drain.find_streams()
        drain.find_streams()
        while drain.step():
            pass
        assert ids(query) == [1, 2]
        assert journal.length(TRADES) == 0
    assert query("SELECT count(*) FROM data_gaps") == [(0,)]


def test_a_journal_that_was_begun_anew_is_not_trimmed_behind_what_was_committed(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, query: Query, worker: Callable[..., None]
) -> None:
    key = f"{farm.key_prefix}:journal:{TRADES}"
    socket = Socket(journal, TRADES, "c")
    redis_client.execute_command("XSETID", key, f"{2**42}-0")
    socket.send(trade(1))
    drain_all(farm, journal, board)
    redis_client.delete(key)
    socket.send(trade(2))
    maintenance.trim_journal()
    drain_all(farm, journal, board)
    assert ids(query) == [1, 2]


def test_a_registry_that_was_lost_is_told_again_by_whoever_reads(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, query: Query
) -> None:
    socket = Socket(journal, TRADES, "c")
    socket.send(trade(1))
    with opened(farm, journal, board) as (drain, turn):
        redis_client.delete(f"{farm.key_prefix}:journals")
        drain.find_streams()
        assert (journal.streams(), turn.streams) == ([TRADES], 1)
        while drain.step():
            pass
    assert ids(query) == [1]


def test_what_a_wiped_journal_cannot_have_again_is_a_gap(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, query: Query
) -> None:
    socket = Socket(journal, TRADES, "c")
    socket.send(trade(1))
    drain_all(farm, journal, board)
    socket.send(trade(2))
    redis_client.delete(f"{farm.key_prefix}:journal:{TRADES}")
    socket.send(trade(3))
    drain_all(farm, journal, board)
    assert query("SELECT cause, detail FROM data_gaps WHERE cause = 'journal'") == [
        ("journal", "batches 3 to 3 of c are not in the journal")
    ]


def test_a_connection_whose_beginning_is_lost_is_a_gap_too(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    fields = journals.data_fields("unknown", 7, [trade(1)], [time.time_ns() // 1000])
    journal.append([(TRADES, fields)])
    drain_all(farm, journal, board)
    assert query("SELECT cause, detail FROM data_gaps") == [("journal", "batches 1 to 6 of unknown are not in the journal")]


def test_a_lost_reply_is_a_gap_until_the_next_one(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, query: Query
) -> None:
    replies = Replies(journal, "binance", "openInterest")

    def keep() -> None:
        body = b'{"symbol": "BTCUSDT", "openInterest": "10.5", "time": 1795312810000}'
        replies.keep(Reply("openInterest", {"symbol": "BTCUSDT"}, body, time.time_ns() // 1000))

    keep()
    drain_all(farm, journal, board)
    keep()
    redis_client.delete(f"{farm.key_prefix}:journal:{replies.stream}")
    keep()
    drain_all(farm, journal, board)
    assert query("SELECT cause, received_to IS NOT NULL FROM data_gaps") == [("journal", True)]


def test_a_redis_out_of_memory_is_trimmed_and_told_nothing(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, query: Query
) -> None:
    socket = Socket(journal, TRADES, "c")
    socket.send(trade(1))
    with opened(farm, journal, board) as (drain, _):
        with full(redis_client):
            while drain.step():
                pass
            drain.report()
            assert board.vitals("drain") == {}
            assert (ids(query), journal.length(TRADES)) == ([1], 0)
        drain.report()
        assert list(board.vitals("drain")) == [f"drain:{TRADES}"]
