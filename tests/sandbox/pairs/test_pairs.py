"""Pairs over the venues' own doors: what both list, tell, move, keep silent and resolve is what the control API says."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Books = dict[str, list[list[int]]]
UNIT, FLOOR = 10_000, 100


def units(price: str) -> int:
    return round(float(price) * UNIT)


def told_by_kalshi(frames: list[dict[str, Any]]) -> dict[str, Books]:
    """Books of YES as subscribers replay them, from messages with prices of YES: the best level first, whole contracts."""
    books: dict[str, dict[str, dict[int, float]]] = {}
    for frame in frames:
        message = frame.get("msg", {})
        if frame["type"] == "orderbook_snapshot":
            sides = {side: message.get(f"{side}_dollars_fp", []) for side in ("yes", "no")}
            books[message["market_ticker"]] = {side: {units(p): float(n) for p, n in levels} for side, levels in sides.items()}
        elif frame["type"] == "orderbook_delta":
            levels = books[message["market_ticker"]][message["side"]]
            price = units(message["price_dollars"])
            levels[price] = levels.get(price, 0) + float(message["delta_fp"])
            assert levels[price] >= 0
            if not levels[price]:
                del levels[price]
    return {name: shown(book["yes"], book["no"]) for name, book in books.items()}


def told_by_polymarket(frames: list[dict[str, Any]]) -> dict[str, Books]:
    """By token."""
    books: dict[str, dict[str, dict[int, float]]] = {}
    for frame in frames:
        if frame.get("event_type") == "book":
            sides = {"BUY": frame["bids"], "SELL": frame["asks"]}
            books[frame["asset_id"]] = {side: {units(one["price"]): float(one["size"]) for one in rows} for side, rows in sides.items()}
        for change in frame.get("price_changes", []):
            if change["asset_id"] in books:
                books[change["asset_id"]][change["side"]][units(change["price"])] = float(change["size"])
    return {
        token: shown(*({price: size for price, size in book[side].items() if size} for side in ("BUY", "SELL")))
        for token, book in books.items()
    }


def shown(bids: dict[int, float], asks: dict[int, float]) -> Books:
    """Without the levels by which a book only shows that it lives."""
    return {
        "bids": [[price, int(size)] for price, size in sorted(bids.items(), reverse=True) if price != FLOOR],
        "asks": [[price, int(size)] for price, size in sorted(asks.items()) if price != UNIT - FLOOR],
    }


def truth_of(pair: dict[str, Any], venue: str) -> Books:
    return dict(pair["phases"][pair["phase"]]["books"][venue])


EMPTY: Books = {"bids": [], "asks": []}


def test_both_venues_tell_the_books_of_the_truth(pairs: Any, poll: Any) -> None:
    every = pairs.all()
    assert len(every) == 60 and [pair["pair"] for pair in every] == list(range(1, 61))
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:
        kalshi.subscribe("orderbook_delta", *(pair["kalshi"]["symbol"] for pair in every), use_yes_price=True)
        polymarket.subscribe(*(pair["polymarket"]["symbol"] for pair in every))
        kalshi.until(lambda _: len(kalshi.of("orderbook_snapshot")) == 60)
        polymarket.read()
        for _ in range(3):
            kalshi.listen(0.1)
        polymarket.collect(0.1)
    assert told_by_kalshi(kalshi.frames) == {pair["kalshi"]["symbol"]: truth_of(pair, "kalshi") for pair in every}
    assert told_by_polymarket(polymarket.frames) == {pair["polymarket"]["symbol"]: truth_of(pair, "polymarket") for pair in every}


def test_both_venues_list_the_question_in_their_own_words(pairs: Any) -> None:
    events = pairs.kalshi("/events?with_nested_markets=true&limit=200&status=open")["events"]
    listed = {market["ticker"]: (event, market) for event in events for market in event["markets"]}
    for pair in pairs.all():
        event, market = listed[pair["kalshi"]["symbol"]]
        assert market["title"] == pair["kalshi"]["title"] and market["status"] == "active"
        assert ("floor_strike" in market) == (market["strike_type"] == "greater")
        other = pairs.gamma(pair["polymarket"]["market"])
        assert other["question"] == pair["polymarket"]["title"] != market["title"] and other["slug"] == pair["polymarket"]["slug"]
        assert json.loads(other["clobTokenIds"]).index(pair["polymarket"]["symbol"]) == int(pair["inverted"])
        assert market["rules_primary"] not in other["description"] and "50-50" in other["description"]
        assert market["close_time"][:10] == other["endDate"][:10] and market["close_time"] != other["endDate"]
        series = pairs.kalshi(f"/series/{event['series_ticker']}")["series"]
        parameters = pairs.clob(f"/clob-markets/{pair['polymarket']['market']}")
        assert series["fee_multiplier"] in (1, 0.5) and parameters["mos"] in (5, 15)
        rates = {"crypto": 0.07, "index": 0.04, "election": 0.04, "border": None}
        assert parameters.get("fd", {"r": None})["r"] == rates.get(pair["topic"], 0.05)


def test_whoever_asks_for_the_largest_markets_gets_the_pairs(pairs: Any) -> None:
    rows = pairs.kalshi("/markets?status=open&mve_filter=exclude&limit=1000")["markets"]
    rows.sort(key=lambda row: -float(row["volume_24h_fp"]))
    assert {row["ticker"] for row in rows[:60]} == {pair["kalshi"]["symbol"] for pair in pairs.all()}
    page = pairs.running.get("/polymarket/gamma/markets/keyset?order=volumeNum&ascending=false&closed=false&limit=60")["markets"]
    assert {row["conditionId"] for row in page} == {pair["polymarket"]["market"] for pair in pairs.all()}


def test_the_random_flow_leaves_pairs_alone(pairs: Any, poll: Any) -> None:
    every = pairs.all("clear")
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:
        kalshi.subscribe("orderbook_delta", *(pair["kalshi"]["symbol"] for pair in every), use_yes_price=True)
        kalshi.subscribe("trade", *(pair["kalshi"]["symbol"] for pair in every))
        polymarket.subscribe(*(pair["polymarket"]["symbol"] for pair in every))
        before = pairs.summary("polymarket")["trades"]["emitted"]
        poll(lambda: pairs.summary("polymarket")["trades"]["emitted"] > before + 3, 30)
        kalshi.listen(0.1)
        polymarket.collect(0.1)
    assert not kalshi.of("trade") and not polymarket.of("last_trade_price")
    for pair in every:
        assert told_by_kalshi(kalshi.frames)[pair["kalshi"]["symbol"]] == truth_of(pair, "kalshi")
        assert told_by_polymarket(polymarket.frames)[pair["polymarket"]["symbol"]] == truth_of(pair, "polymarket")


def test_each_book_breathes_out_of_everybodys_way(pairs: Any) -> None:
    every = pairs.all()
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:
        kalshi.subscribe("orderbook_delta", *(pair["kalshi"]["symbol"] for pair in every), use_yes_price=True)
        polymarket.subscribe(*(pair["polymarket"]["symbol"] for pair in every))
        wanted = {pair["kalshi"]["symbol"] for pair in every}
        kalshi.until(lambda _: {frame["msg"]["market_ticker"] for frame in kalshi.of("orderbook_delta")} >= wanted)
        polymarket.collect(0.2)
    assert {frame["msg"]["price_dollars"] for frame in kalshi.of("orderbook_delta")} == {"0.0100"}
    changes = [change for frame in polymarket.of("price_change") for change in frame["price_changes"]]
    assert {change["asset_id"] for change in changes} >= {pair["polymarket"]["symbol"] for pair in every}
    assert {(change["price"], change["side"]) for change in changes} == {("0.01", "BUY"), ("0.99", "SELL")}


def test_a_book_crosses_for_the_life_that_is_told(pairs: Any, poll: Any) -> None:
    pair = min(pairs.all("moving"), key=lambda pair: float(pair["life_seconds"]))
    number, moved = pair["pair"], pair["struck"]
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:
        kalshi.subscribe("orderbook_delta", pair["kalshi"]["symbol"], use_yes_price=True)
        polymarket.subscribe(pair["polymarket"]["symbol"])
        kalshi.until(lambda frame: frame["type"] == "orderbook_snapshot")
        polymarket.read()
        peers = {"kalshi": (kalshi, "orderbook_delta", told_by_kalshi), "polymarket": (polymarket, "price_change", told_by_polymarket)}
        client, _, replayed = peers[moved]
        assert pairs.act("cross", number) == (200, {"do": "cross", "pairs": [number]})
        crossed = pair["phases"]["cross"]["books"][moved]
        client.until(lambda _: replayed(client.frames)[pair[moved]["symbol"]] == crossed)
        assert pairs.one(number)["phase"] == "cross"
        client.until(lambda _: replayed(client.frames)[pair[moved]["symbol"]] == pair["phases"]["rest"]["books"][moved], seconds=30)
        for peer in (kalshi, polymarket):
            peer.listen(0.1)
        other = {"kalshi": "polymarket", "polymarket": "kalshi"}[moved]
        still, _, replayed = peers[other]
        assert replayed(still.frames)[pair[other]["symbol"]] == pair["phases"]["rest"]["books"][other], "the other book stood still"
    began, ended = pairs.lines(number)
    assert (began["event"], ended["event"]) == ("cross", "rest")
    assert ended["us"] - began["us"] >= pair["life_seconds"] * 1e6
    assert pairs.one(number)["phase"] == "rest"


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_frozen_book_is_told_to_nobody_and_moves_all_the_same(pairs: Any, poll: Any, venue: str) -> None:
    pair = next(pair for pair in pairs.all("freeze") if pair["struck"] == venue)
    number, other = pair["pair"], {"kalshi": "polymarket", "polymarket": "kalshi"}[venue]
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:
        kalshi.subscribe("orderbook_delta", pair["kalshi"]["symbol"], use_yes_price=True)
        polymarket.subscribe(pair["polymarket"]["symbol"])
        kalshi.until(lambda frame: frame["type"] == "orderbook_snapshot")
        polymarket.read()
        assert pairs.act("freeze", number)[0] == pairs.act("move", number)[0] == 200
        peers = {"kalshi": (kalshi, told_by_kalshi), "polymarket": (polymarket, told_by_polymarket)}
        away = pair["phases"]["away"]["books"]
        client, replayed = peers[other]
        client.until(lambda _: replayed(client.frames)[pair[other]["symbol"]] == away[other])
        client, replayed = peers[venue]
        client.listen(0.3)
        assert replayed(client.frames)[pair[venue]["symbol"]] == pair["phases"]["rest"]["books"][venue]
    assert pairs.one(number)["frozen"]
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:  # REST, and who comes anew, know better
        if venue == "kalshi":
            book = pairs.kalshi(f"/markets/{pair['kalshi']['symbol']}/orderbook")["orderbook_fp"]
            assert units(book["yes_dollars"][-1][0]) == away["kalshi"]["bids"][0][0]
        else:
            polymarket.subscribe(pair["polymarket"]["symbol"])
            polymarket.read()
            assert told_by_polymarket(polymarket.frames) == {pair["polymarket"]["symbol"]: away["polymarket"]}
    assert pairs.act("thaw", number)[0] == 200 and not pairs.one(number)["frozen"]


def resolved(pairs: Any, pair: dict[str, Any]) -> dict[str, Any]:
    """Once both venues are done."""
    row: dict[str, Any] = pairs.one(pair["pair"])
    return row if row["kalshi"]["payout"] is not None and row["polymarket"]["payout"] is not None else {}


PAYOUTS = {"yes": 1.0, "no": 0.0, "void": 0.5}


ENDS = ("clear", "inverted", "rules", "void kalshi", "void polymarket", "dispute kalshi", "dispute polymarket")


@pytest.fixture(scope="module")
def endings(mortal_pairs: Any) -> dict[str, Any]:
    """A pair of each kind and venue, resolved while somebody listens, and one by a result of our own; `statuses`: what Kalshi called each
    market meanwhile."""
    pairs, named = mortal_pairs, {name: name.split() for name in ENDS}
    chosen = {name: next(pair for pair in pairs.all(kind) if pair["struck"] in (None, *venue)) for name, (kind, *venue) in named.items()}
    tickers = {kind: pair["kalshi"]["symbol"] for kind, pair in chosen.items()}
    statuses: dict[str, set[str]] = {kind: set() for kind in ENDS}
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:
        kalshi.subscribe("market_lifecycle_v2")
        kalshi.subscribe("orderbook_delta", *tickers.values(), use_yes_price=True)
        polymarket.subscribe(*(pair["polymarket"]["symbol"] for pair in chosen.values()), custom=True)
        polymarket.read()
        assert pairs.act("resolve", *(pair["pair"] for pair in chosen.values()))[0] == 200
        other = pairs.all("none")[0]
        own = {"results": {"kalshi": "yes", "polymarket": "no"}, "disputed": ["polymarket"]}
        assert pairs.act("resolve", other["pair"], **own)[0] == 200
        deadline = time.monotonic() + 40
        while not all(resolved(pairs, pair) for pair in (*chosen.values(), other)):
            assert time.monotonic() < deadline
            rows = pairs.kalshi(f"/markets?tickers={','.join(tickers.values())}")["markets"]
            for kind, ticker in tickers.items():
                statuses[kind] |= {row["status"] for row in rows if row["ticker"] == ticker}
            polymarket.collect(0.05)
        kalshi.until(lambda _: len(lifecycle(kalshi, "settled")) == len(ENDS) + 1)
        polymarket.collect(0.2)
    return {"chosen": chosen, "statuses": statuses, "kalshi": kalshi, "polymarket": polymarket, "other": other["pair"]}


def lifecycle(client: Any, event_type: str, ticker: str | None = None) -> list[dict[str, Any]]:
    messages = [frame["msg"] for frame in client.of("market_lifecycle_v2")]
    return [one for one in messages if one["event_type"] == event_type and ticker in (None, one["market_ticker"])]


@pytest.mark.parametrize("kind", ENDS)
def test_kalshi_comes_to_the_result_of_the_truth(mortal_pairs: Any, endings: dict[str, Any], kind: str) -> None:
    pairs, pair, kalshi = mortal_pairs, endings["chosen"][kind], endings["kalshi"]
    ticker, result = pair["kalshi"]["symbol"], pair["results"]["kalshi"]
    assert pairs.one(pair["pair"])["phase"] == "over" and told_by_kalshi(kalshi.frames)[ticker] == EMPTY, "who made the books has left"
    market = pairs.kalshi(f"/markets/{ticker}")["market"]
    assert (market["status"], market["result"]) == ("finalized", {"void": "scalar"}.get(result, result))
    assert float(market["settlement_value_dollars"]) == PAYOUTS[result]
    turned = "kalshi" in pair["disputed"]
    (determined,) = lifecycle(kalshi, "determined", ticker)
    assert (float(determined["settlement_value"]) == PAYOUTS[result]) != turned
    assert ("disputed" in endings["statuses"][kind]) == turned
    assert len(lifecycle(kalshi, "close_date_updated", ticker)) == len(lifecycle(kalshi, "settled", ticker)) == 1
    assert pairs.act("resolve", pair["pair"])[0] == 400, "once"


@pytest.mark.parametrize("kind", ENDS)
def test_polymarket_comes_to_the_result_of_the_truth(mortal_pairs: Any, endings: dict[str, Any], kind: str, poll: Any) -> None:
    pairs, pair, polymarket = mortal_pairs, endings["chosen"][kind], endings["polymarket"]
    condition, token, result = pair["polymarket"]["market"], pair["polymarket"]["symbol"], pair["results"]["polymarket"]
    assert told_by_polymarket(polymarket.frames)[token] == EMPTY, "who made the books has left"
    clob = pairs.clob(f"/markets/{condition}")
    assert {row["token_id"]: row["price"] for row in clob["tokens"]}[token] == PAYOUTS[result]
    assert clob["is_50_50_outcome"] == (result == "void")
    gamma = poll(lambda: (row := pairs.gamma(condition)) and row["closed"] and row, 10)
    place = json.loads(gamma["clobTokenIds"]).index(token)
    assert float(json.loads(gamma["outcomePrices"])[place]) == PAYOUTS[result]
    assert ("disputed" in json.loads(gamma["umaResolutionStatuses"])) == ("polymarket" in pair["disputed"])
    told = [frame for frame in polymarket.of("market_resolved") if frame["market"] == condition]
    assert len(told) == (result != "void")
    assert all((frame["winning_asset_id"] == token) == (result == "yes") for frame in told)


def test_a_result_of_ones_own_choice(mortal_pairs: Any, endings: dict[str, Any]) -> None:
    done = mortal_pairs.one(endings["other"])
    assert (done["kalshi"]["payout"], done["polymarket"]["payout"]) == (1.0, 0.0)
    assert done["results"] == {"kalshi": "yes", "polymarket": "no"}
    assert json.loads(mortal_pairs.gamma(done["polymarket"]["market"])["umaResolutionStatuses"]) != []


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ({"do": "cross", "pairs": [1]}, "is a step of pairs"),
        ({"do": "vanish"}, "no pair has the step"),
        ({"do": "resolve", "pairs": [10_000]}, "is a step of pairs"),
        ({"do": "resolve", "kind": "unheard of"}, "no pair has the step"),
        ({"do": "resolve", "pairs": [20], "results": {"kalshi": "maybe"}}, "each one of yes, no, void"),
        ({"do": "resolve", "pairs": [20], "disputed": ["elsewhere"]}, "a list of kalshi and polymarket"),
        ({"do": "part", "results": {}}, "part takes no results"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(pairs: Any, command: dict[str, Any], why: str) -> None:
    before = pairs.all()
    status, text, _ = pairs.running.ask("/control/pairs", command)
    assert status == 400 and why in str(text)
    assert pairs.all() == before


def test_the_truth_is_in_the_ledger_too(pairs: Any, poll: Any) -> None:
    path = pairs.running.root / "ledger" / "pairs.json"
    poll(
        lambda: (
            {row["pair"]: row["phase"] for row in json.loads(path.read_text())["pairs"]}
            == {row["pair"]: row["phase"] for row in pairs.all()}
        )
    )
    assert json.loads(path.read_text())["pairs"][4]["phases"] == pairs.all()[4]["phases"]


def test_a_restart_goes_on_where_the_pairs_stood(launch: Callable[..., Any], poll: Any) -> None:
    pairs = launch("--pairs", "9")
    (moving,), (frozen,) = pairs.all("moving"), pairs.all("freeze")
    for do, pair in (("cross", moving), ("freeze", frozen), ("move", frozen)):
        assert pairs.act(do, pair["pair"])[0] == 200
    pairs.act("resolve", 1)
    poll(lambda: resolved(pairs, pairs.one(1)), 30)
    before = {row["pair"]: row for row in pairs.all()}
    assert pairs.running.stop() == 0
    pairs.running.start()
    after = {row["pair"]: row for row in pairs.all()}
    assert after[moving["pair"]]["phase"] == "rest" and not after[frozen["pair"]]["frozen"]
    ended = {"phase": "rest", "frozen": False}
    assert {n: row | ended for n, row in after.items() if n != 1} == {n: row | {**ended} for n, row in before.items() if n != 1}
    assert after[1] == before[1] and after[1]["phase"] == "over"
    for pair in (moving, frozen):
        book = poll(lambda pair=pair: (found := pairs.clob(f"/book?token_id={pair['polymarket']['symbol']}"))["bids"] and found)
        bids = pairs.one(pair["pair"])["phases"][after[pair["pair"]]["phase"]]["books"]["polymarket"]["bids"]
        assert [units(level["price"]) for level in book["bids"]][:0:-1] == [price for price, _ in bids]


def test_lives_begin_by_themselves_when_asked_to(launch: Callable[..., Any], poll: Any) -> None:
    pairs = launch("--pairs", "9", "--pair-seconds", "0.2")
    (moving,) = pairs.all("moving")
    poll(lambda: pairs.one(moving["pair"])["phase"] == "cross")
    assert [line["event"] for line in pairs.lines(moving["pair"])] == ["cross"]


def test_without_pairs_there_are_none_and_nobody_can_move_them(launch: Callable[..., Any]) -> None:
    pairs = launch()
    assert pairs.all() == [] and pairs.act("resolve")[0] == 400
    assert not (pairs.running.root / "ledger" / "pairs.json").exists()


@pytest.mark.parametrize(
    ("venues", "count", "why"),
    [("kalshi", 3, "--venues kalshi,polymarket"), ("kalshi,polymarket", 1001, "0 to 1000"), ("kalshi,polymarket", -1, "0 to 1000")],
)
def test_pairs_that_cannot_be_played_end_the_process(tmp_path: Path, venues: str, count: int, why: str) -> None:
    command = [sys.executable, "-m", "sandbox", "--root", str(tmp_path), "--port", "1", "--venues", venues, "--pairs", str(count)]
    done = subprocess.run([*command, "--markets", "10"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0 and why in done.stderr
