"""A stream with books through real drains: tops and absolute levels are the same however often a drain dies in between."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from core import journal as journals
from core import metrics, redisdb
from core.board import Board
from core.journal import Journal, StreamName
from core.records import BOOK_CHANGES, BOOK_DELTAS, BOOK_SNAPSHOTS, BOOK_STATES
from core.settings import Settings
from core.venue import Channel, Decoded, Frames, Limits, Numbered, Universe, Venue
from db.offsets import Fenced
from tasks import writers
from tasks.drain import Drain, Turn
from tasks.lag import Lag
from tests.tasks.conftest import Socket, full
from venues import VENUES

Query = Callable[..., list[tuple[Any, ...]]]
BOOK = StreamName("tiny", "book")
START_US = 1_795_300_000_000_000


def decode(channel: str, frames: Frames) -> Decoded:
    """Frames `number state|change price amount`: one instrument, bids only."""
    said = [frame.decode().split() for frame in frames.split()]
    rows: dict[str, Any] = {}
    for name, word in ((BOOK_STATES, "state"), (BOOK_SNAPSHOTS.name, "state"), (BOOK_CHANGES, "change")):
        at = [place for place, words in enumerate(said) if words[1] == word]
        if not at:
            continue
        numbers, prices, amounts = (np.array([float(said[place][field]) for place in at]) for field in (0, 2, 3))
        rows[name] = {
            "event_at": START_US + numbers.astype(np.int64),
            "received_at": frames.received_us[at],
            "symbol": ["X"] * len(at),
            "frame": np.array(at),
            "update_id": numbers.astype(np.int64),
            "side": np.ones(len(at), np.int16),
            "price": prices,
            "change" if name == BOOK_CHANGES else "quantity": amounts,
        }
    places, numbers = np.arange(len(said)), np.array([int(words[0]) for words in said])
    return Decoded(rows, numbered=Numbered(places, np.ones(len(said), np.int64), numbers))


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel("book", BOOK_DELTAS.name, 10, first_frame_seconds=1, idle_seconds=1, continuous=False, book_tops=True)
    found = Venue(
        "tiny",
        "",
        "",
        (channel,),
        (),
        Limits(1, 1, 1),
        None,
        decode,
        Universe(lambda w: (), lambda r, w: ()),  # type: ignore[arg-type]
    )
    monkeypatch.setitem(VENUES, "tiny", found)  # type: ignore[arg-type]


def told(query: Query) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    at = f"(extract(epoch FROM event_at) * 1000000)::int8 - {START_US}"
    levels = query(f"SELECT {at}, price, quantity FROM book_deltas ORDER BY event_at, update_id")
    return levels, query(f"SELECT {at}, bid_price, bid_quantity FROM quotes ORDER BY event_at, update_id")


@pytest.mark.parametrize("dies", [False, True], ids=["in order", "killed"])
def test_books_outlive_the_drain_that_replayed_them(journal: Journal, drained: Callable[..., None], query: Query, dies: bool) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    drained(dies=dies)
    socket.send(b"2 change 0.40 1", b"3 change 0.41 2")
    drained(dies=dies)
    socket.send(b"4 change 0.41 -2")
    drained(dies=dies)
    assert told(query) == ([(2, 0.40, 6), (3, 0.41, 2), (4, 0.41, 0)], [(1, 0.40, 5), (2, 0.40, 6), (3, 0.41, 2), (4, 0.40, 6)])
    assert query("SELECT count(*) FROM data_gaps") == [(0,)]


class Overtaken(Journal):
    """Another drain commits more, keeps its books and trims, just when these are looked at (`at`: which look)."""

    def __init__(self, *args: Any, others: Callable[[], None], at: int, **named: Any) -> None:
        super().__init__(*args, **named)
        self._others, self._at = others, at

    def state(self, stream: StreamName) -> dict[str, Any] | None:
        self._at -= 1
        if self._at == 0:
            self._others()
        return super().state(stream)


@pytest.mark.parametrize("at", [1, 2])
def test_books_that_another_drain_still_moves_on_are_left_to_it(
    farm: Settings, journal: Journal, board: Board, drained: Callable[..., None], query: Query, key_prefix: str, at: int
) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    drained()

    def others() -> None:
        socket.send(b"2 change 0.40 1")
        query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tapefarm drain 0'")  # its lock
        drained()

    overtaken = Overtaken(journal._redis, key_prefix, others=others, at=at)
    with closing(Drain(farm, overtaken, board, Turn(0), Lag())) as late, pytest.raises(Fenced, match="another drain"):
        late.open()
    socket.send(b"3 change 0.40 1")
    drained()
    assert told(query)[0] == [(2, 0.40, 6), (3, 0.40, 7)]
    assert board.resyncs(["tiny:book:0:a"]) == {}


def test_numbers_are_committed_as_they_were_and_not_as_they_are(farm: Settings, journal: Journal, board: Board, query: Query) -> None:
    """The next batch is counted while one is written; a successor must not take it for a repeat."""
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5", b"2 change 0.40 1")
    with closing(Drain(farm, journal, board, Turn(0), Lag())) as drain:
        drain.open()
        while drain.step():
            pass
        (reader,) = drain._readers.values()
        before = reader.sockets.stored()
        socket.send(b"3 change 0.40 1")
        drain.step()
        assert before != reader.sockets.stored()
        assert before["connections"]["c"][4] == {"1": 2}


def test_the_journal_is_trimmed_behind_the_books_that_are_kept(journal: Journal, drained: Callable[..., None]) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    drained(dies=True)
    assert journal.length(BOOK) == 2, "what a successor needs is still there"
    drained()
    assert journal.length(BOOK) == 0


def test_books_that_are_lost_are_asked_for_anew_and_go_on_from_the_next_state(
    journal: Journal, board: Board, redis_client: redisdb.Client, key_prefix: str, drained: Callable[..., None], query: Query
) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    drained()
    redis_client.set(f"{key_prefix}:state:{BOOK}", b"torn")
    socket.send(b"2 change 0.40 1")
    drained()
    assert board.resyncs([str(BOOK)]) == {str(BOOK): [""]}
    at = f"(extract(epoch FROM event_from) * 1000000)::int8 - {START_US}, (extract(epoch FROM event_to) * 1000000)::int8 - {START_US}"
    assert query(f"SELECT cause, {at} FROM data_gaps") == [("book", 2, None)], "from the first change that comes to nobody knows what"
    socket.send(b"3 state 0.40 6", b"4 change 0.40 1")
    drained()
    assert query(f"SELECT cause, {at} FROM data_gaps") == [("book", 2, 3)]
    assert told(query)[0] == [(4, 0.40, 7)]
    assert query("SELECT ignored FROM stream_offsets") == [(1,)]


@pytest.mark.parametrize("same", [True, False], ids=["where it was left", "moved on since"])
def test_books_that_redis_loses_go_on_in_the_process_that_has_them(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, key_prefix: str, query: Query, same: bool
) -> None:
    socket, left = Socket(journal, BOOK, "c"), {}  # type: ignore[var-annotated]

    def drain() -> None:
        with closing(Drain(farm, journal, board, Turn(0), Lag(), left)) as at_work:
            at_work.open()
            while at_work.step():
                pass

    socket.send(b"1 state 0.40 5")
    drain()
    if not same:
        query("UPDATE stream_offsets SET last_id = split_part(last_id, '-', 1) || '-99999'")
    redis_client.delete(f"{key_prefix}:state:{BOOK}")
    socket.send(b"2 change 0.40 1")
    drain()
    assert board.resyncs([str(BOOK)]) == ({} if same else {str(BOOK): [""]})
    assert told(query)[0] == ([(2, 0.40, 6)] if same else [])


def test_a_turn_goes_on_for_a_redis_that_is_away_with_books_that_nobody_else_knows(
    worker: Callable[..., None],
    journal: Journal,
    board: Board,
    redis_client: redisdb.Client,
    key_prefix: str,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes back with nothing, after the turn should have ended."""
    worker(WRITER_GROUPS="1", WRITER_TURN_SECONDS="1", DATABASE_RETRY_MAX_SECONDS="0.1")
    monkeypatch.setattr(writers, "_hand_over", lambda *_: None)
    attempt, calls = writers._attempt, []

    def cut_off(*words: Any) -> None:
        calls.append(words)
        attempt(*words)
        if len(calls) == 1:
            redis_client.delete(f"{key_prefix}:state:{BOOK}")
            raise redisdb.RedisError("away")

    monkeypatch.setattr(writers, "_attempt", cut_off)
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    assert (writers.drain(0)["ended"], len(calls)) == ("turn over", 2)
    socket.send(b"2 change 0.40 1")
    writers.drain(0)
    assert told(query)[0] == [(2, 0.40, 6)]
    assert board.resyncs([str(BOOK)]) == {}


def test_a_redis_out_of_memory_is_trimmed_though_it_keeps_no_books(
    farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, drained: Callable[..., None], query: Query
) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    drained()
    assert journal.state(BOOK) is not None
    socket.send(b"2 change 0.40 1")
    with closing(Drain(farm, journal, board, Turn(0), Lag())) as drain:
        drain.open()
        with full(redis_client):
            while drain.step():
                pass
            drain.run(0.0)  # over at once: it keeps and trims as at any end
            assert (journal.length(BOOK), journal.state(BOOK)) == (0, None)
        socket.send(b"3 change 0.40 1")
        while drain.step():
            pass
        drain.run(0.0)
        assert journal.state(BOOK) is not None
    assert told(query)[0] == [(2, 0.40, 6), (3, 0.40, 7)]


def test_a_hole_in_the_numbers_is_a_gap_and_doubts_the_books_until_the_next_state(
    journal: Journal, board: Board, drained: Callable[..., None], query: Query, counted: Callable[..., list[float]]
) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5", b"2 change 0.40 1")
    drained()
    assert counted(metrics.BOOK_MISMATCHES, "tiny", "book") == []
    socket.send(b"5 change 0.40 1")
    drained()
    assert counted(metrics.BOOK_MISMATCHES, "tiny", "book") == [1]
    assert board.resyncs([str(BOOK)]) == {str(BOOK): [""]}
    socket.send(b"6 change 0.45 1", b"7 state 0.44 1")
    drained()
    gaps = query(
        "SELECT cause, instrument_id IS NULL, first_missing, last_missing, state, (extract(epoch FROM event_from) * 1000000)::int8 - %s, "
        "(extract(epoch FROM event_to) * 1000000)::int8 - %s FROM data_gaps ORDER BY gap_id",
        (START_US, START_US),
    )
    assert gaps == [("sequence", True, 3, 4, "missing", 2, 5), ("book", False, None, None, "missing", 2, 7)]
    assert told(query)[1] == [(1, 0.40, 5), (2, 0.40, 6), (7, 0.44, 1)], "none while in doubt"


def test_numbers_are_counted_on_across_drains_and_a_repeat_is_no_hole(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    drained()
    socket.send(b"1 state 0.40 5", b"2 change 0.40 1")
    drained()
    socket.send(b"4 change 0.40 1")
    drained()
    assert query("SELECT first_missing, last_missing FROM data_gaps WHERE cause = 'sequence'") == [(3, 3)]


def test_a_new_connection_counts_anew_and_begins_with_its_own_state(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    one = Socket(journal, BOOK, "one")
    one.send(b"1 state 0.40 5", b"2 change 0.40 1")
    one.event(journals.DISCONNECTED, cause="closed")
    two = Socket(journal, BOOK, "two")
    two.send(b"1 change 0.40 9", b"2 state 0.30 1")
    drained()
    assert told(query)[0] == [(2, 0.40, 6)]
    assert query("SELECT cause FROM data_gaps") == [("disconnected",)]


def test_a_change_that_is_sent_twice_is_applied_once(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5", b"2 change 0.40 1", b"2 change 0.40 1")
    drained()
    socket.send(b"2 change 0.40 1", b"3 change 0.40 1")
    drained()
    assert told(query)[0] == [(2, 0.40, 6), (3, 0.40, 7)]
    assert query("SELECT frames, rows, ignored FROM stream_offsets") == [(5, 1 + 2 + 3, 2)], "a level, changes and tops"
    assert query("SELECT count(*) FROM data_gaps") == [(0,)]


def test_a_change_that_two_connections_tell_is_one_row(journal: Journal, drained: Callable[..., None], query: Query) -> None:
    one, two = Socket(journal, BOOK, "one"), Socket(journal, BOOK, "two")
    one.send(b"1 state 0.40 5", b"2 change 0.40 1")
    two.send(b"2 state 0.40 6")
    one.send(b"3 change 0.40 1")
    drained()
    two.send(b"3 change 0.40 1", b"4 change 0.40 1")
    drained()
    levels, tops = told(query)
    assert levels == [(2, 0.40, 6), (3, 0.40, 7), (4, 0.40, 8)]
    assert tops == [(1, 0.40, 5), (2, 0.40, 6), (2, 0.40, 6), (3, 0.40, 7), (4, 0.40, 8)], "a state tells its top again"


def test_a_frozen_book_is_a_gap_and_is_asked_for_anew_and_then_over_new_connections(
    journal: Journal, board: Board, drained: Callable[..., None], query: Query
) -> None:
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    for look in range(1, 4):
        fields = journals.event_fields(journals.WITNESS, "w", 0, 1, {"claims": [["X", START_US + look * 10**7, 0.45, 0.0]]})
        journal.append([(BOOK, fields)])
        drained()
        asked = (board.resyncs([str(BOOK)]), board.rotations([str(BOOK)]))
        assert asked == [({}, []), ({str(BOOK): ["X"]}, []), ({str(BOOK): ["X"]}, [str(BOOK)])][look - 1]
    assert query("SELECT cause, state, detail FROM data_gaps") == [("book", "open", "frozen: a later book was read over REST")]
    socket.send(b"40000000 state 0.45 5")
    drained()
    assert query(
        "SELECT state, (extract(epoch FROM event_from) * 1000000)::int8 - %s, (extract(epoch FROM event_to) * 1000000)::int8 - %s "
        "FROM data_gaps WHERE cause = 'book'",
        (START_US, START_US),
    ) == [("missing", 1, 40_000_000)], "a state behind the hole in the numbers is whole"
