"""The table of public methods, the same over HTTP and over a WebSocket."""

from collections.abc import Callable
from typing import Any

from sandbox.deribit import rpc
from sandbox.deribit.history_methods import History
from sandbox.deribit.market_methods import Snapshots
from sandbox.deribit.rpc import Params, Refused
from sandbox.deribit.venue import Deribit

VERSION = {"version": "1.2.26"}
WEBSOCKET_ONLY = ("subscribe", "unsubscribe", "unsubscribe_all", "set_heartbeat", "disable_heartbeat")


class Methods:
    def __init__(self, venue: Deribit) -> None:
        now, history = Snapshots(venue), History(venue)
        self._table: dict[str, Callable[[Params], Any]] = {
            "test": lambda _: VERSION,
            "hello": lambda _: VERSION,
            "get_time": lambda _: venue.clock.now_us() // 1000,
            "status": now.status,
            "get_currencies": now.currencies,
            "get_instruments": now.instruments,
            "get_instrument": now.instrument,
            "get_book_summary_by_currency": now.book_summaries,
            "get_book_summary_by_instrument": now.book_summary,
            "ticker": now.ticker,
            "get_order_book": now.order_book,
            "get_index_price": now.index_price,
            "get_index_price_names": now.index_price_names,
            "get_last_trades_by_instrument": history.by_instrument,
            "get_last_trades_by_instrument_and_time": history.by_instrument_and_time,
            "get_last_trades_by_currency": history.by_currency,
            "get_last_trades_by_currency_and_time": history.by_currency_and_time,
            "get_tradingview_chart_data": history.chart,
            "get_funding_rate_history": history.funding_rates,
            "get_delivery_prices": history.delivery_prices,
            "get_last_settlements_by_currency": history.settlements,
        }

    def result(self, method: str, params: Params) -> Any:
        scope, _, name = method.partition("/")
        if scope == "public" and name in self._table:
            return self._table[name](params)
        if scope == "public" and name in WEBSOCKET_ONLY:
            raise Refused(10030, "must_be_websocket_request")
        if scope == "private":
            raise Refused(13009, "unauthorized", {"reason": "invalid_token"})
        raise Refused(-32601, "Method not found")

    def archived(self, method: str, params: Params) -> Any:
        """The host of the archive answers for trades only, and for instruments that are long gone."""
        if not method.startswith("public/get_last_trades_by_"):
            raise rpc.invalid("method", "not served here")
        return self.result(method, Params(params.values | {"archive": True}))
