"""What a plain client receives is what the ledger says, row by row, and books never cross or go below nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest


def delivered(sandbox: Any, kind: str, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["sent_us"] >= since_us) & (records["delivered"] > 0)]


def replayed(frames: list[dict[str, Any]]) -> dict[str, dict[tuple[str, str], Decimal]]:
    """Books after all frames; asserts that no level falls below nothing and that a book equals the next snapshot of its market."""
    books: dict[str, dict[tuple[str, str], Decimal]] = {}
    for frame in frames:
        if frame["type"] not in ("orderbook_snapshot", "orderbook_delta"):
            continue
        message = frame["msg"]
        name = message["market_ticker"]
        if frame["type"] == "orderbook_snapshot":
            sides = {side: message.get(f"{side}_dollars_fp", []) for side in ("yes", "no")}
            whole = {(side, price): Decimal(count) for side, levels in sides.items() for price, count in levels}
            assert books.get(name, whole) == whole
            books[name] = whole
        else:
            place = message["side"], message["price_dollars"]
            left = books[name].get(place, Decimal(0)) + Decimal(message["delta_fp"])
            assert left >= 0
            books[name][place] = left
            if not left:
                del books[name][place]
    return books


def test_books_follow_from_their_snapshot(sandbox: Any, client: Any, get: Any, tickers: list[str]) -> None:
    since = sandbox.alone()
    with client() as peer:
        sid = peer.subscribe("orderbook_delta", *tickers[:12], use_yes_price=True)
        peer.until(lambda _: len(peer.of("orderbook_delta")) > 300)
        peer.send("update_subscription", sid=sid, market_tickers=tickers[:12], action="get_snapshot")
        peer.until(lambda _: len(peer.of("orderbook_snapshot")) == 24)
        peer.collect(0.2)
    for name, book in replayed(peer.frames).items():
        bids = [Decimal(price) for side, price in book if side == "yes"]
        asks = [Decimal(price) for side, price in book if side == "no"]
        assert not bids or not asks or max(bids) < min(asks), name
    rows, deltas, symbols = delivered(sandbox, "book_changes", since), peer.of("orderbook_delta"), sandbox.symbols()
    assert len(rows) == len(deltas)
    for row, frame in zip(rows, deltas, strict=True):
        message = frame["msg"]
        assert (symbols[row["symbol"]], row["event_us"] // 1000) == (message["market_ticker"], message["ts_ms"])
        assert (row["side"], row["price"], row["change"]) == (
            1 if message["side"] == "yes" else -1,
            float(message["price_dollars"]),
            float(message["delta_fp"]),
        )


def test_both_ways_to_write_a_price_of_no_are_one_book(client: Any, tickers: list[str]) -> None:
    with client() as plain, client() as yes:
        plain.subscribe("orderbook_delta", *tickers[:3])
        yes.subscribe("orderbook_delta", *tickers[:3], use_yes_price=True)
        for peer in (plain, yes):
            peer.until(lambda _, peer=peer: len(peer.of("orderbook_delta")) > 60)
    prices = {}
    for peer, flip in ((plain, True), (yes, False)):
        rows = [(frame["msg"], frame["msg"]["ts"]) for frame in peer.of("orderbook_delta") if frame["msg"]["side"] == "no"]
        prices[flip] = {
            (
                message["market_ticker"],
                ts,
                message["delta_fp"],
                1 - Decimal(message["price_dollars"]) if flip else Decimal(message["price_dollars"]),
            )
            for message, ts in rows
        }
    assert len(prices[True] & prices[False]) > 10


def test_fractions_of_contracts_are_normal(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        peer.subscribe("orderbook_delta", *tickers[:10])
        peer.until(lambda _: len(peer.of("orderbook_delta")) > 200)
    assert sum(not frame["msg"]["delta_fp"].endswith(".00") for frame in peer.of("orderbook_delta")) > 5


def test_trades_of_the_whole_exchange_are_the_trades_in_the_ledger(sandbox: Any, client: Any, walk: Any) -> None:
    since = sandbox.alone()
    with client() as peer:
        sid = peer.subscribe("trade")
        peer.until(lambda _: len(peer.of("trade")) > 80)
        peer.collect(0.2)
    assert peer.seqs(sid) == list(range(1, len(peer.seqs(sid)) + 1))
    rows, symbols = delivered(sandbox, "trades", since), sandbox.symbols()
    trades = [frame["msg"] for frame in peer.of("trade")]
    assert len(rows) == len(trades)
    for row, trade in zip(rows, trades, strict=True):
        head = int(row["trade_id"])
        assert int(trade["trade_id"].replace("-", "")[:16], 16) >> 1 == head
        assert (symbols[row["symbol"]], row["price"], row["quantity"]) == (
            trade["market_ticker"],
            float(trade["yes_price_dollars"]),
            float(trade["count_fp"]),
        )
        assert Decimal(trade["yes_price_dollars"]) + Decimal(trade["no_price_dollars"]) == 1
        assert (trade["taker_outcome_side"] == "no") == bool(row["buyer_maker"])
        assert trade["taker_book_side"] == ("ask" if row["buyer_maker"] else "bid")
    listed = {row["trade_id"]: row for row in walk("/markets/trades?limit=100", "trades")}
    for trade in trades:
        again = listed[trade["trade_id"]]
        assert (again["ticker"], again["count_fp"], again["yes_price_dollars"]) == (
            trade["market_ticker"],
            trade["count_fp"],
            trade["yes_price_dollars"],
        )


def test_tickers_tell_the_best_prices(sandbox: Any, client: Any, tickers: list[str]) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe("orderbook_delta", tickers[0], use_yes_price=True)
        sid = peer.subscribe("ticker", tickers[0])
        peer.until(lambda _: len(peer.of("ticker")) > 20)
        peer.collect(0.2)
    at = next(place for place, frame in enumerate(peer.frames) if frame["type"] == "orderbook_snapshot")
    for place, frame in enumerate(peer.frames):
        if frame["type"] == "ticker" and frame["sid"] == sid and place > at:
            book = replayed(peer.frames[at:place])[tickers[0]]
            bids, asks = ([Decimal(price) for side, price in book if side == name] for name in ("yes", "no"))
            assert Decimal(frame["msg"]["yes_bid_dollars"]) == max(bids, default=0)
            assert Decimal(frame["msg"]["yes_ask_dollars"]) == min(asks, default=1)
    rows = delivered(sandbox, "tickers", since)
    assert [float(row["ask"]) or 1.0 for row in rows] == [float(frame["msg"]["yes_ask_dollars"]) for frame in peer.of("ticker")]


def test_a_grid_with_finer_ends(client: Any, get: Any, tickers: list[str]) -> None:
    rows = {row["ticker"]: row for row in get("/markets?status=open&limit=1000")["markets"]}
    tapered = [name for name in tickers if rows[name]["price_level_structure"] == "tapered_deci_cent"]
    with client() as peer:
        peer.subscribe("orderbook_delta", *tapered)
        peer.until(lambda _: len(peer.of("orderbook_delta")) > 200)
    for frame in peer.of("orderbook_delta"):
        price = Decimal(frame["msg"]["price_dollars"])
        step = Decimal("0.001") if price < Decimal("0.1") or price > Decimal("0.9") else Decimal("0.01")
        assert price % step == 0 and 0 < price < 1


@pytest.mark.parametrize("channel", ["orderbook_delta", "trade"])
def test_two_sockets_count_for_themselves(client: Any, tickers: list[str], channel: str) -> None:
    with client() as first, client() as second:
        sids = [peer.subscribe(channel, tickers[0]) for peer in (first, second)]
        for peer, sid in zip((first, second), sids, strict=True):
            peer.until(lambda _, peer=peer: len(peer.of(channel)) > 5)
            assert peer.seqs(sid) == list(range(1, len(peer.seqs(sid)) + 1))
