"""REST history equals the stream, over restarts and expiries too."""

import signal
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

PERPETUAL = "ETH-PERPETUAL"
API = "/deribit/api/v2/public/"


def streamed(client: Any, channel: str, seconds: float = 1.2) -> list[dict[str, Any]]:
    with client() as peer:
        peer.subscribe(channel)
        peer.collect(seconds)
    return [trade for array in peer.data("trades.") for trade in array]


def test_trades_of_an_instrument_read_back_as_streamed(client: Any, get: Any) -> None:
    trades = streamed(client, f"trades.{PERPETUAL}.100ms")
    first, last = trades[0], trades[-1]
    bounds = {"instrument_name": PERPETUAL, "start_seq": first["trade_seq"], "end_seq": last["trade_seq"]}
    assert get("get_last_trades_by_instrument", **bounds, count=1000, sorting="asc") == {"trades": trades, "has_more": False}
    page = get("get_last_trades_by_instrument", **bounds, count=5, sorting="asc")
    assert page == {"trades": trades[:5], "has_more": True}
    page = get("get_last_trades_by_instrument", **bounds, count=5, sorting="desc")
    assert page == {"trades": trades[-5:][::-1], "has_more": True}
    times = {"start_timestamp": first["timestamp"], "end_timestamp": last["timestamp"]}
    page = get("get_last_trades_by_instrument_and_time", instrument_name=PERPETUAL, **times, count=1000, sorting="asc")
    assert page["trades"][: len(trades)] == trades or page["trades"][-len(trades) :] == trades


def test_trades_of_a_currency_read_back_as_streamed(client: Any, get: Any) -> None:
    trades = streamed(client, "trades.option.BTC.100ms")
    seen = {trade["trade_id"]: trade for trade in trades}
    assert len(seen) == len(trades) > 20 and all(identity.isdigit() for identity in seen)
    times = {"start_timestamp": trades[0]["timestamp"], "end_timestamp": trades[-1]["timestamp"]}
    page = get("get_last_trades_by_currency_and_time", currency="BTC", kind="option", **times, count=1000, sorting="asc")
    assert {trade["trade_id"]: trade for trade in page["trades"]} == seen and not page["has_more"]
    ids = sorted(map(int, seen))
    page = get("get_last_trades_by_currency", currency="BTC", kind="option", start_id=ids[0], end_id=ids[-1], count=1000, sorting="asc")
    assert {trade["trade_id"]: trade for trade in page["trades"]} == seen
    latest = get("get_last_trades_by_currency", currency="ETH")["trades"]
    assert len(latest) == 10 and all(trade["trade_id"].startswith("ETH-") for trade in latest)


def test_candles_sum_up_the_trades(sandbox: Any, get: Any, poll: Any) -> None:
    """Inverse contracts count USD; their volume is in coins."""
    poll(lambda: get("get_last_trades_by_instrument", instrument_name=PERPETUAL)["trades"])
    sandbox.ask("/control/rate", {"rate": 0})
    try:
        time.sleep(0.3)
        now = get("get_time")
        chart = get(
            "get_tradingview_chart_data", instrument_name=PERPETUAL, start_timestamp=now - 3_600_000, end_timestamp=now, resolution=1
        )
        minute = chart["ticks"][-1]
        times = {"start_timestamp": minute, "end_timestamp": minute + 59_999}
        trades = get("get_last_trades_by_instrument_and_time", instrument_name=PERPETUAL, **times, count=1000, sorting="asc")["trades"]
    finally:
        sandbox.ask("/control/rate", {"rate": 1500})
    prices = [trade["price"] for trade in trades]
    assert (chart["open"][-1], chart["close"][-1], chart["high"][-1], chart["low"][-1]) == (prices[0], prices[-1], max(prices), min(prices))
    assert chart["cost"][-1] == sum(trade["amount"] for trade in trades)
    assert chart["volume"][-1] == pytest.approx(float(sum(Decimal(t["amount"]) / Decimal(str(t["price"])) for t in trades)), abs=1e-6)


def test_instruments_of_the_universe(get: Any) -> None:
    rows = get("get_instruments")
    for base in ("ETH", "BTC"):
        options = [row for row in rows if row["kind"] == "option" and row["base_currency"] == base and row["settlement_currency"] == base]
        expiries = {row["expiration_timestamp"] for row in options}
        assert len(expiries) == 10 and len(options) == 400 and all(expiry % 86_400_000 == 8 * 3_600_000 for expiry in expiries)
        futures = [row for row in get("get_instruments", currency=base, kind="future") if row["settlement_period"] != "perpetual"]
        assert {row["expiration_timestamp"] for row in futures} == expiries
    names = {row["instrument_name"] for row in rows}
    assert {"ETH-PERPETUAL", "BTC-PERPETUAL", "ETH_USDC-PERPETUAL"} <= names and len(names) == len(rows)
    assert {row["kind"] for row in rows} == {"future", "option", "option_combo"}


def test_one_call_summarises_a_chain(get: Any) -> None:
    rows = {row["instrument_name"]: row for row in get("get_book_summary_by_currency", currency="ETH", kind="option")}
    name = list(rows)[200]
    ticker = get("ticker", instrument_name=name)
    assert rows[name]["underlying_index"] == ticker["underlying_index"] and abs(rows[name]["mark_price"] - ticker["mark_price"]) < 1e-3
    assert len(rows) == 400


def test_funding_deliveries_and_settlements(get: Any) -> None:
    now = get("get_time")
    rows = get("get_funding_rate_history", instrument_name=PERPETUAL, start_timestamp=now - 10 * 3_600_000, end_timestamp=now)
    assert len(rows) == 10 and all(row["timestamp"] % 3_600_000 == 0 for row in rows)
    page = get("get_delivery_prices", index_name="btc_usd", count=3, offset=1)
    assert len(page["data"]) == 3 and page["records_total"] > 300
    first = get("get_last_settlements_by_currency", currency="ETH", type="settlement", count=5)
    second = get("get_last_settlements_by_currency", currency="ETH", type="settlement", count=5, continuation=first["continuation"])
    keys = [(row["timestamp"], row["instrument_name"]) for row in first["settlements"] + second["settlements"]]
    assert len(set(keys)) == 10


def test_a_restart_goes_on(launch: Any) -> None:
    sandbox, _ = launch("--rate", "2000")
    query = f"{API}get_last_trades_by_instrument?instrument_name={PERPETUAL}&count=1000&sorting=asc"
    time.sleep(0.7)
    before = sandbox.get(query)["result"]["trades"]
    sandbox.stop(signal.SIGKILL)
    sandbox.start()
    time.sleep(0.7)
    after = sandbox.get(query)["result"]["trades"]
    assert after[: len(before)] == before and len(after) > len(before)
    assert [trade["trade_seq"] for trade in after] == list(range(1, len(after) + 1))
    for kind, column in (("quotes", "number"), ("trades", "id")):
        rows = sandbox.records(kind)
        keys = list(zip(rows["symbol"].tolist(), rows[column].tolist(), strict=True))
        assert len(set(keys)) == len(keys)
    quotes = sandbox.records("quotes")
    assert len(np.unique(quotes[["symbol", "event_us"]])) == len(quotes)


def test_instruments_expire_and_others_are_listed(launch: Any, poll: Any) -> None:
    sandbox, client = launch("--expiry-seconds", "4", "--rate", "500")
    with client() as peer:
        peer.subscribe("instrument.state.any.ETH", "trades.option.ETH.100ms")
        told = peer.data
        peer.until(lambda _: any(row["state"] == "delivered" for row in told("instrument.state")))
        opened = {row["instrument_name"] for row in told("instrument.state") if row["state"] == "open"}
        ended = {row["instrument_name"] for row in told("instrument.state") if row["state"] == "settlement"}
        assert len(ended) == 41 and len(opened) >= 41, "twenty strikes, calls and puts, and the future"
        name = sorted(ended)[3]
        assert peer.subscribe(f"quote.{name}") == []
    ticker = sandbox.get(f"{API}ticker?instrument_name={name}")["result"]
    assert ticker["state"] != "open" and ticker["delivery_price"] > 0
    rows = sandbox.get(f"{API}get_last_settlements_by_currency?currency=ETH&type=delivery&count=1000")["result"]["settlements"]
    assert ended <= {row["instrument_name"] for row in rows}
    expired = sandbox.get(f"{API}get_instruments?currency=ETH&expired=true")["result"]
    assert ended <= {row["instrument_name"] for row in expired}
