"""A public client library works against the sandbox with nothing changed but the URL."""

import asyncio
import warnings
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ccxt.pro

PERPETUAL = "ETH/USD:ETH"


def exchange(sandbox: Any) -> Any:
    made = ccxt.pro.deribit()
    made.urls["api"] = {"rest": sandbox.http + "/deribit", "ws": f"ws://127.0.0.1:{sandbox.port}/deribit/ws/api/v2"}
    return made


async def used(sandbox: Any, use: Any) -> Any:
    made = exchange(sandbox)
    try:
        return await use(made)
    finally:
        await made.close()


def test_ccxt_rest(sandbox: Any, get: Any, poll: Any) -> None:
    def moments() -> set[int]:
        return {trade["timestamp"] for trade in get("get_last_trades_by_instrument", instrument_name="ETH-PERPETUAL")["trades"]}

    poll(lambda: len(moments()) > 1)

    async def use(made: Any) -> tuple[Any, ...]:
        markets = await made.fetch_markets()
        trades = await made.fetch_trades(PERPETUAL, limit=50)
        since = await made.fetch_trades(PERPETUAL, since=trades[-1]["timestamp"], limit=10)
        candles = await made.fetch_ohlcv(PERPETUAL, "1m", limit=3)
        book = await made.fetch_order_book(PERPETUAL, 5)
        ticker = await made.fetch_ticker(PERPETUAL)
        return markets, trades, since, candles, book, ticker

    markets, trades, since, candles, book, ticker = asyncio.run(used(sandbox, use))
    by_id = {market["id"]: market for market in markets}
    assert by_id["ETH-PERPETUAL"]["symbol"] == PERPETUAL and by_id["ETH-PERPETUAL"]["inverse"]
    assert by_id["ETH_USDC-PERPETUAL"]["linear"] and by_id["ETH_USDC-PERPETUAL"]["swap"]
    option = next(market for market in markets if market["type"] == "option" and "0d" not in market["id"])
    assert option["strike"] > 0 and option["expiry"] > 0
    latest = next(trade for trade in trades if trade["timestamp"] == trades[-1]["timestamp"])  # of several at once the first
    assert trades[-1]["price"] > 0 and since[0]["id"] == latest["id"]
    assert candles[-1][5] > 0 and book["bids"][0][0] < book["asks"][0][0] and ticker["bid"] < ticker["ask"]


def test_ccxt_streams(sandbox: Any) -> None:
    async def use(made: Any) -> tuple[Any, ...]:
        trades = await asyncio.wait_for(made.watch_trades(PERPETUAL), 15)
        book = await asyncio.wait_for(made.watch_order_book(PERPETUAL), 15)
        for _ in range(5):
            book = await asyncio.wait_for(made.watch_order_book(PERPETUAL), 15)
        ticker = await asyncio.wait_for(made.watch_ticker("BTC/USD:BTC"), 15)
        quotes = await asyncio.wait_for(made.watch_bids_asks([PERPETUAL]), 15)
        return trades, book, ticker, quotes

    trades, book, ticker, quotes = asyncio.run(used(sandbox, use))
    assert trades[-1]["symbol"] == PERPETUAL and trades[-1]["price"] > 0
    assert book["bids"][0][0] < book["asks"][0][0] and len(book["bids"]) > 10
    assert ticker["symbol"] == "BTC/USD:BTC" and quotes[PERPETUAL]["bid"] < quotes[PERPETUAL]["ask"]
