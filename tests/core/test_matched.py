"""Watched books on a real Redis: the newest state of each, and short words of which have moved."""

import pytest

from core import matched as books
from core import redisdb
from core.matched import MAX_WORDS, Matched, Told


@pytest.fixture
def matched(redis_client: redisdb.Client, key_prefix: str) -> Matched:
    return Matched(redis_client, key_prefix)


def book(number: int, bid: float = 0.4, *, trusted: bool = True) -> Told:
    return Told(number, (bid, 5.0), (0.6, 7.0), 10, 11, trusted)


def tell(matched: Matched, *told: Told, **heard: tuple[int, ...]) -> None:
    matched.tell({one.instrument_id: books.encode(one) for one in told}, heard)


def test_who_hears_that_a_book_moved_finds_its_newest_state(matched: Matched) -> None:
    begin = matched.position()
    tell(matched, book(1, 0.3), book(2))
    tell(matched, book(1, 0.35, trusted=False), somewhere=(2,))
    heard = matched.hear(begin, block_ms=10)
    assert heard is not None
    assert (heard.moved, heard.heard, heard.lost) == ({1, 2}, {"somewhere": {2}}, False)
    assert matched.books([1, 2, 3]) == {1: book(1, 0.35, trusted=False), 2: book(2)} == matched.books()
    assert matched.hear(heard.position, block_ms=10) is None
    assert matched.position() == heard.position


def test_nobody_watches_unless_somebody_says_so_again_and_again(matched: Matched, redis_client: redisdb.Client, key_prefix: str) -> None:
    assert matched.watched() == frozenset()
    matched.watch({3, 1})
    assert matched.watched() == {1, 3}
    assert 0 < redis_client.pttl(f"{key_prefix}:matched:watched") <= books.WATCH_SECONDS * 1000  # type: ignore[operator]


def test_books_that_are_not_wanted_any_more_are_forgotten(matched: Matched) -> None:
    tell(matched, book(1), book(2))
    matched.watch({2})
    assert set(matched.books()) == {2}


def test_a_reader_who_is_too_far_behind_is_told_so(matched: Matched, redis_client: redisdb.Client, key_prefix: str) -> None:
    begin = matched.position()
    for number in range(MAX_WORDS + 500):
        tell(matched, book(number % 7))
    heard = matched.hear(begin, block_ms=10)
    assert heard is not None and heard.lost
    assert redis_client.xlen(f"{key_prefix}:matched:moved") < 1.2 * MAX_WORDS  # type: ignore[operator]
    assert set(redis_client.hkeys(f"{key_prefix}:matched:books")) == {str(number).encode() for number in range(7)}  # type: ignore[arg-type]


def test_what_is_told_goes_by_itself_when_the_farm_is_gone(matched: Matched, redis_client: redisdb.Client, key_prefix: str) -> None:
    tell(matched, book(1))
    for name in ("books", "moved"):
        assert 0 < redis_client.ttl(f"{key_prefix}:matched:{name}") <= books.BOOKS_SECONDS  # type: ignore[operator]
