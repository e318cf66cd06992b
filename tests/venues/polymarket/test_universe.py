"""Which markets are recorded: options, walks, and the choice."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from core.venue import Reply, Request, Wanted
from tasks.asking import Walk
from tests.venues.polymarket.test_listings import ENTRY
from venues.errors import BadReply
from venues.polymarket.universe import follow, rank, requests

NOW_US = 1_795_300_000_000_000


def entry(number: int, **changes: Any) -> dict[str, Any]:
    own = {"conditionId": f"0x{number}", "clobTokenIds": json.dumps([f"{number}1", f"{number}2"]), "volumeNum": 1000 - number}
    return ENTRY | own | changes


def tokens(*numbers: int) -> list[str]:
    return [f"{number}{side}" for number in numbers for side in (1, 2)]


def answer(request: Request, *entries: dict[str, Any], cursor: str | None = None) -> Reply:
    document = {"markets": list(entries)} | ({"next_cursor": cursor} if cursor else {})
    return Reply(request.poll, request.params, json.dumps(document).encode(), NOW_US)


def test_without_options_the_largest_open_markets_by_volume() -> None:
    (request,) = requests(Wanted(10))
    assert request.path == "/gamma/markets/keyset"
    assert request.params == {"order": "volumeNum", "ascending": "false", "closed": "false", "limit": 100}


def test_every_option_has_its_request() -> None:
    options = {
        "by": "liquidity",
        "tags": ["100", "21"],
        "markets": ["will-it-be"],
        "events": ["fed"],
        "newest": 20,
        "least_volume": 1000,
        "least_liquidity": 5.5,
    }
    asked = requests(Wanted(10, options))
    assert [request.path for request in asked] == ["/gamma/markets/keyset", "/gamma/events/keyset", *["/gamma/markets/keyset"] * 4]
    assert asked[0].params == {"slug": "will-it-be", "limit": 1} and asked[1].params == {"slug": "fed", "limit": 1}
    assert [(request.params["order"], request.params["limit"], request.params["tag_id"]) for request in asked[2:]] == [
        ("createdAt", 20, "100"),
        ("createdAt", 20, "21"),
        ("liquidityNum", 100, "100"),
        ("liquidityNum", 100, "21"),
    ]
    assert (asked[4].params["volume_num_min"], asked[4].params["liquidity_num_min"]) == ("1000.0", "5.5")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "beauty"}, "give one of volume, liquidity"),
        ({"newest": 101}, "from 0 to 100"),
        ({"newest": -1}, "from 0 to 100"),
        ({"tags": ["politics"]}, "ids of tags"),
        ({"slug": "x"}, "no such option"),
    ],
)
def test_an_option_that_cannot_be_used_says_what_would_do(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        requests(Wanted(10, options))


def test_both_tokens_of_the_largest_markets_are_chosen() -> None:
    (request,) = requests(Wanted(2))
    page = answer(request, entry(1), entry(2), entry(3))
    assert rank([page], Wanted(2)) == tokens(1, 2)
    assert rank([page], Wanted(10)) == tokens(1, 2, 3)


def test_the_walk_is_read_no_further_than_it_is_needed() -> None:
    (request,) = requests(Wanted(3))
    read = []

    def pages() -> Iterator[Reply]:
        for number in range(0, 100, 2):
            read.append(number)
            yield answer(request, entry(number), entry(number + 1))

    assert rank(pages(), Wanted(3)) == tokens(0, 1, 2)
    assert read == [0, 2]


def test_what_does_not_trade_is_not_chosen() -> None:
    (request,) = requests(Wanted(9))
    gone = [entry(1, closed=True), entry(2, active=False), entry(3, archived=True), entry(4, clobTokenIds=None), {"conditionId": 7}]
    assert rank([answer(request, *gone, entry(5), entry(6, acceptingOrders=False))], Wanted(9)) == tokens(5, 6)


def test_named_and_new_markets_come_before_the_largest() -> None:
    wanted = Wanted(3, {"markets": ["x"], "newest": 1})
    named, newest, largest = requests(wanted)
    replies = [answer(named, entry(50)), answer(newest, entry(60)), answer(largest, entry(1), entry(50), entry(2))]
    assert rank(replies, wanted) == tokens(50, 60, 1)


def test_markets_of_several_tags_are_ranked_together() -> None:
    wanted = Wanted(2, {"tags": ["1", "2"]})
    one, other = requests(wanted)
    replies = [answer(one, entry(3), entry(4), entry(5), entry(6), entry(7)), answer(other, entry(1), entry(4), entry(8))]
    assert rank(replies, wanted) == tokens(1, 3)


def test_markets_of_an_event_are_all_chosen() -> None:
    wanted = Wanted(9, {"events": ["fed"]})
    named, largest = requests(wanted)
    inner = [{name: value for name, value in entry(number).items() if name != "events"} for number in (7, 8)]
    events = Reply("universe", named.params, json.dumps({"events": [{"id": "1", "markets": inner}]}).encode(), NOW_US)
    assert rank([events, answer(largest)], wanted) == tokens(7, 8)


def test_only_walks_by_size_go_on() -> None:
    named, newest, largest = requests(Wanted(3, {"markets": ["x"], "newest": 1}))
    assert follow(answer(named, cursor="c")) is None and follow(answer(newest, cursor="c")) is None
    following = follow(answer(largest, cursor="c"))
    assert following is not None and following.params == {**largest.params, "after_cursor": "c"}
    assert follow(answer(largest)) is None


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"events":[{}]}'])
def test_a_broken_page_is_no_choice(body: bytes) -> None:
    (request,) = requests(Wanted(3))
    with pytest.raises(BadReply):
        rank([Reply("universe", request.params, body, NOW_US)], Wanted(3))


def test_a_walk_over_a_hundred_thousand_markets_is_never_held() -> None:
    wanted, rules = Wanted(10_000, {"tags": ["1", "2"]}), "This market resolves to Yes if. " * 60
    # Numbers of a page begin with its own; written a thousand times it would take longer than the walk.
    entries = [entry(9876500 + place, description=rules, volumeNum=98765) for place in range(100)]
    template = json.dumps({"markets": entries, "next_cursor": "following"}).encode()
    tracemalloc.start()
    try:

        def fetch(request: Request) -> Reply:
            page = int(request.params.get("after_cursor", 0))
            following = str(page + 1) if page < 999 else ""
            body = template.replace(b"98765", str(page).encode()).replace(b"following", following.encode())
            return Reply(request.poll, request.params, body, NOW_US)

        walks = (Walk(fetch, request, follow, 1_000) for request in requests(wanted)[:1])
        chosen = rank((reply for walk in walks for reply in walk), wanted)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(chosen) == 20_000 and chosen[0] == "999001", "the largest came last"
    assert peak < 150e6
