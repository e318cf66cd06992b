"""REST: pages that hold while the list moves, books, candles, the archive behind its cut-off, events, series and the account."""

import time
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_pages_of_markets_hold_while_new_ones_are_listed(sandbox: Any, get: Any) -> None:
    first = get("/markets?limit=20&mve_filter=exclude")
    status, _, _ = sandbox.ask("/control/universe", {"venue": "kalshi", "list": [f"KXHIGHNY-{time.time_ns()}-T1"]})
    assert status == 200
    rows, cursor = first["markets"], first["cursor"]
    while cursor:
        page = get(f"/markets?limit=20&mve_filter=exclude&cursor={cursor}")
        rows, cursor = rows + page["markets"], page["cursor"]
    names = [row["ticker"] for row in rows]
    assert len(names) == len(set(names)) > 60
    assert [row["created_time"] for row in rows] == sorted((row["created_time"] for row in rows), reverse=True)


def test_a_created_market_is_not_found_at_first(sandbox: Any, get: Any, ask: Any, poll: Any) -> None:
    name = f"KXHIGHNY-{time.time_ns()}-T1"
    sandbox.ask("/control/universe", {"venue": "kalshi", "list": [name]})
    assert ask(f"/markets/{name}")[0] == 404
    assert [row["ticker"] for row in get(f"/markets?tickers={name}")["markets"]] == [name]
    assert poll(lambda: (body := ask(f"/markets/{name}"))[0] == 200 and body[1])["market"]["ticker"] == name


STATUSES = {"unopened": {"initialized"}, "open": {"active"}, "settled": {"finalized"}}


@pytest.mark.parametrize("word", STATUSES)
def test_words_of_a_query_are_not_those_of_an_answer(get: Any, word: str) -> None:
    rows = get(f"/markets?status={word}&limit=1000")["markets"]
    assert {row["status"] for row in rows} == STATUSES[word]


def test_what_cannot_be_asked_is_refused(ask: Any) -> None:
    assert ask("/markets?limit=1001") == (400, {"msg": "Parameter validation failed: Field validation for 'Limit' failed on the 'lte' tag"})
    for path in ("/markets?status=asleep", "/markets?cursor=%7B", "/markets/candlesticks?start_ts=1&end_ts=2&period_interval=1"):
        assert ask(path)[0] == 400, path
    for path in ("/markets/KXNOTHING", "/series/KXNOTHING", "/events/KXNOTHING", "/historical/markets/KXNOTHING"):
        assert ask(path)[0] == 404, path


def test_books_hold_bids_of_both_sides_the_best_last(get: Any, tickers: list[str]) -> None:
    for name in tickers[:5]:
        book = get(f"/markets/{name}/orderbook")["orderbook_fp"]
        market = get(f"/markets?tickers={name}")["markets"][0]
        for side in ("yes_dollars", "no_dollars"):
            prices = [Decimal(price) for price, _ in book[side]]
            assert prices == sorted(prices)
        yes, no = Decimal(book["yes_dollars"][-1][0]), Decimal(book["no_dollars"][-1][0])
        assert yes + no < 1
        assert Decimal(market["yes_bid_dollars"]) + Decimal(market["no_ask_dollars"]) == 1
    assert len(get(f"/markets/{tickers[0]}/orderbook?depth=2")["orderbook_fp"]["yes_dollars"]) == 2


def test_trades_are_filtered_and_walked(get: Any, walk: Any, tickers: list[str], poll: Any) -> None:
    poll(lambda: len(get(f"/markets/trades?ticker={tickers[0]}&limit=1000")["trades"]) > 12)
    rows = walk(f"/markets/trades?ticker={tickers[0]}&limit=5", "trades")
    assert {row["ticker"] for row in rows} == {tickers[0]}
    assert [row["created_time"] for row in rows] == sorted((row["created_time"] for row in rows), reverse=True)
    assert len({row["trade_id"] for row in rows}) == len(rows) > 12
    later = int(time.time()) + 5
    assert get(f"/markets/trades?min_ts={later}")["trades"] == []
    assert all(row["is_block_trade"] for row in get("/markets/trades?is_block_trade=true&limit=1000")["trades"])


def test_candles_hold_the_trades(get: Any, walk: Any, tickers: list[str], poll: Any) -> None:
    name = tickers[0]
    series = get(f"/events/{get(f'/markets?tickers={name}')['markets'][0]['event_ticker']}")["event"]["series_ticker"]
    poll(lambda: get(f"/markets/trades?ticker={name}")["trades"])
    span = f"start_ts={int(time.time()) - 600}&end_ts={int(time.time()) + 120}&period_interval=1"
    candles = get(f"/series/{series}/markets/{name}/candlesticks?{span}")["candlesticks"]
    traded = walk(f"/markets/trades?ticker={name}&limit=1000", "trades")
    at = candles[0]["end_period_ts"]
    inside = [row for row in traded if at - 60 <= seconds(row["created_time"]) < at]
    if len(candles) > 1:  # the minute is over
        assert Decimal(candles[0]["volume_fp"]) == sum(Decimal(row["count_fp"]) for row in inside)
    assert all(Decimal(one["yes_bid"]["close_dollars"]) < Decimal(one["yes_ask"]["close_dollars"]) for one in candles)
    both = get(f"/markets/candlesticks?market_tickers={name},{tickers[1]}&{span}")["markets"]
    assert [row["market_ticker"] for row in both] == [name, tickers[1]]


def test_the_archive_has_what_the_live_answers_have_not(get: Any, walk: Any, ask: Any) -> None:
    cutoff = seconds(get("/historical/cutoff")["market_settled_ts"])
    old, live = walk("/historical/markets?limit=5", "markets"), walk("/markets?status=settled&limit=100", "markets")
    assert old and live and not {row["ticker"] for row in old} & {row["ticker"] for row in live}
    assert all(seconds(row["settlement_ts"]) < cutoff for row in old) and all(seconds(row["settlement_ts"]) >= cutoff for row in live)
    assert ask(f"/markets/{old[0]['ticker']}")[0] == 404
    assert get(f"/historical/markets/{old[0]['ticker']}")["market"]["status"] == "finalized"


def test_the_cut_off_moves_on(launch: Any, poll: Any) -> None:
    sandbox, _ = launch("--live-seconds", "4", "--rate", "400")
    base = "/kalshi/trade-api/v2"
    first = sandbox.get(f"{base}/historical/cutoff")["trades_created_ts"]
    poll(lambda: sandbox.get(f"{base}/historical/cutoff")["trades_created_ts"] > first)
    poll(lambda: sandbox.get(f"{base}/historical/trades")["trades"])
    before = seconds(sandbox.get(f"{base}/historical/cutoff")["trades_created_ts"])
    live = sandbox.get(f"{base}/markets/trades?limit=1000")["trades"]
    old = sandbox.get(f"{base}/historical/trades?limit=1000")["trades"]
    after = seconds(sandbox.get(f"{base}/historical/cutoff")["trades_created_ts"])
    assert live and all(seconds(row["created_time"]) >= before for row in live)
    assert old and all(seconds(row["created_time"]) < after for row in old)


def test_events_series_and_combos(get: Any) -> None:
    events = get("/events?with_nested_markets=true&limit=200")["events"]
    assert not any(row["event_ticker"].startswith("KXMVE") for row in events)
    assert all(market["event_ticker"] == row["event_ticker"] for row in events for market in row["markets"])
    combos = get("/events/multivariate")["events"]
    assert combos and all(row["event_ticker"].startswith("KXMVE") for row in combos)
    markets = get("/markets?mve_filter=only&limit=1000")["markets"]
    assert markets and all(row["mve_selected_legs"] for row in markets)
    series = {row["ticker"]: row for row in get("/series")["series"]}
    assert get("/series/KXINX")["series"] == series["KXINX"] and series["KXINX"]["fee_multiplier"] == 0.5
    assert {row["exchange_index"] for row in series.values()} == {0, 1, 2, 3}


def test_maintenance_stands_in_the_schedule(get: Any) -> None:
    windows = get("/exchange/schedule")["schedule"]["maintenance_windows"]
    assert len(windows) == 4 and all(seconds(row["end_datetime"]) - seconds(row["start_datetime"]) == 7200 for row in windows)


def test_the_account_tells_its_limits(get: Any) -> None:
    assert get("/account/limits", signed=True)["read"] == {"refill_rate": 1_000_000, "bucket_capacity": 2_000_000}
    assert get("/account/endpoint_costs", signed=True)["default_cost"] == 10
