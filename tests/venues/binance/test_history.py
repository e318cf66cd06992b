"""The walk over pages of aggregate trades: which page is next, and that it ends."""

import json

import pytest

from core.venue import Reply, Request
from venues.binance.history import AggTradesWalk
from venues.errors import BadReply


def page(ids) -> Reply:
    return Reply("aggTrades", {"symbol": "BTCUSDT"}, json.dumps([{"a": i, "p": "1"} for i in ids]).encode(), 1)


def walk_over(walk: AggTradesWalk, answer) -> list[int]:
    """The ids asked from, page by page."""
    asked: list[int] = []
    request = walk.next_request(None)
    while request is not None:
        assert isinstance(request, Request) and request.weight == 20 and request.params["limit"] == 1000
        asked.append(int(request.params["fromId"]))
        assert len(asked) < 100, "the walk does not end"
        request = walk.next_request(page(answer(asked[-1])))
    return asked


def test_full_pages_to_the_end_of_the_hole() -> None:
    walk = AggTradesWalk("BTCUSDT", 5000, 7500)
    assert walk_over(walk, lambda start: range(start, start + 1000)) == [5000, 6000, 7000]
    assert walk.reached


def test_a_hole_of_one() -> None:
    walk = AggTradesWalk("BTCUSDT", 7, 7)
    assert walk_over(walk, lambda start: [7]) == [7]
    assert walk.reached


def test_an_empty_page_is_the_end_of_what_the_venue_has() -> None:
    walk = AggTradesWalk("BTCUSDT", 5000, 9999)
    assert walk_over(walk, lambda start: range(start, start + 1000) if start < 6000 else []) == [5000, 6000]
    assert walk.reached


def test_ids_missing_at_the_venue_are_stepped_over() -> None:
    walk = AggTradesWalk("BTCUSDT", 1, 3000)
    assert walk_over(walk, lambda start: range(max(start, 1500), start + 2500)) == [1, 2501]
    assert walk.reached


def test_a_venue_that_gives_one_row_a_page_meets_the_bound_and_the_walk_is_partial() -> None:
    walk = AggTradesWalk("BTCUSDT", 1, 2500)
    assert walk_over(walk, lambda start: [start]) == [1, 2, 3, 4, 5, 6, 7]
    assert not walk.reached


def test_a_venue_that_repeats_a_page_is_found_out() -> None:
    with pytest.raises(BadReply, match="asked from 2000"):
        walk_over(AggTradesWalk("BTCUSDT", 1000, 9000), lambda start: range(1000, 2000))


@pytest.mark.parametrize("body", [b"", b"{}", b'[{"p":"1"}]', b'[{"a":-1}]', b'[{"a":1}'])
def test_a_page_that_is_none(body: bytes) -> None:
    walk = AggTradesWalk("BTCUSDT", 1, 10)
    walk.next_request(None)
    with pytest.raises(BadReply):
        walk.next_request(Reply("aggTrades", {}, body, 1))
