"""The CLOB's and the Data API's reads: books, prices, pages, trades that are those of the stream."""

import time
from typing import Any

import pytest

CLOB, DATA = "/polymarket/clob", "/polymarket/data"


def test_a_batch_of_books_leaves_out_what_has_none(sandbox: Any) -> None:
    names = sandbox.symbols()
    asked = [{"token_id": token} for token in (names[0], "1" * 77, names[3], "nonsense")]
    status, books, _ = sandbox.ask(f"{CLOB}/books", asked)
    assert status == 200 and [book["asset_id"] for book in books] == [names[0], names[3]]
    single = sandbox.get(f"{CLOB}/book?token_id={names[100]}")
    assert set(books[0]) == set(single) and isinstance(single["neg_risk"], bool) and single["min_order_size"] in ("5", "15")


def test_a_batch_has_a_bound(sandbox: Any) -> None:
    names = (sandbox.symbols() * 4)[:501]
    assert len(sandbox.ask(f"{CLOB}/books", [{"token_id": token} for token in names[:500]])[1]) == 500
    assert sandbox.ask(f"{CLOB}/books", [{"token_id": token} for token in names])[0] == 400
    assert sandbox.ask(f"{CLOB}/books", {"token_id": names[0]})[0] == 400


def test_a_book_that_was_asked_for_is_on_the_ledger_once_and_as_given_to_no_socket(launch: Any) -> None:
    running, _ = launch("--rate", "0", "--markets", "20", "--market-seconds", "0")
    token = running.symbols()[7]
    book = running.get(f"{CLOB}/book?token_id={token}")
    assert running.ask(f"{CLOB}/books", [{"token_id": token}])[1] == [book]
    rows = running.records("book_snapshots")
    assert len(rows) == len(book["bids"]) + len(book["asks"])
    assert set(rows["symbol"]) == {7} and set(rows["delivered"]) == {0} and set(rows["event_us"]) == {int(book["timestamp"]) * 1000}
    assert set(rows["update_id"]) == {int(book["hash"][:16], 16) >> 1}
    assert sorted(rows["price"][rows["side"] == 1]) == [float(level["price"]) for level in book["bids"]]


@pytest.mark.parametrize(("token", "status"), [("1" * 77, 404), ("nonsense", 400), ("", 400)])
def test_a_token_without_a_book(sandbox: Any, token: str, status: int) -> None:
    answer = sandbox.ask(f"{CLOB}/book?token_id={token}")
    assert answer[0] == status and answer[1]["error"]


def test_prices_are_those_of_the_book(launch: Any) -> None:
    running, _ = launch("--rate", "0", "--markets", "20", "--market-seconds", "0")
    token = running.symbols()[7]
    book = running.get(f"{CLOB}/book?token_id={token}")
    bid, ask = book["bids"][-1]["price"], book["asks"][-1]["price"]
    assert running.get(f"{CLOB}/price?token_id={token}&side=BUY") == {"price": bid}
    assert running.get(f"{CLOB}/price?token_id={token}&side=SELL") == {"price": ask}
    assert float(running.get(f"{CLOB}/midpoint?token_id={token}")["mid"]) == pytest.approx((float(bid) + float(ask)) / 2)
    assert float(running.get(f"{CLOB}/spread?token_id={token}")["spread"]) == pytest.approx(float(ask) - float(bid))
    both = [{"token_id": token, "side": "BUY"}, {"token_id": token, "side": "SELL"}]
    assert running.ask(f"{CLOB}/prices", both)[1] == {token: {"BUY": bid, "SELL": ask}}


def test_pages_of_markets_end_with_their_mark(launch: Any) -> None:
    running, _ = launch("--rate", "0", "--markets", "1200", "--market-seconds", "0")
    first = running.get(f"{CLOB}/markets?next_cursor=MA==")
    second = running.get(f"{CLOB}/markets?next_cursor={first['next_cursor']}")
    assert (first["count"], second["count"], second["next_cursor"]) == (1000, 200, "LTE=")
    assert running.ask(f"{CLOB}/markets?next_cursor=LTE=")[0] == 400


def test_parameters_of_a_market(sandbox: Any) -> None:
    token = sandbox.symbols()[0]
    market = sandbox.get(f"{CLOB}/markets-by-token/{token}")
    full = sandbox.get(f"{CLOB}/markets/{market['condition_id']}")
    short = sandbox.get(f"{CLOB}/clob-markets/{market['condition_id']}")
    assert [row["token_id"] for row in full["tokens"]] == [row["t"] for row in short["t"]] == sandbox.symbols()[:2]
    assert full["minimum_tick_size"] == short["mts"] == sandbox.get(f"{CLOB}/tick-size?token_id={token}")["minimum_tick_size"]
    assert sandbox.get(f"{CLOB}/neg-risk?token_id={token}")["neg_risk"] == full["neg_risk"] == short["nr"]
    assert sandbox.get(f"{CLOB}/fee-rate?token_id={token}") == {"base_fee": 1000} and short["fd"] == {"r": 0.04, "e": 1, "to": True}
    assert abs(sandbox.get(f"{CLOB}/time") - time.time()) < 5 and sandbox.get(f"{CLOB}/ok") == "OK"
    assert sandbox.ask(f"{CLOB}/markets/0x12")[0] == 404


def test_a_walk_over_trades_gives_those_of_the_ledger(sandbox: Any, poll: Any) -> None:
    token, names = sandbox.symbols()[0], sandbox.symbols()
    condition = sandbox.get(f"{CLOB}/markets-by-token/{token}")["condition_id"]
    poll(lambda: len(sandbox.get(f"{DATA}/v2/trades?limit=7&condition={condition}")["data"]) == 7, 20)
    found: list[dict[str, Any]] = []
    cursor, more = "", True
    while more:
        page = sandbox.get(f"{DATA}/v2/trades?limit=5&condition={condition}" + (f"&cursor={cursor}" if cursor else ""))
        found += page["data"]
        cursor, more = page["pagination"]["next_cursor"], page["pagination"]["has_more"]
    rows = sandbox.records("trades")
    rows = rows[rows["symbol"] < 2][: len(found)][::-1]
    assert len(found) >= 7
    for trade, row in zip(found, rows, strict=True):
        assert trade["token_id"] == names[row["symbol"]] and trade["condition_id"] == condition
        assert (trade["price"], trade["size"]) == (row["price"], row["quantity"])
        assert trade["side"] == ("SELL" if row["buyer_maker"] else "BUY")
        assert trade["transaction_hash"] == "0x" + bytes(row["transaction"]).hex()
        assert trade["timestamp"] == row["event_us"] // 1_000_000 + 2
    assert all(trade["timestamp"] <= time.time() for trade in found), "not before its block"


def test_the_feed_of_all_trades_is_newest_first_and_other_filters_begin_anew(sandbox: Any, poll: Any) -> None:
    poll(lambda: sandbox.get(f"{DATA}/v2/trades?limit=2")["pagination"]["has_more"], 20)
    page = sandbox.get(f"{DATA}/v2/trades?limit=2")
    cursor = page["pagination"]["next_cursor"]
    sold = sandbox.get(f"{DATA}/v2/trades?side=SELL&cursor={cursor}")["data"]
    assert len(sold) > 2 and {trade["side"] for trade in sold} == {"SELL"}, "the first page of another walk"
    stamps = [trade["timestamp"] for trade in sandbox.get(f"{DATA}/v2/trades?limit=1000")["data"]]
    assert stamps == sorted(stamps, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        "trades?offset=5",
        "trades?start=1",
        "trades?cursor=%21",
        f"trades?condition={',0x1' * 21}",
        "resolutions",
        "prices-history?token_id=1",
    ],
)
def test_bad_queries_are_refused_with_a_code(sandbox: Any, query: str) -> None:
    status, body, _ = sandbox.ask(f"{DATA}/v2/{query}")
    assert status == 400 and {"error", "code", "retryable", "trace_id"} == set(body)


def test_prices_of_the_past_are_prints(sandbox: Any, poll: Any) -> None:
    token = sandbox.symbols()[0]
    points = poll(lambda: sandbox.get(f"{CLOB}/prices-history?market={token}&interval=1h&fidelity=1")["history"], 20)
    rows = sandbox.records("trades")
    printed = {(int(row["event_us"]) // 1_000_000, float(row["price"])) for row in rows[rows["symbol"] == 0]}
    assert {(point["t"], point["p"]) for point in points} <= printed
    same = sandbox.get(f"{DATA}/v2/prices-history?token_id={token}&interval=1h&bucket_seconds=60")["data"]
    assert same and {"timestamp", "price", "resolution_seconds"} == set(same[0])
    assert {row["condition_id"] for row in sandbox.get(f"{DATA}/v2/oi")["data"]} == {"GLOBAL"}
