"""The venue's own Python client works against the sandbox with nothing changed but the host."""

import asyncio
import time
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own
sdk = pytest.importorskip("kalshi_python_async", reason="pip install --no-deps --ignore-requires-python -r requirements-clients.txt")


def used(sandbox: Any, use: Any) -> Any:
    async def run() -> Any:
        configuration = sdk.Configuration(host=f"{sandbox.http}/trade-api/v2")
        configuration.api_key_id = "sandbox"
        configuration.private_key_pem = (sandbox.root / "keys/kalshi.pem").read_text()
        async with sdk.KalshiClient(configuration) as client:
            return await use(client)

    return asyncio.run(run())


def test_the_official_client_lists_markets_and_reads_a_book(sandbox: Any) -> None:
    async def use(client: Any) -> tuple[Any, ...]:
        first = await client.get_markets(limit=20, status="open", mve_filter="exclude")
        second = await client.get_markets(limit=20, status="open", mve_filter="exclude", cursor=first.cursor)
        name = first.markets[-1].ticker
        return first, second, await client.get_market_orderbook(name), await client.get_market(name), await client.get_trades(ticker=name)

    first, second, book, one, trades = used(sandbox, use)
    assert len(first.markets) == 20 and not {row.ticker for row in first.markets} & {row.ticker for row in second.markets}
    assert book.orderbook_fp.yes_dollars and one.market.ticker == first.markets[-1].ticker
    assert all(row.ticker == one.market.ticker for row in trades.trades)


def test_the_official_client_is_authenticated(sandbox: Any) -> None:
    async def use(client: Any) -> tuple[Any, ...]:
        names = [row.ticker for row in (await client.get_markets(limit=3, status="open")).markets]
        return names, await client.get_market_orderbooks(tickers=names), await client.get_account_api_limits()

    names, books, limits = used(sandbox, use)
    assert [row.ticker for row in books.orderbooks] == names and limits.read.refill_rate == 1_000_000


def test_the_official_client_is_refused_with_another_key(sandbox: Any) -> None:
    async def use(client: Any) -> None:
        client.kalshi_auth.key_id = "somebody"
        await client.get_account_api_limits()

    with pytest.raises(sdk.exceptions.UnauthorizedException):
        used(sandbox, use)


def test_the_official_client_reads_every_list(sandbox: Any) -> None:
    """Its models check types and enumerations of every field."""

    async def use(client: Any) -> dict[str, Any]:
        market = (await client.get_markets(limit=1, status="open", series_ticker="KXFEDDECISION")).markets[0]
        span = {"start_ts": int(time.time()) - 3600, "end_ts": int(time.time()) + 60, "period_interval": 1}
        return {
            "series": (await client.get_series_list()).series,
            "events": (await client.get_events(with_nested_markets=True)).events,
            "combos": (await client.get_multivariate_events()).events,
            "settled": (await client.get_markets(status="settled")).markets,
            "archived": (await client.get_historical_markets()).markets,
            "candles": (await client.get_market_candlesticks("KXFEDDECISION", market.ticker, **span)).candlesticks,
            "cutoff": await client.get_historical_cutoff(),
            "status": await client.get_exchange_status(),
            "schedule": (await client.get_exchange_schedule()).schedule.maintenance_windows,
            "fees": (await client.get_series_fee_changes(show_historical=True)).series_fee_change_arr,
            "costs": (await client.get_account_endpoint_costs()).endpoint_costs,
        }

    found = used(sandbox, use)
    assert all(found.values()), {name for name, value in found.items() if not value}
