"""Every recorded reply, against tables made by hand from its text: tops of books, results, trades, pages."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.venue import Reply, Wanted
from tests.venues.kalshi.messages import lists
from tests.venues.kalshi.replies import VENUE, markets, parse
from venues.errors import BadReply

#: market: (bid, its size, ask, its size) as the market itself says, and of its book where that, asked for a moment later, differs.
_JULY_6: dict[str, tuple[Any, Any]] = {
    "kxatp-26wim-aug": ((0.02, 2393.58, 0.03, 12101.2), None),
    "kxatp-26wim-djo": ((0.13, 5886.89, 0.14, 1050.0), None),
    "kxatp-26wim-fri": ((0.06, 31812.6, 0.07, 7163.89), None),
    "kxatp-26wim-sin": ((0.62, 41221.57, 0.63, 236744.42), None),
    "kxatpmatch-26jul06decob-de": ((0.76, 34137.84, 0.77, 100.0), None),
    "kxatpmatch-26jul06dimfer-dim": ((0.66, 20534.52, 0.67, 534.09), (0.66, 20510.52, 0.67, 534.09)),
    "kxatpmatch-26jul06fribub-fri": ((0.66, 6501.79, 0.67, 92906.09), None),
    "kxfeddecision-26jul-c25": ((None, None, 0.01, 90064.08), None),
    "kxfeddecision-26jul-h0": ((0.88, 18024.0, 0.89, 164709.88), None),
    "kxwcadvance-26jul06poresp-por": ((0.33, 638567.5, 0.34, 6384914.51), (0.33, 638567.5, 0.34, 6384863.68)),
    "kxwcadvance-26jul06usabel-usa": ((0.52, 864861.45, 0.53, 2909620.62), (0.52, 864861.45, 0.53, 2909581.86)),
    "kxwcadvance-26jul07argegy-arg": ((0.84, 418049.62, 0.85, 3022397.17), None),
    "kxwcadvance-26jul07suicol-sui": ((0.39, 37886.83, 0.4, 1397067.39), None),
    "kxwcadvance-26jul09framar-fra": ((0.77, 14431.37, 0.78, 1644876.58), None),
    "kxwcbesthost-26-usa": ((0.67, 596.07, 0.68, 16569.77), None),
    "kxwcstageofelim-26arg-fw": ((0.18, 30.0, 0.19, 10675.0), None),
    "kxwcstageofelim-26eng-fw": ((0.15, 150.0, 0.16, 1685.0), None),
    "kxwcstageofelim-26fra-fw": ((0.34, 3020.58, 0.35, 1911.14), None),
    "kxwcstageofelim-26nor-fw": ((0.04, 903.18, 0.07, 6412.49), None),
    "kxwcstageofelim-26usa-fw": ((0.03, 50782.42, 0.04, 7574.69), None),
    "kxwta-26wim-osa": ((0.22, 29276.33, 0.23, 7483.76), None),
}
_JULY_20: dict[str, tuple[Any, Any]] = {
    "kxballondor-26-hkan": ((0.39, 500.0, 0.4, 575.5), None),
    "kxballondor-26-lyam": ((0.34, 2781.63, 0.35, 2163.66), None),
    "kxballondor-26-rodr": ((0.14, 210.28, 0.15, 5414.63), (0.14, 710.28, 0.15, 5414.63)),
    "kxfeddecision-26jul-c25": ((None, None, 0.01, 1507388.37), None),
    "kxfeddecision-26jul-h0": ((0.93, 134442.8, 0.94, 80642.01), None),
    "kxnextteamnba-26ljam-gsw": ((0.15, 16250.0, 0.16, 79156.1), None),
    "kxnextteamnba-26ljam-nyk": ((None, None, 0.01, 779646.89), None),
    "kxnextteamnba-26ljam-sas": ((None, None, 0.01, 1089049.45), None),
}
TOPS = {
    **{("rest_2026-07-06", name): tops for name, tops in _JULY_6.items()},
    **{("rest_2026-07-20", name): tops for name, tops in _JULY_20.items()},
}
#: event of a quarter of an hour: what a contract for YES was paid, and when, in us
RESULTS = {
    "26aug050800": (1.0, 1785931210878759),
    "26aug051300": (0.0, 1785949210881505),
    "26aug060000": (1.0, 1785988804134979),
    "26aug070000": (1.0, 1786075205472083),
    "26aug070800": (0.0, 1786104005460745),
    "26aug071300": (0.0, 1786122005460126),
    "26aug101815": (0.0, 1786400105474299),
    "26aug101830": (1.0, 1786401005466983),
    "26aug101900": (1.0, 1786402805467118),
    "26aug101915": (0.0, 1786403705473929),
    "26aug101945": (1.0, 1786405505463910),
    "26aug102000": (1.0, 1786406405459018),
    "26aug102015": (1.0, 1786407305465568),
    "26aug102030": (1.0, 1786408205463421),
    "26aug102100": (0.0, 1786410005460616),
    "26aug102115": (1.0, 1786410905466228),
    "26aug102145": (0.0, 1786412705471077),
    "26aug102215": (1.0, 1786414505467326),
    "26aug102230": (0.0, 1786415405460687),
    "26aug102300": (0.0, 1786417205459574),
    "26aug102315": (1.0, 1786418105463517),
    "26aug102345": (0.0, 1786419905467139),
    "26aug110000": (1.0, 1786420805459535),
    # Not every market is settled within seconds.
    "26aug120000": (1.0, 1786549689061750),
    "26aug120800": (0.0, 1786536019061659),
    "26aug121300": (0.0, 1786554019063522),
}
#: pages of markets: (markets, whether more follow)
PAGES = {
    "markets__page1.json": (5, True),
    "markets__page2.json": (5, True),
    "markets__single_filter_lastpage.json": (1, False),
    "markets__status_closed.json": (5, True),
    "markets__status_open.json.gz": (200, True),
}
OTHERS = {
    "exchange__status.json",
    "markets__limit_over_max.json",
    "markets__single.json",
    "orderbook__base.json",
    "trades__public_recorded.json",
}
DEMO = "rest_demo_2026-06"


def document(captures: Path, *parts: str) -> Any:
    path = captures.joinpath("kalshi", *parts)
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())["body"]


def top(columns: Any) -> tuple[Any, ...]:
    rows = lists(columns)
    return tuple((rows[name] or [None])[0] for name in ("bid_price", "bid_quantity", "ask_price", "ask_quantity"))


def test_the_tables_name_every_recording(captures: Path) -> None:
    folder = captures / "kalshi"
    replies = {str(path.relative_to(folder)) for path in folder.glob("rest_*/*")}
    named = {f"{day}/{what}_{name}.json" for day, name in TOPS for what in ("market", "orderbook")}
    assert replies == {
        *named,
        *(f"rest_event/kxgold15m-{name}.json" for name in RESULTS),
        *(f"{DEMO}/{name}" for name in (*PAGES, *OTHERS)),
    }


@pytest.mark.parametrize(("day", "name"), TOPS, ids=[name for _, name in TOPS])
def test_recorded_markets_and_their_books(day: str, name: str, captures: Path) -> None:
    """Between the two requests one size changed in four of the markets; all other tops are equal."""
    said, shown = TOPS[day, name]
    market = document(captures, day, f"market_{name}.json")["market"]
    told = parse("markets", markets(market))
    assert not told.rejected and top(told.rows["prices"]) == said
    assert lists(told.rows["tickers"])["volume"] == [float(market["volume_24h_fp"])]
    book = parse("orderbook", document(captures, day, f"orderbook_{name}.json"), ticker=market["ticker"])
    assert top(book.rows["prices"]) == (said if shown is None else shown)
    levels = lists(book.rows["book_snapshots"])
    assert max([p for p, side in zip(levels["price"], levels["side"], strict=True) if side == 1], default=None) == said[0]


@pytest.mark.parametrize("name", RESULTS)
def test_recorded_events_and_what_they_came_to(name: str, captures: Path) -> None:
    payout, at_us = RESULTS[name]
    found = document(captures, "rest_event", f"kxgold15m-{name}.json")
    decoded = parse("events", {"events": [{**found["event"], "markets": found["markets"]}], "cursor": ""})
    (market,) = decoded.markets
    assert not decoded.rejected and decoded.instruments[0].symbol == market.market_id
    assert (market.event_id, market.series_id, market.status) == (f"KXGOLD15M-{name.upper()}", "KXGOLD15M", "resolved")
    assert market.closes_at_us - market.opens_at_us == 900_000_000 and market.closes_at_us < at_us
    assert "Pyth" in market.resolution_source and market.rules
    rows = lists(parse("settlements", markets(*found["markets"])).rows["resolutions"])
    assert (rows["status"], rows["payout"], rows["event_at"]) == (["resolved"], [payout], [at_us])


@pytest.mark.parametrize("name", PAGES)
def test_recorded_pages_of_markets(name: str, captures: Path) -> None:
    count, more = PAGES[name]
    body = document(captures, DEMO, name)
    reply = Reply("universe", {"limit": 5}, json.dumps(body).encode(), 1_781_158_000_000_000)
    after = VENUE.universe.follow(reply)
    assert (after.params["cursor"] if after else "") == body["cursor"] and bool(after) == more
    assert len(VENUE.universe.rank([reply], Wanted(1000, {"combos": True}))) == count
    told = parse("markets", body)
    assert not told.rejected and len(told.rows["prices"]["symbol"]) == count


def test_recorded_pages_describe_markets_whatever_they_are(captures: Path) -> None:
    """Combos, scalars, tapered grids: every market of the demonstration exchange, put into an event."""
    rows = [row for name in PAGES for row in document(captures, DEMO, name)["markets"]]
    decoded = parse("events", {"events": [{"event_ticker": "E", "series_ticker": "S", "title": "T", "markets": rows}], "cursor": ""})
    assert not decoded.rejected and len(decoded.markets) == len(decoded.instruments) == 216
    assert {market.status for market in decoded.markets} == {"active", "closed", "upcoming"}


def test_recorded_trades(captures: Path) -> None:
    body = document(captures, DEMO, "trades__public_recorded.json")
    decoded = parse("trades", body)
    rows = lists(decoded.rows["trades"])
    assert not decoded.rejected and len(set(rows["trade_id"])) == 12
    assert set(rows["symbol"]) == {"KXPGATOUR-USO26-JDAY"}
    assert rows["quantity"][0] == 7.77 and rows["venue_trade_id"][0] == body["trades"][0]["trade_id"]
    assert rows["event_at"] == sorted(rows["event_at"], reverse=True) and rows["event_at"][0] == 1_781_538_522_609_000


def test_recorded_state_of_the_exchange(captures: Path) -> None:
    assert parse("exchange_status", document(captures, DEMO, "exchange__status.json")).pauses == ()


def test_a_recorded_refusal_is_no_page(captures: Path) -> None:
    with pytest.raises(BadReply):
        parse("markets", document(captures, DEMO, "markets__limit_over_max.json"))


def test_a_recorded_book_and_its_market(captures: Path) -> None:
    market = document(captures, DEMO, "markets__single.json")["market"]
    book = parse("orderbook", document(captures, DEMO, "orderbook__base.json"), ticker=market["ticker"])
    assert top(book.rows["prices"]) == (0.47, 3.0, 0.52, 3.0) == top(parse("markets", markets(market)).rows["prices"])
