"""Prices of the instant: recorded markets by the hundred, and whole books, whose bids for NO are asks for YES."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.kalshi.messages import MARKET, lists
from tests.venues.kalshi.replies import LISTED, NOW_US, VENUE, listed, markets, parse
from venues.errors import BadReply

MANY = [f"M-{n}" for n in range(250)]


# --- markets


def test_a_market_is_a_price_and_what_the_venue_computes_of_it() -> None:
    rows = parse("markets", markets(LISTED)).rows
    price = {
        "symbol": [LISTED["ticker"]],
        "event_at": [NOW_US],
        "received_at": [NOW_US],
        "bid_price": [0.45],
        "bid_quantity": [2074.0],
        "ask_price": [0.48],
        "ask_quantity": [169.74],
        "last_price": [0.47],
    }
    assert lists(rows["prices"]) == price
    assert lists(rows["tickers"]) == {**price, "open_interest": [618700.14], "volume": [2233480.0]}


def test_a_bid_of_nothing_an_ask_of_a_dollar_and_no_trade_yet_are_absent() -> None:
    empty = listed(
        yes_bid_dollars="0.0000", yes_bid_size_fp="0.00", yes_ask_dollars="1.0000", yes_ask_size_fp="0.00", last_price_dollars="0.0000"
    )
    rows = lists(parse("markets", markets(LISTED, empty)).rows["prices"])
    assert {name: column[1] for name, column in rows.items() if name.endswith(("price", "quantity"))} == dict.fromkeys(
        ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "last_price")
    )


def test_a_market_that_cannot_be_read_is_rejected() -> None:
    decoded = parse("markets", markets(listed(yes_bid_dollars="much"), LISTED, listed(ticker=None), listed(open_interest_fp="-1.00")))
    assert decoded.rows["prices"]["symbol"] == [LISTED["ticker"]]
    assert [one.frame for one in decoded.rejected] == [0, 2, 3]


def test_a_page_of_no_markets_is_no_row() -> None:
    assert parse("markets", markets()).rows == {}


def test_prices_are_asked_for_by_the_hundred() -> None:
    requests = VENUE.poll("markets").requests(MANY, NOW_US)
    assert [request.params["tickers"].split(",") for request in requests] == [MANY[:100], MANY[100:200], MANY[200:]]
    assert {request.path for request in requests} == {"/trade-api/v2/markets"}


# --- books

LEVELS = {"yes_dollars": [["0.4400", "100.10"], ["0.4500", "2074.00"]], "no_dollars": [["0.5200", "169.74"], ["0.0100", "5.00"]]}
TOP = {"bid_price": [0.45], "bid_quantity": [2074.0], "ask_price": [0.48], "ask_quantity": [169.74]}


def bulk(*books: tuple[str, object], poll: str = "orderbooks"):
    return parse(poll, {"orderbooks": [{"ticker": ticker, "orderbook_fp": levels} for ticker, levels in books]})


def test_books_bear_witness_to_tops() -> None:
    claims = lists(bulk((MARKET, LEVELS), ("EMPTY", {})).rows["book_claims"])
    assert claims == {
        "symbol": [MARKET, "EMPTY"],
        "event_at": [NOW_US] * 2,
        "received_at": [NOW_US] * 2,
        "frame": [0, 0],
        "bid_price": [0.45, 0.0],
        "ask_price": [0.48, 0.0],
    }


def test_the_best_level_is_looked_for_in_whatever_order_they_stand() -> None:
    turned = {name: side[::-1] for name, side in LEVELS.items()}
    assert lists(bulk((MARKET, turned)).rows["book_claims"]) == lists(bulk((MARKET, LEVELS)).rows["book_claims"])


def test_a_whole_book_is_a_row_a_level() -> None:
    rows = lists(bulk((MARKET, LEVELS), poll="orderbook_snapshots").rows["book_snapshots"])
    assert sorted(zip(rows["side"], rows["price"], rows["quantity"], strict=True)) == [
        (-1, 0.48, 169.74),
        (-1, 0.99, 5.0),
        (1, 0.44, 100.1),
        (1, 0.45, 2074.0),
    ]
    assert set(rows["update_id"]) == {0} and set(rows["event_at"]) == {NOW_US}


def test_one_book_is_named_by_its_request() -> None:
    decoded = parse("orderbook", {"orderbook_fp": LEVELS}, ticker=MARKET)
    prices = lists(decoded.rows["prices"])
    assert prices["symbol"] == [MARKET] and {name: prices[name] for name in TOP} == TOP
    assert decoded.rows["book_snapshots"]["symbol"] == [MARKET] * 4
    with pytest.raises(BadReply, match="names no market"):
        parse("orderbook", {"orderbook_fp": LEVELS})


@pytest.mark.parametrize("levels", [{}, {"yes_dollars": None, "no_dollars": None}, {"yes_dollars": [], "no_dollars": []}])
def test_an_empty_book_has_no_prices(levels) -> None:
    prices = lists(parse("orderbook", {"orderbook_fp": levels}, ticker=MARKET).rows["prices"])
    assert [prices[name] for name in TOP] == [None] * 4


@pytest.mark.parametrize(
    "broken", [{"yes_dollars": [["0.1"]]}, {"no_dollars": [["1.5000", "1.00"]]}, {"yes_dollars": [["0.1000", "-1.00"]]}, [], None]
)
def test_a_book_that_cannot_be_read_is_rejected_and_its_neighbours_are_kept(broken) -> None:
    decoded = bulk((MARKET, broken), ("B", LEVELS))
    assert decoded.rows["book_claims"]["symbol"] == ["B"] and [one.frame for one in decoded.rejected] == [0]
    with pytest.raises(BadReply):
        parse("orderbook", {"orderbook_fp": broken}, ticker=MARKET)


def test_books_are_asked_for_by_the_hundred_where_there_is_a_login_and_singly_where_there_is_none() -> None:
    login = VENUE.poll("orderbooks").requests(MANY[:101], NOW_US)
    assert [request.path.count("tickers=") for request in login] == [100, 1]
    assert VENUE.poll("orderbooks").login is True and VENUE.poll("orderbook").login is False
    (single,) = VENUE.poll("orderbook").requests(MANY[:1], NOW_US)
    assert single.target()[0] == "/trade-api/v2/markets/M-0/orderbook"


cents = st.integers(1, 9999)


@given(st.lists(cents, max_size=8, unique=True), st.lists(cents, max_size=8, unique=True))
def test_the_top_is_the_best_of_all_levels(yes: list[int], no: list[int]) -> None:
    levels = {"yes_dollars": [[f"{p / 10000:.4f}", "1.00"] for p in yes], "no_dollars": [[f"{p / 10000:.4f}", "2.00"] for p in no]}
    prices = lists(parse("orderbook", {"orderbook_fp": levels}, ticker=MARKET).rows["prices"])
    assert (prices["bid_price"] or [None]) == [max(yes) / 10000 if yes else None]
    assert (prices["ask_price"] or [None]) == [(10000 - max(no)) / 10000 if no else None]
