"""Public client libraries work against the sandbox with nothing changed but the URL."""

import asyncio
import warnings
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # python-binance imports deprecated names
    import ccxt.pro
    from binance import AsyncClient, BinanceSocketManager, Client


def test_python_binance_rest(sandbox: Any, poll: Any) -> None:
    poll(lambda: len(sandbox.get("/binance/fapi/v1/aggTrades?symbol=BTCUSDT")) >= 100)
    client = Client(ping=False)
    client.FUTURES_URL = sandbox.http + "/binance/fapi"
    info = client.futures_exchange_info()
    assert {"BTCUSDT", "ETHUSDT"} <= {row["symbol"] for row in info["symbols"]}
    trades = client.futures_aggregate_trades(symbol="BTCUSDT", fromId=1, limit=10)
    assert [row["a"] for row in trades] == list(range(1, 11))
    klines = client.futures_klines(symbol="BTCUSDT", interval="1m", limit=5)
    assert klines[-1][8] > 0
    client.close_connection()


def test_python_binance_async(sandbox: Any) -> None:
    async def use() -> tuple[Any, Any, Any]:
        client = AsyncClient()
        client.FUTURES_URL = sandbox.http + "/binance/fapi"
        manager = BinanceSocketManager(client)
        manager.FSTREAM_URL = f"ws://127.0.0.1:{sandbox.port}/binance/"
        info = await client.futures_exchange_info()
        async with manager.futures_multiplex_socket(["btcusdt@aggTrade", "ethusdt@aggTrade"]) as stream:
            trade = await asyncio.wait_for(stream.recv(), 10)
        async with manager.symbol_ticker_futures_socket("BTCUSDT") as stream:
            quote = await asyncio.wait_for(stream.recv(), 10)
        await client.close_connection()
        return info, trade, quote

    info, trade, quote = asyncio.run(use())
    assert info["symbols"]
    assert trade["data"]["e"] == "aggTrade" and trade["stream"].endswith("@aggTrade")
    assert quote["data"]["e"] == "bookTicker" and quote["data"]["s"] == "BTCUSDT"


def exchange(sandbox: Any) -> Any:
    made = ccxt.pro.binanceusdm()
    api = made.urls["api"]
    for name, path in (("fapiPublic", "/v1"), ("fapiPublicV2", "/v2"), ("fapiPublicV3", "/v3")):
        api[name] = f"{sandbox.http}/binance/fapi{path}"
    api["fapiData"] = f"{sandbox.http}/binance/futures/data"
    api["ws"]["future"] = f"ws://127.0.0.1:{sandbox.port}/binance/ws"
    return made


def test_ccxt_rest(sandbox: Any) -> None:
    async def use() -> tuple[Any, Any, Any, Any]:
        made = exchange(sandbox)
        try:
            markets = await made.fetch_markets()
            trades = await made.fetch_trades("BTC/USDT:USDT", limit=50)
            candles = await made.fetch_ohlcv("BTC/USDT:USDT", "1m", limit=3)
            book = await made.fetch_order_book("BTC/USDT:USDT", 5)
            return markets, trades, candles, book
        finally:
            await made.close()

    markets, trades, candles, book = asyncio.run(use())
    by_id = {market["id"]: market for market in markets}
    assert by_id["BTCUSDT"]["symbol"] == "BTC/USDT:USDT" and by_id["BTCUSDT"]["precision"]["price"] == 0.1
    assert by_id["BTCUSDT_261225"]["future"] and not by_id["GONEUSDT"]["active"]
    assert len(trades) == 50 and trades[-1]["price"] > 0 and candles[-1][5] > 0
    assert book["bids"][0][0] < book["asks"][0][0]


def test_ccxt_streams(sandbox: Any) -> None:
    async def use() -> tuple[Any, Any, Any]:
        made = exchange(sandbox)
        try:
            trades = await asyncio.wait_for(made.watch_trades("BTC/USDT:USDT"), 15)
            quotes = await asyncio.wait_for(made.watch_bids_asks(["ETH/USDT:USDT"]), 15)
            made.options["watchTrades"]["name"] = "aggTrade"
            aggregates = await asyncio.wait_for(made.watch_trades("SOL/USDT:USDT"), 15)
            return trades, quotes, aggregates
        finally:
            await made.close()

    trades, quotes, aggregates = asyncio.run(use())
    assert trades[-1]["symbol"] == "BTC/USDT:USDT" and trades[-1]["price"] > 0
    assert quotes["ETH/USDT:USDT"]["bid"] < quotes["ETH/USDT:USDT"]["ask"]
    assert aggregates[-1]["symbol"] == "SOL/USDT:USDT"
