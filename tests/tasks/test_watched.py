"""Drains tell of books that are watched: what moved once it is committed, what is heard, and what is not to be trusted."""

from collections.abc import Callable
from typing import Any

import pytest

from core import journal as journals
from core import redisdb
from core.board import Board
from core.journal import Journal
from core.matched import LEVELS, Matched, Told
from core.settings import Settings
from db import engine
from tasks import drain as drains
from tests.tasks.conftest import Socket, full
from tests.tasks.draining import opened
from tests.tasks.test_drain_books import BOOK, START_US, tiny  # noqa: F401  (a venue of one instrument)

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def matched(journal: Journal, key_prefix: str) -> Matched:
    return Matched(journal.client, key_prefix)


@pytest.fixture
def watched(journal: Journal, drained: Callable[..., Any], query: Query, matched: Matched) -> tuple[Socket, int]:
    """A book of one level, and somebody who watches it."""
    socket = Socket(journal, BOOK, "c")
    socket.send(b"1 state 0.40 5")
    drained()
    [(number,)] = query("SELECT instrument_id FROM instruments")
    matched.watch({number})
    return socket, number


def bids(told: Told) -> dict[float, float]:
    return dict(zip(told.bids[::2], told.bids[1::2], strict=True))


def test_a_farm_that_nobody_watches_tells_nothing(
    journal: Journal, drained: Callable[..., Any], redis_client: redisdb.Client, key_prefix: str
) -> None:
    Socket(journal, BOOK, "c").send(b"1 state 0.40 5", b"2 change 0.41 2")
    drained()
    assert list(redis_client.scan_iter(match=f"{key_prefix}:matched:*")) == []


def test_a_book_is_told_when_it_is_watched_and_when_it_moves(
    watched: tuple[Socket, int], matched: Matched, drained: Callable[..., Any]
) -> None:
    socket, number = watched
    begin = matched.position()
    drained()
    first = matched.hear(begin, block_ms=10)
    assert first is not None and first.moved == {number} and first.heard == {"tiny": {number}}
    assert matched.books()[number].bids == (0.40, 5.0)
    socket.send(b"2 change 0.41 2", b"3 change 0.40 1")
    drained()
    told = matched.books()[number]
    assert (told.bids, told.asks, told.trusted, told.event_us) == ((0.41, 2.0, 0.40, 6.0), (), True, START_US + 3)
    second = matched.hear(first.position, block_ms=10)
    assert second is not None and second.moved == {number}


def test_it_is_told_behind_the_commit(
    watched: tuple[Socket, int], matched: Matched, farm: Settings, journal: Journal, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket, number = watched
    socket.send(b"2 change 0.41 2")

    def fails(*_: object) -> int:
        raise engine.UNREACHABLE[0]("the database is away")

    monkeypatch.setattr(drains, "commit", fails)
    with opened(farm, journal, board) as (drain, _), pytest.raises(engine.UNREACHABLE):
        while drain.step():
            pass
    assert bids(matched.books()[number]) == {0.40: 5.0}, "what is not stored has not been told"


def test_nothing_is_told_twice(watched: tuple[Socket, int], matched: Matched, drained: Callable[..., Any]) -> None:
    drained()
    position = matched.position()
    drained()
    heard = matched.hear(position, block_ms=10)
    assert heard is None or heard.moved == set()


def test_a_doubted_book_is_not_to_be_trusted_until_its_next_whole_state(
    watched: tuple[Socket, int], matched: Matched, drained: Callable[..., Any]
) -> None:
    socket, number = watched
    socket.send(b"2 change 0.41 2", b"3 change 0.41 -9")
    drained()
    assert not matched.books()[number].trusted
    socket.send(b"4 state 0.39 1")
    drained()
    told = matched.books()[number]
    assert told.trusted and bids(told) == {0.39: 1.0}


def test_a_book_whose_last_connection_ended_is_not_to_be_trusted(
    watched: tuple[Socket, int], matched: Matched, drained: Callable[..., Any], journal: Journal
) -> None:
    socket, number = watched
    drained()
    socket.event(journals.DISCONNECTED, cause="gone")
    drained()
    lost = matched.books()[number]
    assert not lost.trusted and bids(lost) == {0.40: 5.0}
    Socket(journal, BOOK, "d").send(b"1 state 0.42 3")
    drained()
    assert matched.books()[number].trusted and bids(matched.books()[number]) == {0.42: 3.0}


def test_the_best_levels_are_told_and_not_more(watched: tuple[Socket, int], matched: Matched, drained: Callable[..., Any]) -> None:
    socket, number = watched
    socket.send(*(b"%d change 0.%03d 1" % (place + 2, place + 100) for place in range(LEVELS + 20)))
    drained()
    told = matched.books()[number]
    assert len(told.bids) == 2 * LEVELS and told.bids[0] == 0.40
    assert list(told.bids[::2]) == sorted(told.bids[::2], reverse=True)


def test_a_redis_without_room_is_told_later_and_keeps_no_row_back(
    watched: tuple[Socket, int],
    matched: Matched,
    farm: Settings,
    journal: Journal,
    board: Board,
    redis_client: redisdb.Client,
    query: Query,
) -> None:
    socket, number = watched
    socket.send(b"2 change 0.41 2")
    with opened(farm, journal, board) as (drain, _):
        with full(redis_client):
            while drain.step():
                pass
        assert query("SELECT count(*) FROM book_deltas") == [(1,)]
        drain._watch._marked_at = 0.0  # a second later
        drain.step()
    assert bids(matched.books()[number]) == {0.41: 2.0, 0.40: 5.0}


def test_a_quiet_stream_is_not_heard(watched: tuple[Socket, int], matched: Matched, farm: Settings, journal: Journal, board: Board) -> None:
    with opened(farm, journal, board) as (drain, _):
        drain.step()
        position = matched.position()
        drain._watch._marked_at = 0.0
        drain.step()
        assert matched.hear(position, block_ms=10) is None
        watched[0].send(b"2 change 0.40 0.5")
        drain.step()
        drain._watch._marked_at = 0.0
        drain.step()
        heard = matched.hear(position, block_ms=10)
    assert heard is not None and heard.heard == {"tiny": {watched[1]}}
