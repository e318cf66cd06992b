"""Every recorded reply is what recorded.py says of it by hand, or is one that no poll asks for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.venue import Reply
from tests.venues.polymarket.frames import lists
from tests.venues.polymarket.recorded import BOOKS, MARKETS
from tests.venues.polymarket.test_recorded import check_book
from venues.errors import BadReply
from venues.polymarket import rest
from venues.polymarket.listings import parse_events, parse_markets
from venues.polymarket.resolutions import parse_resolutions
from venues.polymarket.texts import microseconds_of

NOW_US = 1_795_300_000_000_000

#: replies that no poll asks for: what they are
NOT_ASKED_FOR = {
    "rest_clob_markets_page.json.gz": "the CLOB's list of all markets; Gamma's walk tells more of each",
    "rest_gamma_public_search.json": "a search",
    "examples/rest_data_trades.json": "trades of the Data API's first version, which is retired",
    "retyped/rest_clob_prices_history.json": "prices without sizes, made of what the books tell",
}
READ_ELSEWHERE = {
    "rest_clob_market_closed_a.json",
    "rest_gamma_events_democratic_nominee.json",
    "rest_gamma_markets_btc_5m_2026-07-24_a.json.gz",
}


def document(captures: Path, name: str) -> Any:
    path = captures / "polymarket" / name
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    return json.loads(data)["body"]


def as_page(body: Any) -> Reply:
    """A list of the old kind as the keyset walk wraps it."""
    return Reply("markets", {}, json.dumps({"markets": body}).encode(), NOW_US)


def test_the_tables_name_every_recording(captures: Path) -> None:
    folder = captures / "polymarket"
    replies = {str(path.relative_to(folder)) for path in folder.rglob("*.json*") if not path.name.startswith("ws_")}
    assert replies == {*BOOKS, *MARKETS, *NOT_ASKED_FOR, *READ_ELSEWHERE}


@pytest.mark.parametrize("name", BOOKS)
def test_recorded_books(name: str, captures: Path) -> None:
    token, ms, bids, asks, best_bid, best_ask, last = BOOKS[name]
    body = document(captures, name)
    reply = Reply("books", {}, json.dumps([body]).encode(), NOW_US)
    decoded = rest.parse_books(reply)
    assert not decoded.rejected
    check_book(
        ("book", token, ms, body["hash"], bids, asks, best_bid, best_ask),
        lists(decoded.rows["book_snapshots"]) | {"frame": [0] * (bids + asks)},
        0,
    )
    claims = lists(decoded.rows["book_claims"])
    assert (claims["bid_price"], claims["ask_price"]) == ([best_bid[0]], [best_ask[0]])
    prices = lists(rest.parse_prices(reply).rows["prices"])
    values = tuple(prices[name][0] for name in ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "last_price"))
    assert values == (*best_bid, *best_ask, last)


@pytest.mark.parametrize("name", MARKETS)
def test_recorded_markets(name: str, captures: Path) -> None:
    names, tokens, tick, event, series, closes, rate = MARKETS[name]
    body = document(captures, name)
    decoded = parse_markets(as_page(body))
    (market,) = decoded.markets
    assert not decoded.rejected and market.market_id.startswith(Path(name).stem.rpartition("_")[2])
    assert tuple((token[:8], outcome) for token, outcome in market.outcomes) == tuple(zip(tokens, names, strict=True))
    assert (market.event_id, market.series_id, market.closes_at_us, market.status) == (event, series, microseconds_of(closes), "active")
    assert market.rules == body[0]["description"] and market.attributes["feeSchedule"]["rate"] == rate
    assert [(one.symbol[:8], one.tick_size) for one in decoded.instruments] == [(token, tick) for token in tokens]
    assert parse_resolutions(as_page(body)).rows == {}


def test_recorded_settled_markets(captures: Path) -> None:
    body = document(captures, "rest_gamma_markets_btc_5m_2026-07-24_a.json.gz")
    listed = parse_markets(as_page(body))
    assert (len(listed.markets), len(listed.instruments), listed.rejected) == (195, 390, [])
    assert {market.status for market in listed.markets} == {"resolved"}
    assert {tuple(name for _, name in market.outcomes) for market in listed.markets} == {("Up", "Down")}
    rows = lists(parse_resolutions(as_page(body)).rows["resolutions"])
    ups = [
        payout
        for payout, symbol in zip(rows["payout"], rows["symbol"], strict=True)
        if symbol in {m.outcomes[0][0] for m in listed.markets}
    ]
    assert (len(rows["symbol"]), sum(rows["payout"]), sum(ups)) == (390, 195, 89)
    assert set(rows["status"]) == {"resolved"}
    first = listed.markets[0]
    assert (first.title, first.closes_at_us) == ("Bitcoin Up or Down - July 23, 7:55PM-8:00PM ET", microseconds_of("2026-07-24T00:00:00Z"))
    assert rows["event_at"][:2] == [microseconds_of("2026-07-24T00:00:16Z")] * 2 and rows["payout"][:2] == [1.0, 0.0]


def test_a_recorded_market_that_closed_on_the_clob(captures: Path) -> None:
    body = json.dumps(document(captures, "rest_clob_market_closed_a.json")).encode()
    rows = lists(parse_resolutions(Reply("resolutions", {}, body, NOW_US)).rows["resolutions"])
    assert [(symbol[:8], payout) for symbol, payout in zip(rows["symbol"], rows["payout"], strict=True)] == [
        ("10887229", 0.0),
        ("89711174", 1.0),
    ]


def test_a_recorded_page_of_the_clob_holds_24_winners(captures: Path) -> None:
    """Not asked for as a page; but each of its entries is what the CLOB says of one market."""
    entries = document(captures, "rest_clob_markets_page.json.gz")["data"]
    decoded = [parse_resolutions(Reply("resolutions", {}, json.dumps(entry).encode(), NOW_US)) for entry in entries]
    assert sum(bool(one.rows) for one in decoded) == 24 and len(decoded) == 100
    assert all(sum(lists(one.rows["resolutions"])["payout"]) == 1 for one in decoded if one.rows)


def test_a_recorded_event_holds_its_markets(captures: Path) -> None:
    body = document(captures, "rest_gamma_events_democratic_nominee.json")
    decoded = parse_events(Reply("events", {}, json.dumps({"events": body}).encode(), NOW_US))
    assert [(market.event_id, market.attributes["groupItemTitle"], market.status) for market in decoded.markets] == [
        ("30829", "Stephen A. Smith", "active"),
        ("30829", "Gretchen Whitmer", "active"),
    ]
    assert len(decoded.instruments) == 4 and not decoded.rejected


@pytest.mark.parametrize("name", NOT_ASKED_FOR)
def test_what_no_poll_asks_for_is_not_taken_for_something_else(name: str, captures: Path) -> None:
    body = json.dumps(document(captures, name)).encode()
    for poll in ("markets", "books", "prices", "trades"):
        parse = next(found.parse for found in rest.POLLS if found.name == poll)
        try:
            decoded = parse(Reply(poll, {}, body, NOW_US))
        except BadReply:
            continue
        assert not decoded.rows and not decoded.markets and decoded.rejected
