"""What a plain client receives is what the ledger says, and replaying it gives the books that REST gives."""

import hashlib
import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed


def delivered(sandbox: Any, kind: str, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["sent_us"] >= since_us) & (records["delivered"] > 0)]


def number(hexadecimal: str) -> int:
    return int(hexadecimal[:16], 16) >> 1


@pytest.fixture
def tokens(sandbox: Any) -> list[str]:
    """Of the ten busiest markets."""
    return sandbox.symbols()[:20]


def test_the_first_answer_is_an_array_of_books_best_price_last(client: Any, tokens: list[str]) -> None:
    with client() as peer:
        peer.subscribe(*tokens[:4])
        books = peer.read()
    assert json.loads(peer.texts[0]) == books and len(books) == 4
    for book in books:
        prices = [[float(level["price"]) for level in book[side]] for side in ("bids", "asks")]
        assert prices[0] == sorted(prices[0]) and prices[1] == sorted(prices[1], reverse=True)
        assert prices[0][-1] < prices[1][-1]
        assert {"tick_size", "last_trade_price", "hash", "timestamp"} <= set(book)


def test_replayed_books_are_those_of_rest(sandbox: Any, client: Any, tokens: list[str], replay: Any) -> None:
    """Each state has a hash; where REST shows the last one that was told, the levels are the same, text by text."""
    compared = 0
    with client() as peer:
        peer.subscribe(*tokens)
        peer.collect(1.0)
        for token in tokens * 3:
            peer.collect(0.02)
            _, book, _ = sandbox.ask(f"/polymarket/clob/book?token_id={token}")
            peer.until(lambda event, stamp=book["timestamp"]: int(event.get("timestamp", 0)) > int(stamp))
            told: list[dict[str, Any]] = []
            for event in peer.frames:
                told.append(event)
                hashes = [event.get("hash")] + [change["hash"] for change in event.get("price_changes", [])]
                if book["hash"] in hashes:
                    break
            state = replay(told)[token]
            assert state["BUY"] == {level["price"]: level["size"] for level in book["bids"]}
            assert state["SELL"] == {level["price"]: level["size"] for level in book["asks"]}
            compared += 1
    assert compared == 60


def test_every_hash_follows_from_the_replayed_book(client: Any, tokens: list[str], get: Any) -> None:
    (market,) = get("gamma", "/markets/keyset", clob_token_ids=tokens[0])["markets"]
    head = {"min_order_size": str(market["orderMinSize"]), "tick_size": str(market["orderPriceMinTickSize"]), "neg_risk": market["negRisk"]}
    books: dict[str, dict[str, dict[str, str]]] = {}
    seen = 0
    with client() as peer:
        peer.subscribe(*tokens[:2])
        last = peer.read()[0]["last_trade_price"]
        for event in peer.frames:
            books[event["asset_id"]] = {side: {row["price"]: row["size"] for row in event[side]} for side in ("bids", "asks")}
        peer.collect(2.0)
        printed_ms = int(peer.frames[-1]["timestamp"]) - 400  # a trade changes the hash before it is printed
        for event in peer.frames[2:]:
            for change in event.get("price_changes", []):
                levels = books[change["asset_id"]]["bids" if change["side"] == "BUY" else "asks"]
                levels.pop(change["price"], None)
                if change["size"] != "0":
                    levels[change["price"]] = change["size"]
                best_bid = max(map(float, books[change["asset_id"]]["bids"]), default=0)
                best_ask = min(map(float, books[change["asset_id"]]["asks"]), default=1)
                assert (float(change["best_bid"]), float(change["best_ask"])) == (best_bid, best_ask)
                found = [digest(event, change["asset_id"], books, head, price) for price in (last, *prints(peer.frames))]
                assert change["hash"] in found or int(event["timestamp"]) > printed_ms
                seen += 1
    assert seen > 20


def prints(events: list[dict[str, Any]]) -> list[str]:
    return [f"{float(event['price']):.3f}" for event in events if event["event_type"] == "last_trade_price"]


def digest(event: dict[str, Any], token: str, books: dict[str, Any], head: dict[str, Any], last: str) -> str:
    rows = [
        [{"price": price, "size": size} for price, size in sorted(books[token][side].items(), key=lambda row: float(row[0]), reverse=back)]
        for side, back in (("bids", False), ("asks", True))
    ]
    summary = {"market": event["market"], "asset_id": token, "timestamp": event["timestamp"], "hash": "", "bids": rows[0], "asks": rows[1]}
    text = json.dumps(summary | head | {"last_trade_price": last}, separators=(",", ":"))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def test_changes_received_are_those_in_the_ledger(sandbox: Any, client: Any, tokens: list[str]) -> None:
    since, symbols = sandbox.alone(), sandbox.symbols()
    with client() as peer:
        peer.subscribe(*tokens)
        peer.finish(1.5)
    changes = [(event, change) for event in peer.of("price_change") for change in event["price_changes"]]
    rows = delivered(sandbox, "book_deltas", since)
    assert len(rows) == len(changes) > 200
    for row, (event, change) in zip(rows, changes, strict=True):
        assert (symbols[row["symbol"]], row["event_us"]) == (change["asset_id"], int(event["timestamp"]) * 1000)
        assert (row["update_id"], row["price"], row["quantity"]) == (number(change["hash"]), float(change["price"]), float(change["size"]))
        assert row["side"] == (1 if change["side"] == "BUY" else -1)
        assert (row["bid"], row["ask"]) == (float(change["best_bid"]), float(change["best_ask"]))
    assert {len(event["price_changes"]) for event in peer.of("price_change")} >= {2, 4}, "both tokens; two levels of a sweep"
    books = delivered(sandbox, "book_snapshots", since)
    assert len(books) == sum(len(event["bids"]) + len(event["asks"]) for event in peer.of("book"))


def test_prints_received_are_those_in_the_ledger(sandbox: Any, client: Any, tokens: list[str]) -> None:
    since, symbols = sandbox.alone(), sandbox.symbols()
    with client() as peer:
        peer.subscribe(*tokens)
        peer.finish(2.0)
    rows, told = delivered(sandbox, "trades", since), peer.of("last_trade_price")
    assert len(rows) == len(told) > 20
    for row, event in zip(rows, told, strict=True):
        assert (symbols[row["symbol"]], row["event_us"]) == (event["asset_id"], int(event["timestamp"]) * 1000)
        assert (row["price"], row["quantity"]) == (float(event["price"]), float(event["size"]))
        assert bool(row["buyer_maker"]) == (event["side"] == "SELL")
        assert "0x" + bytes(row["transaction"]).hex() == event["transaction_hash"]
        identity = ":".join(
            (event["transaction_hash"], event["asset_id"], event["side"], f"{float(event['size']):.15g}", f"{float(event['price']):.15g}")
        )
        assert row["id"] == number(hashlib.sha256(identity.encode()).hexdigest())
    assert len(set(rows["id"])) == len(rows)


def test_tops_in_the_ledger_are_those_of_the_replayed_book(sandbox: Any, client: Any, tokens: list[str]) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(tokens[0], custom=True)
        peer.finish(1.5)
    rows = delivered(sandbox, "quotes", since)
    rows = rows[rows["symbol"] == 0]
    claimed = {change["hash"]: change for event in peer.of("price_change") for change in event["price_changes"]}
    by_number = {number(hexadecimal): change for hexadecimal, change in claimed.items()}
    assert len(rows) > 5
    for row in rows:
        change = by_number[int(row["update_id"])]
        assert (row["bid"], row["ask"]) == (float(change["best_bid"]), float(change["best_ask"]) % 1)
    moved = [(event["best_bid"], event["best_ask"]) for event in peer.of("best_bid_ask")]
    assert moved and all(one != other for one, other in pairwise(moved)), "told when a price moves"
    assert {event["asset_id"] for event in peer.of("best_bid_ask")} == {tokens[0]}


def test_one_token_brings_the_changes_of_both(client: Any, tokens: list[str]) -> None:
    with client() as peer:
        peer.subscribe(tokens[0])
        event = peer.until(lambda event: event["event_type"] == "price_change")
    assert {change["asset_id"] for change in event["price_changes"]} == set(tokens[:2])
    assert {book["asset_id"] for book in peer.of("book")} == {tokens[0]}


def test_without_custom_features_there_are_none(client: Any, tokens: list[str]) -> None:
    with client() as peer:
        peer.subscribe(*tokens)
        peer.collect(0.7)
    assert {event["event_type"] for event in peer.frames} == {"book", "price_change", "last_trade_price"}


def test_operations_have_no_answer_but_a_book(client: Any, tokens: list[str]) -> None:
    with client() as peer:
        peer.subscribe(tokens[0], dump=False)
        peer.operate("subscribe", tokens[2], "1234", "no token at all")
        book = peer.until(lambda event: event["event_type"] == "book" and event["asset_id"] == tokens[2])
        assert "tick_size" in book and not [event for event in peer.of("book") if "tick_size" in event and event["asset_id"] == tokens[0]]
        peer.operate("subscribe", tokens[2])
        peer.operate("unsubscribe", tokens[0], tokens[1])
        peer.collect(0.1)
        before = len(peer.frames)
        peer.collect(0.7)
        later = peer.frames[before:]
        assert later and not [event for event in later if tokens[0] in json.dumps(event)]
        assert not [event for event in later if event["event_type"] == "book" and "tick_size" in event]
        peer.operate("unsubscribe", tokens[2])
        peer.operate("subscribe", tokens[2])
        peer.until(lambda event: event["event_type"] == "book" and "tick_size" in event)


def test_a_frame_of_too_many_ids_costs_the_socket(client: Any, sandbox: Any) -> None:
    names = sandbox.symbols()
    with client() as peer:
        peer.subscribe(*names[:100])
        assert len(peer.read()) == 100
        peer.operate("subscribe", *names[:101])
        with pytest.raises(ConnectionClosed):
            sandbox.drain(peer.socket, 5)


def test_ids_above_the_ceiling_get_their_book_and_no_changes(launch: Any) -> None:
    running, open_client = launch("--rate", "400", "--markets", "8", "--tokens-per-socket", "6", "--market-seconds", "0")
    names = running.symbols()
    with open_client() as peer:
        peer.subscribe(*names[:10])
        assert len(peer.read()) == 10
        peer.collect(1.0)
        changed = {change["asset_id"] for event in peer.of("price_change") for change in event["price_changes"]}
    assert changed == set(names[:6])


def test_ping_is_answered_and_silence_costs_the_socket(launch: Any) -> None:
    running, open_client = launch("--rate", "0", "--markets", "8", "--idle-seconds", "1.5")
    with open_client() as peer:
        for _ in range(3):
            peer.collect(0.7)
        assert peer.texts == ["PONG"] * 3 and running.summary()["sockets"] == 1
        with pytest.raises(ConnectionClosed):
            running.drain(peer.socket, 10)
    assert running.endings() == ["no PING"]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"type":"market"}', '{"type":"market","assets_ids":[1]}', "ping"])
def test_what_is_no_request_is_not_answered(client: Any, text: str) -> None:
    with client() as peer:
        peer.socket.send(text)
        assert peer.collect(0.05) == [] and peer.texts == ["PONG"]
