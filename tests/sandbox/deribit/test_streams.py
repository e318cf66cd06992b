"""What a plain client receives is what the ledger says, field by field, and chains and prices hold together."""

import json
import math
from typing import Any

import numpy as np
import pytest

PERPETUAL = "ETH-PERPETUAL"
LOGIN = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}


def delivered(sandbox: Any, kind: str, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["sent_us"] >= since_us) & (records["delivered"] > 0)]


def near(get: Any, base: str = "ETH", count: int = 3) -> list[str]:
    """Options around the money of the last expiry but one."""
    rows = [row for row in get("get_instruments", currency=base, kind="option") if row["state"] == "open"]
    expiry = sorted({row["expiration_timestamp"] for row in rows})[-2]
    names = [row["instrument_name"] for row in rows if row["expiration_timestamp"] == expiry]
    return names[16 : 16 + count]


def test_quotes_received_are_the_quotes_in_the_ledger(sandbox: Any, client: Any, get: Any) -> None:
    since, symbols = sandbox.alone(), sandbox.symbols()
    with client() as peer:
        peer.subscribe(*(f"quote.{name}" for name in (PERPETUAL, "XRP_USDC-PERPETUAL", *near(get))))
        peer.collect(1.5)
    rows, quotes = delivered(sandbox, "quotes", since), peer.data("quote.")
    assert len(rows) == len(quotes) > 30
    for row, data in zip(rows, quotes, strict=True):
        assert list(data) == ["timestamp", "instrument_name", "best_ask_price", "best_bid_price", "best_ask_amount", "best_bid_amount"]
        assert (symbols[row["symbol"]], row["event_us"]) == (data["instrument_name"], data["timestamp"] * 1000)
        assert (row["bid"], row["ask"]) == (data["best_bid_price"] or 0, data["best_ask_price"] or 0)
        assert (row["bid_quantity"], row["ask_quantity"]) == (data["best_bid_amount"], data["best_ask_amount"])
    moments = {(data["instrument_name"], data["timestamp"]) for data in quotes}
    assert len(moments) == len(quotes), "two quotes of one instrument share a millisecond"


def test_trades_by_kind_and_currency_are_the_trades_in_the_ledger(sandbox: Any, client: Any) -> None:
    since, symbols = sandbox.alone(), sandbox.symbols()
    with client() as peer:
        peer.subscribe("trades.option.ETH.100ms", "trades.future.any.100ms", f"trades.{PERPETUAL}.100ms")
        peer.collect(1.5)
    trades = [trade for array in peer.data("trades.option") + peer.data("trades.future") for trade in array]
    single = [trade for array in peer.data(f"trades.{PERPETUAL}") for trade in array]
    rows = delivered(sandbox, "trades", since)
    by_key = {(symbols[row["symbol"]], int(row["id"])): row for row in rows}
    assert len(by_key) == len(trades) > 50
    for trade in trades:
        row = by_key[trade["instrument_name"], trade["trade_seq"]]
        assert (row["price"], row["quantity"], row["event_us"]) == (trade["price"], trade["amount"], trade["timestamp"] * 1000)
        assert bool(row["buyer_maker"]) == (trade["direction"] == "sell")
        assert row["delivered"] == (2 if trade["instrument_name"] == PERPETUAL else 1)
    own = [trade["trade_seq"] for trade in single]
    assert own == list(range(own[0], own[0] + len(own))) and len(own) > 5


def apply(book: dict[str, dict[float, float]], data: dict[str, Any]) -> None:
    for side in ("bids", "asks"):
        for action, price, amount in data[side]:
            assert (action == "delete") == (amount == 0)
            assert (price in book[side]) == (action != "new"), (action, price)
            if action == "delete":
                del book[side][price]
            else:
                book[side][price] = amount


@pytest.mark.parametrize("interval", ["100ms", "raw"])
def test_books_chain_from_their_snapshot(sandbox: Any, client: Any, get: Any, interval: str) -> None:
    since, names = sandbox.alone(), [PERPETUAL, *near(get, count=2)]
    with client() as peer:
        assert "access_token" in peer.ask("auth", **LOGIN)["result"]
        peer.subscribe(*(f"book.{name}.{interval}" for name in names))
        peer.until(lambda _: len(peer.data(f"book.{PERPETUAL}")) > 8)
        assert peer.subscribe(f"book.{PERPETUAL}.{interval}"), "acknowledged again"
        peer.collect(0.5)
    for name in names:
        first, *rest = peer.data(f"book.{name}.")
        assert first["type"] == "snapshot" and "prev_change_id" not in first
        book: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
        apply(book, first)
        last = first["change_id"]
        for data in rest:
            assert data["type"] == "change" and data["prev_change_id"] == last < data["change_id"]
            apply(book, data)
            last = data["change_id"]
            assert max(book["bids"], default=0) < min(book["asks"], default=math.inf)
    rows = delivered(sandbox, "book_deltas", since)
    # A book without a level, as before the first quote, is on record as nothing at price 0.
    assert len(rows) == sum(len(data["bids"]) + len(data["asks"]) or 1 for data in peer.data("book."))
    assert set(rows["update_id"]) == {data["change_id"] for data in peer.data("book.")}


def black(ticker: dict[str, Any], strike: float, years: float, sign: int) -> tuple[float, float]:
    """(price in coins, delta), written down here anew."""
    forward, sigma = ticker["underlying_price"], ticker["mark_iv"] / 100 * math.sqrt(years)
    d1 = math.log(forward / strike) / sigma + sigma / 2
    first, second = (0.5 * (1 + math.erf(sign * d / math.sqrt(2))) for d in (d1, d1 - sigma))
    return sign * (forward * first - strike * second) / forward, sign * first


def test_tickers_of_options_follow_black(sandbox: Any, client: Any, get: Any) -> None:
    since, names = sandbox.alone(), near(get, count=6)
    details = {name: get("get_instrument", instrument_name=name) for name in names}
    with client() as peer:
        peer.subscribe(*(f"ticker.{name}.100ms" for name in names))
        peer.until(lambda _: {data["instrument_name"] for data in peer.data("ticker.")} == set(names))
        peer.collect(0.3)
    for data in peer.data("ticker."):
        row = details[data["instrument_name"]]
        years = (row["expiration_timestamp"] - data["timestamp"]) / (365 * 86_400_000)
        price, delta = black(data, row["strike"], years, 1 if row["option_type"] == "call" else -1)
        assert data["mark_price"] == pytest.approx(price, abs=2e-6)
        assert data["greeks"]["delta"] == pytest.approx(delta, abs=1e-4)
        assert (data["best_bid_price"] or 0) <= data["mark_price"] <= (data["best_ask_price"] or math.inf)
    rows = delivered(sandbox, "tickers", since)
    assert [float(price) for price in rows["mark_price"]] == [data["mark_price"] for data in peer.data("ticker.")]


def test_unknown_channels_are_left_out_without_a_word(client: Any, get: Any) -> None:
    known = [f"quote.{PERPETUAL}", "platform_state", f"ticker.{near(get)[0]}.agg2", "instrument.state.any.any"]
    unknown = [
        "quote.ETH-1JAN20-1-C",
        f"quote.{PERPETUAL.lower()}",
        f"ticker.{PERPETUAL}.5s",
        f"book.{PERPETUAL}.none.7.100ms",
        "trades.x.ETH.100ms",
    ]
    with client() as peer:
        result = peer.subscribe(*known, *unknown)
        assert set(result) == set(known) and result != known
        assert peer.ask("unsubscribe", channels=[known[0], unknown[0]])["result"] == [known[0]]
        assert peer.subscribe(unknown[0]) == []


def test_lower_case_d_is_the_point_of_a_strike(client: Any, get: Any) -> None:
    name = next(row["instrument_name"] for row in get("get_instruments", currency="USDC", kind="option") if "d" in row["instrument_name"])
    assert get("get_instrument", instrument_name=name)["strike"] == float(name.split("-")[2].replace("d", "."))
    with client() as peer:
        assert peer.subscribe(f"ticker.{name}.100ms", f"ticker.{name.upper()}.100ms") == [f"ticker.{name}.100ms"]


def test_channels_of_the_clock(client: Any) -> None:
    wanted = ["deribit_price_index.eth_usd", f"perpetual.{PERPETUAL}.100ms", "markprice.options.eth_usd", "platform_state"]
    wanted += [f"chart.trades.{PERPETUAL}.1", f"book.{PERPETUAL}.none.10.100ms"]
    with client() as peer:
        assert set(peer.subscribe(*wanted)) == set(wanted)
        peer.until(lambda _: {frame["params"]["channel"] for frame in peer.frames} == set(wanted))
    window = peer.data("book.")[0]
    assert len(window["bids"]) == len(window["asks"]) == 10 and window["bids"][0][0] < window["asks"][0][0]
    marks = peer.data("markprice")[0]
    assert len(marks) >= 380 and {"instrument_name", "mark_price", "iv"} <= set(marks[0])


def test_listing_and_delisting_are_told_and_filtered(sandbox: Any, client: Any, get: Any) -> None:
    gone, new = near(get)[2], "ETH-30DEC33-4000-C"
    with client() as peer:
        peer.subscribe("instrument.state.option.ETH", f"quote.{gone}")
        sandbox.ask("/control/universe", {"venue": "deribit", "list": [new], "delist": [gone]})
        peer.until(lambda _: len(peer.data("instrument.state")) == 2)
        assert {row["instrument_name"]: row["state"] for row in peer.data("instrument.state")} == {new: "open", gone: "inactive"}
        assert peer.subscribe(f"quote.{new}", f"quote.{gone}") == [f"quote.{new}"]
        peer.until(lambda frame: frame["params"].get("channel") == f"quote.{new}")
    listed = {row["instrument_name"] for row in get("get_instruments", currency="ETH")}
    assert new in listed and gone not in listed
    assert sandbox.ask("/control/universe", {"list": ["nonsense"]})[0] == 400


def test_every_number_is_json(client: Any) -> None:
    with client() as peer:
        peer.subscribe("trades.any.any.100ms", "markprice.options.btc_usd")
        peer.collect(1.2)
    assert not any(word in text for text in peer.texts for word in ("NaN", "Infinity", "None"))
    assert all(json.loads(text) for text in peer.texts)
