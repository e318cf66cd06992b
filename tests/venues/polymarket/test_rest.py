"""Polls: what they ask, and what replies mean."""

import json
from typing import Any

import pytest

from core.venue import Reply
from tests.venues.polymarket.frames import BOOK, HASH, MS, NO, TRADE, YES, lists
from tests.venues.polymarket.test_listings import ENTRY
from venues.errors import BadReply
from venues.polymarket import VENUE, rest
from venues.polymarket.frames import decode
from venues.polymarket.history import TradesWalk
from venues.polymarket.hosts import HOSTS, WEIGHT_PER_MINUTE

NOW_US = 1_795_300_000_000_000
NUMBER = int(HASH[:16], 16) >> 1
REST_BOOK = {**{name: BOOK[name] for name in ("market", "asset_id", "timestamp", "hash", "bids", "asks")}, "last_trade_price": "0.925"}


def reply(poll: str, document: Any, **params: Any) -> Reply:
    return Reply(poll, params, json.dumps(document).encode(), NOW_US)


# --- books ----------------------------------------------------------------------------------------------------------------


def test_books_are_asked_for_in_batches_of_five_hundred() -> None:
    tokens = [str(number) for number in range(1200)]
    for ask in (rest.request_books, rest.request_prices):
        requests = ask(tokens, NOW_US)
        assert [len(request.body) for request in requests] == [500, 500, 200]
        assert [row["token_id"] for request in requests for row in request.body] == tokens
        assert {request.path for request in requests} == {"/clob/books"}


def test_a_cycle_of_twenty_thousand_books_keeps_the_published_limits() -> None:
    requests = rest.request_books([str(number) for number in range(20_000)], NOW_US)
    assert len(requests) == 40, "of 500 allowed in ten seconds"
    assert sum(request.weight for request in requests) < WEIGHT_PER_MINUTE / 50
    assert VENUE.poll("books").every_seconds == 300 and VENUE.poll("prices").every_seconds == 60


def test_a_batch_of_books() -> None:
    other = REST_BOOK | {"asset_id": NO, "bids": [], "last_trade_price": ""}
    decoded = rest.parse_books(reply("books", [REST_BOOK, other]))
    found = lists(decoded.rows["book_snapshots"])
    assert (found["symbol"], found["side"]) == ([YES] * 4 + [NO] * 2, [1, 1, -1, -1, -1, -1])
    assert (set(found["event_at"]), set(found["received_at"]), set(found["update_id"])) == ({MS * 1000}, {NOW_US}, {NUMBER})
    assert lists(decoded.rows["book_claims"]) == {
        "symbol": [YES, NO],
        "event_at": [MS * 1000] * 2,
        "received_at": [NOW_US] * 2,
        "bid_price": [0.924, 0.0],
        "ask_price": [0.925, 0.925],
    }


def test_a_book_of_the_stream_and_of_rest_are_the_same_rows(batch) -> None:
    stream = decode("market", batch([json.dumps(BOOK).encode()])).rows["book_snapshots"]
    polled = rest.parse_books(reply("books", [REST_BOOK])).rows["book_snapshots"]
    same = ("symbol", "event_at", "update_id", "side", "price", "quantity")
    assert {name: lists(stream)[name] for name in same} == {name: lists(polled)[name] for name in same}


def test_prices_are_the_tops_at_the_moment_of_the_reply() -> None:
    other = REST_BOOK | {"asset_id": NO, "bids": [], "last_trade_price": ""}
    assert lists(rest.parse_prices(reply("prices", [REST_BOOK, other])).rows["prices"]) == {
        "symbol": [YES, NO],
        "event_at": [NOW_US] * 2,
        "received_at": [NOW_US] * 2,
        "bid_price": [0.924, None],
        "bid_quantity": [24514.9, None],
        "ask_price": [0.925, 0.925],
        "ask_quantity": [23403.29] * 2,
        "last_price": [0.925, None],
    }


@pytest.mark.parametrize("parse", [rest.parse_books, rest.parse_prices])
def test_a_broken_book_costs_none_of_its_neighbours(parse: Any) -> None:
    decoded = parse(reply("books", [REST_BOOK, REST_BOOK | {"timestamp": "x"}, REST_BOOK | {"asset_id": NO}]))
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    assert set(next(iter(decoded.rows.values()))["symbol"]) == {YES, NO}
    assert parse(reply("books", [])).rows == {}, "no token of the batch has a book"
    for body in (b"<html>502</html>", b'{"error":"Invalid payload"}'):
        with pytest.raises(BadReply):
            parse(Reply("books", {}, body, NOW_US))


# --- walks ----------------------------------------------------------------------------------------------------------------


def test_open_and_closed_markets_are_walked_apart() -> None:
    opened, closed = rest.request_markets([], NOW_US)
    assert (opened.path, opened.params["closed"], closed.params["closed"]) == ("/gamma/markets/keyset", "false", "true")
    assert opened.params["limit"] == 100 and "offset" not in opened.params
    assert VENUE.poll("markets").max_pages == 100, "10,000 markets"


def test_a_walk_goes_on_behind_the_cursor_with_the_same_filters() -> None:
    (opened, _) = rest.request_markets([], NOW_US)
    following = rest.follow_markets(reply("markets", {"markets": [], "next_cursor": "abc"}, **opened.params))
    assert following is not None and following.params == {**opened.params, "after_cursor": "abc"}
    assert following.path == opened.path
    again = rest.follow_markets(reply("markets", {"markets": [], "next_cursor": "def"}, **following.params))
    assert again is not None and again.params["after_cursor"] == "def"
    assert rest.follow_markets(reply("markets", {"markets": [ENTRY]}, **opened.params)) is None
    (events,) = rest.request_events([], NOW_US)
    following = rest.follow_events(reply("events", {"events": [], "next_cursor": "abc"}, **events.params))
    assert following is not None and following.params == {**events.params, "after_cursor": "abc"}


@pytest.mark.parametrize(("closed", "goes_on"), [("2026-11-22 02:00:00+00", True), ("2026-11-19 02:00:00+00", False), (None, False)])
def test_the_walk_over_closed_markets_ends_two_days_back(closed: str | None, goes_on: bool) -> None:
    page = {"markets": [ENTRY, ENTRY | {"closed": True, "closedTime": closed}], "next_cursor": "abc"}
    assert (rest.follow_markets(reply("markets", page, closed="true")) is not None) == goes_on
    assert rest.follow_markets(reply("markets", page, closed="false")) is not None


@pytest.mark.parametrize("follow", [rest.follow_markets, rest.follow_events])
def test_a_page_of_html_is_no_end_of_a_walk(follow: Any) -> None:
    with pytest.raises(BadReply):
        follow(Reply("markets", {}, b"<html>", NOW_US))


def test_provisional_tokens_are_asked_about_by_name() -> None:
    requests = rest.request_by_token([str(number) for number in range(200)], NOW_US)
    assert len(requests) == 20 and sum("closed=true" in request.path for request in requests) == 10
    assert requests[0].path.startswith("/gamma/markets/keyset?clob_token_ids=0&clob_token_ids=1&")
    assert {request.weight for request in requests} == {30}
    assert rest.request_by_token([], NOW_US) == []


def test_every_request_names_one_of_the_hosts() -> None:
    for poll in VENUE.polls:
        for request in poll.requests([YES], NOW_US):
            assert request.path.split("/")[1] in HOSTS


# --- trades ---------------------------------------------------------------------------------------------------------------

DATA_TRADE = {
    "proxy_wallet": "0x5c",
    "side": "BUY",
    "token_id": YES,
    "condition_id": "0x8b",
    "size": 216.216215,
    "price": 0.925,
    "timestamp": 1784578735,
    "transaction_hash": TRADE["transaction_hash"],
    "outcome_index": 999,
}


def page(*rows: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"data": list(rows), "pagination": {"has_more": cursor is not None, "next_cursor": cursor}}


def test_a_trade_has_the_number_of_its_print(batch) -> None:
    found = lists(rest.parse_trades(reply("trades", page(DATA_TRADE, DATA_TRADE | {"size": "216.216215"}))).rows["trades"])
    (number,) = decode("market", batch([json.dumps(TRADE).encode()])).rows["trades"]["trade_id"].tolist()
    assert found["trade_id"] == [number] * 2
    assert (found["event_at"], found["side"], found["quantity"]) == ([1784578735000000] * 2, [1, 1], [216.216215] * 2)
    assert found["venue_trade_id"] == [TRADE["transaction_hash"]] * 2


def test_a_broken_trade_costs_none_of_its_neighbours() -> None:
    decoded = rest.parse_trades(reply("trades", page(DATA_TRADE, DATA_TRADE | {"price": 0}, DATA_TRADE | {"token_id": "7\0"}, DATA_TRADE)))
    assert [rejected.frame for rejected in decoded.rejected] == [1, 2] and len(decoded.rows["trades"]["symbol"]) == 2
    for document in ({"error": "x", "code": "BAD_REQUEST"}, [], {"data": 7}):
        with pytest.raises(BadReply):
            rest.parse_trades(reply("trades", document))


def test_a_walk_over_trades_ends_before_the_moment() -> None:
    walk = TradesWalk("0x8b", 1784578735_000000)
    first = walk.next_request(None)
    assert first is not None and first.path == "/data/v2/trades"
    assert first.params == {"limit": 1000, "taker_only": "true", "condition": "0x8b"}
    second = walk.next_request(reply("trades", page(DATA_TRADE, DATA_TRADE | {"timestamp": 1784578734}, cursor="c1")))
    assert second is not None and second.params["cursor"] == "c1" and not walk.reached
    assert walk.next_request(reply("trades", page(DATA_TRADE | {"timestamp": 1784578733}, cursor="c2"))) is None
    assert walk.reached


def test_a_walk_over_trades_ends_with_the_first_trade_or_its_bound() -> None:
    walk = TradesWalk("0x8b", 0)
    walk.next_request(None)
    assert walk.next_request(reply("trades", page(DATA_TRADE))) is None and walk.reached
    walk = TradesWalk("0x8b", 0, max_pages=2)
    walk.next_request(None)
    walk.next_request(reply("trades", page(DATA_TRADE, cursor="c1")))
    assert walk.next_request(reply("trades", page(DATA_TRADE, cursor="c2"))) is None and not walk.reached


def test_a_cursor_that_repeats_ends_the_walk_loudly() -> None:
    walk = TradesWalk("0x8b", 0)
    walk.next_request(None)
    walk.next_request(reply("trades", page(DATA_TRADE, cursor="c1")))
    with pytest.raises(BadReply, match="again"):
        walk.next_request(reply("trades", page(DATA_TRADE, cursor="c1")))
