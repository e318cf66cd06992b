"""Walking over a hole in trade_seq: which page comes next, and when to stop."""

import json

import pytest

from core.venue import Reply
from venues.deribit.history import TradesWalk
from venues.errors import BadReply


def page(request, numbers, *, has_more: bool = False) -> Reply:
    result = {"trades": [{"trade_seq": number} for number in numbers], "has_more": has_more}
    return Reply(request.poll, request.params, json.dumps({"result": result}).encode(), 0)


def walked(walk: TradesWalk, venue, *, rows: int = 1000) -> list[tuple[int, int]]:
    """The spans asked for, of a venue that has these numbers and puts so many on a page."""
    asked, reply = [], None
    while (request := walk.next_request(reply)) is not None:
        first, last = int(request.params["start_seq"]), int(request.params["end_seq"])
        asked.append((first, last))
        found = [number for number in venue if first <= number <= last]
        reply = page(request, found[:rows], has_more=len(found) > rows)
    return asked


def test_a_small_hole_is_one_page() -> None:
    walk = TradesWalk("A", 5, 9)
    assert (walked(walk, range(100)), walk.reached) == ([(5, 9)], True)


def test_a_large_hole_is_a_page_a_thousand() -> None:
    walk = TradesWalk("A", 1, 2500)
    assert (walked(walk, range(9999)), walk.reached) == ([(1, 1000), (1001, 2000), (2001, 2500)], True)


def test_short_pages_are_gone_on_from() -> None:
    walk = TradesWalk("A", 1, 1000)
    assert (walked(walk, range(9999), rows=400), walk.reached) == ([(1, 1000), (401, 1000), (801, 1000)], True)


def test_numbers_that_are_not_to_be_had_end_no_walk() -> None:
    walk = TradesWalk("A", 1, 3000)
    assert (walked(walk, range(2500, 9999)), walk.reached) == ([(1, 1000), (1001, 2000), (2001, 3000)], True)


def test_a_walk_is_bounded() -> None:
    walk = TradesWalk("A", 1, 2000)
    assert len(walked(walk, range(9999), rows=1)) == 5
    assert not walk.reached


@pytest.mark.parametrize("numbers", [[4], [5, 10], [11]])
def test_a_page_of_other_numbers_is_bad(numbers) -> None:
    walk = TradesWalk("A", 5, 9)
    request = walk.next_request(None)
    with pytest.raises(BadReply):
        walk.next_request(page(request, numbers))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"result":{"trades":[{}]}}', b'{"result":{"trades":[{"trade_seq":"5"}]}}', b'{"error":{}}'])
def test_a_page_that_is_none_is_bad(body: bytes) -> None:
    walk = TradesWalk("A", 5, 9)
    request = walk.next_request(None)
    with pytest.raises(BadReply):
        walk.next_request(Reply(request.poll, request.params, body, 0))
