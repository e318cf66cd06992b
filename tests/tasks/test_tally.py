"""What a drain counts of what it commits."""

import json
import time
from collections.abc import Callable

from core import journal as journals
from core import metrics
from core.board import Board
from core.journal import Journal
from core.settings import Settings
from core.venue import Reply
from tasks.replies import Replies
from tests.tasks.conftest import TRADES, Socket, trade
from tests.tasks.draining import drain_all

Counted = Callable[..., list[float]]
PLACE = ("binance", "aggTrade")


def lag(counted: Counted, stage: str, *place: str) -> tuple[float, float]:
    """(observations, seconds in all)"""
    *counts, seconds = counted(metrics.LAG, stage, *(place or PLACE))
    return sum(counts), seconds


def test_a_commit_is_counted_by_rows_batches_and_stages(farm: Settings, journal: Journal, board: Board, counted: Counted) -> None:
    socket = Socket(journal, TRADES, "t")
    began = time.time()
    for batch in range(3):
        socket.send(*(trade(4 * batch + n) for n in range(1, 5)))
    drain_all(farm, journal, board)
    passed = time.time() - began
    assert counted(metrics.ROWS, *PLACE) == [12]
    assert counted(metrics.QUARANTINED, *PLACE) == []
    for stage, observations in (("venue", 12), ("journal", 3), ("commit", 3)):
        found, seconds = lag(counted, stage)
        assert found == observations, stage
        assert 0 <= seconds <= observations * (passed + 0.001)


def test_the_stages_tell_where_the_time_went(farm: Settings, journal: Journal, board: Board, counted: Counted) -> None:
    now_ms = time.time_ns() // 1_000_000
    frame = trade(1, T=now_ms - 8_000)  # eight seconds on the way to us, three in a streamer's hands
    header = journals.data_fields("t", 1, [frame], [(now_ms - 3_000) * 1000])
    journal.append([(TRADES, header)])
    drain_all(farm, journal, board)
    assert 4.9 < lag(counted, "venue")[1] < 5.1
    assert 3.0 <= lag(counted, "journal")[1] < 10
    assert lag(counted, "commit")[0] == 1


def test_frames_that_cannot_be_read_are_counted_and_bring_no_row(farm: Settings, journal: Journal, board: Board, counted: Counted) -> None:
    Socket(journal, TRADES, "t").send(trade(1), b"{torn", b"")
    drain_all(farm, journal, board)
    assert (counted(metrics.ROWS, *PLACE), counted(metrics.QUARANTINED, *PLACE)) == ([1], [2])


def test_a_batch_that_stands_in_the_journal_twice_counts_once(farm: Settings, journal: Journal, board: Board, counted: Counted) -> None:
    Socket(journal, TRADES, "t").send(trade(1), times=3)
    drain_all(farm, journal, board)
    assert counted(metrics.ROWS, *PLACE) == [1]
    assert lag(counted, "commit")[0] == 1


def test_a_reply_has_no_way_from_the_venue_that_could_be_measured(farm: Settings, journal: Journal, board: Board, counted: Counted) -> None:
    body = [{"a": 1, "p": "1", "q": "1", "f": 1, "l": 1, "T": 1_795_312_800_000, "m": False}]
    poll = "aggTrades"
    Replies(journal, "binance", poll).keep(Reply(poll, {"symbol": "BTCUSDT"}, json.dumps(body).encode(), time.time_ns() // 1000))
    drain_all(farm, journal, board)
    assert counted(metrics.ROWS, "binance", poll) == [1]
    assert counted(metrics.LAG, "venue", "binance", poll) == []
    assert lag(counted, "commit", "binance", poll)[0] == 1
