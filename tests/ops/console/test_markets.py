"""What the console says of instruments, chains, pairs and paper trading, against the database it says it of."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests

from core.trading import CENT_PER_ORDER, FeeTerms, TradingTerms
from ops.console.holdings import worth
from ops.console.pairs import spread
from paper.rules import Rules
from paper.values import Book, Leg, Pair
from tests.paper.market import d

Query = Callable[..., list[tuple[Any, ...]]]


def get(url: str, status: int = 200, **parameters: Any) -> Any:
    found = requests.get(url, params=parameters, timeout=30)
    assert found.status_code == status, found.text
    return found.json()


def listed(query: Query, venue: str, symbol: str, **more: Any) -> int:
    columns = {"venue": venue, "symbol": symbol, "status": "open", **more}
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    sql = f"INSERT INTO instruments ({names}, first_seen_at, updated_at) VALUES ({places}, now(), now()) RETURNING instrument_id"
    return int(query(sql, list(columns.values()))[0][0])


def test_an_instrument_is_found_by_symbol_underlying_and_question(console: str, query: Query) -> None:
    perpetual = listed(query, "deribit", "ETH-PERPETUAL", base_asset="ETH")
    token = listed(query, "polymarket", "9911", contract_type="outcome")
    listed(query, "deribit", "BTC-PERPETUAL", base_asset="BTC")
    query(
        "INSERT INTO markets (venue, market_id, title, status, outcomes, first_seen_at, updated_at) "
        "VALUES ('polymarket', 'm', 'Will it rain 100%% in Ethiopia?', 'active', '[[\"9911\", \"Yes\"]]', now(), now())"
    )

    def found(**asked: Any) -> list[int]:
        return [one["instrument_id"] for one in get(f"{console}/api/market/instruments", **asked)["instruments"]]

    assert found(q="eth") == [perpetual, token], "what begins so comes first"
    assert found(q="eth", venue="polymarket") == [token]
    assert found(q="100%") == [token] and found(q="_") == [], "no character is a pattern"
    assert found(q="ETH", limit=1) == [perpetual]
    assert get(f"{console}/api/market/instruments", 404, q="x", venue="nowhere")["detail"]
    assert get(f"{console}/api/market/instruments", 422)


def test_a_book_is_its_last_whole_state_and_what_changed_since(console: str, query: Query) -> None:
    number = listed(query, "deribit", "ETH-PERPETUAL")
    states = [(60, 1, 1, 99.0, 5.0), (30, 5, 1, 100.0, 1.0), (30, 5, 1, 99.0, 2.0), (30, 5, -1, 101.0, 3.0)]
    for age, update, side, price, quantity in states:
        query(
            "INSERT INTO book_snapshots (event_at, received_at, instrument_id, update_id, side, price, quantity) "
            "VALUES (date_trunc('hour', now()) - %s * INTERVAL '1 second', now(), %s, %s, %s, %s, %s)",
            (age, number, update, side, price, quantity),
        )
    changes = [(45, 3, 1, 98.0, 9.0), (20, 6, 1, 100.0, 0.0), (10, 7, -1, 100.5, 4.0), (5, 8, -1, 100.5, 6.0)]
    for age, update, side, price, quantity in changes:
        query(
            "INSERT INTO book_deltas (event_at, received_at, instrument_id, update_id, side, price, quantity) "
            "VALUES (date_trunc('hour', now()) - %s * INTERVAL '1 second', now(), %s, %s, %s, %s, %s)",
            (age, number, update, side, price, quantity),
        )
    found = get(f"{console}/api/market/instruments/{number}")
    book = found["book"]
    assert [(one["price"], one["quantity"]) for one in book["bids"]] == [(99.0, 2.0)], "what is older than the state, and what went, is not"
    assert [(one["price"], one["quantity"]) for one in book["asks"]] == [(100.5, 6.0), (101.0, 3.0)]
    assert not book["partial"] and found["trades"] == found["quotes"] == []
    assert get(f"{console}/api/market/instruments/{number + 1}", 404)["detail"].startswith(f"There is no instrument {number + 1}")
    assert get(f"{console}/api/market/instruments/{2**31}", 422)


def test_a_chain_is_told_by_strike(console: str, query: Query) -> None:
    option = {"contract_type": "option", "base_asset": "ETH", "expires_at": "2099-01-01T08:00:00Z", "price_unit": "ETH"}
    call = listed(query, "deribit", "C", **option, attributes='{"strike": 3000, "option_type": "call"}')
    put = listed(query, "deribit", "P", **option, attributes='{"strike": 3000, "option_type": "put"}')
    for number, age, volatility in ((call, 20, 50.0), (call, 10, 60.0), (put, 7_200, 70.0)):
        query(
            "INSERT INTO tickers (event_at, received_at, instrument_id, mark_iv, underlying_price) "
            "VALUES (now() - %s * INTERVAL '1 second', now(), %s, %s, 2900)",
            (age, number, volatility),
        )
    (chain,) = get(f"{console}/api/options")["chains"]
    assert (chain["listed"], chain["recorded"]) == (2, 0)
    found = get(f"{console}/api/options/chain", venue="deribit", base="ETH", expires_at=chain["expires_at"])
    (strike,) = found["strikes"]
    assert (strike["strike"], strike["call"]["mark_iv"], strike["put"]["mark_iv"]) == (3000.0, 60.0, None), "two hours are too old"
    assert (found["underlying_price"], found["told"]) == (2900.0, 1)
    assert get(f"{console}/api/options/chain", 404, venue="deribit", base="BTC", expires_at=chain["expires_at"])["detail"]


def test_an_empty_farm_has_nothing_to_tell_and_says_so(console: str) -> None:
    assert get(f"{console}/api/pairs") == {"limit": 100, "pairs": []}
    paper = get(f"{console}/api/paper")
    assert (paper["running"], paper["realised"], paper["positions"], paper["hours"]) == (False, "0", [], [])
    assert get(f"{console}/api/paper/report")["total"]["opportunities"] == 0
    assert get(f"{console}/api/paper/report", **{"from": "2099-01-01T00:00:00Z"})["pairs"] == []
    assert get(f"{console}/api/paper/report", 422, **{"from": "3"})["detail"]
    html = requests.get(console, timeout=30).text
    assert "Nothing is recorded yet" in html and "No options are listed" in html


def test_a_page_without_its_servers_says_which_is_away(blind: str) -> None:
    answer = requests.get(blind, timeout=30)
    assert answer.status_code == 200
    until = time.monotonic() + 30
    while "Not known at present" not in answer.text:
        assert time.monotonic() < until
        answer = requests.get(blind, timeout=30)
    assert "secret" not in answer.text


# --- reckoning ------------------------------------------------------------------------------------------------------------
def leg(number: int, rate: str) -> Leg:
    terms = TradingTerms(FeeTerms(d(rate), CENT_PER_ORDER), d(1), d(1), ((d(0), d(1), d("0.01")),))
    return Leg(f"venue {number}", number, number, terms)


def book(bid: str, ask: str) -> Book:
    return Book(((d(bid), d(50)),), ((d(ask), d(50)),), event_us=0, received_us=0)


def test_what_a_share_leaves_is_one_less_both_prices_less_both_fees() -> None:
    pair = Pair(1, leg(1, "0"), leg(2, "0.07"))
    found = spread(pair, book("0.38", "0.40"), book("0.50", "0.52"), "a", Rules())
    # YES at 0.40, NO at 0.50; 100 shares at 0.50 are charged 0.07 * 100 * 0.25 = 1.75
    assert found == {"yes_leg": "a", "after_fees": Decimal("0.0825"), "shares": Decimal(50), "edge": Decimal("4.12")}
    other = spread(pair, book("0.38", "0.40"), book("0.50", "0.52"), "b", Rules())
    assert other is not None and other["after_fees"] < 0 and other["shares"] == 0
    empty = Book((), (), event_us=0, received_us=0)
    assert spread(pair, empty, book("0.50", "0.52"), "a", Rules()) is None


@pytest.mark.parametrize(("outcome", "dollars"), [("yes", "38.0"), ("no", "60.0")])
def test_a_position_is_worth_what_the_book_would_give(outcome: str, dollars: str) -> None:
    from core.matched import Told

    told = Told(1, (0.38, 5.0), (0.40, 5.0), 0, 0, trusted=True)
    assert worth({"outcome": outcome, "quantity": Decimal(100)}, told) == Decimal(dollars)
    assert worth({"outcome": outcome, "quantity": Decimal(100)}, None) is None
