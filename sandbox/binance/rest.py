"""The REST door of the simulated Binance: weights, refusals, faults, and the table of endpoints."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.binance.history_rest import History
from sandbox.binance.queries import BadQuery, Query
from sandbox.binance.snapshots_rest import Snapshots
from sandbox.binance.timers import compact
from sandbox.binance.universe import exchange_info, symbol_info
from sandbox.binance.venue import Binance
from sandbox.replies import padded, reply

Answer = Callable[[Query], bytes]
TOO_MANY = compact({"code": -1003, "msg": "Too many requests; current limit is 2400 request weight per 1 MINUTE."})


def depth_weight(query: Query) -> int:
    return next((weight for limit, weight in ((50, 2), (100, 5), (500, 10)) if query.number("limit", 500) <= limit), 20)


def kline_weight(query: Query) -> int:
    return next((weight for limit, weight in ((99, 1), (499, 2), (1000, 5)) if query.number("limit", 500) <= limit), 10)


def one_or_all(one: int, every: int) -> Callable[[Query], int]:
    return lambda query: one if "symbol" in query.values else every


class Rest:
    def __init__(self, venue: Binance) -> None:
        self._venue = venue
        self._symbols: tuple[int, bytes] = (-1, b"")

    def add_routes(self, app: web.Application) -> None:
        snapshots, history = Snapshots(self._venue), History(self._venue)
        endpoints: dict[str, tuple[Answer, int | Callable[[Query], int]]] = {
            "/fapi/v1/ping": (lambda _: b"{}", 1),
            "/fapi/v1/time": (snapshots.time, 1),
            "/fapi/v1/exchangeInfo": (lambda _: compact(self._exchange_info()), 1),
            "/fapi/v1/depth": (snapshots.depth, depth_weight),
            "/fapi/v1/trades": (history.trades, 5),
            "/fapi/v1/aggTrades": (history.agg_trades, 20),
            "/fapi/v1/klines": (history.klines, kline_weight),
            "/fapi/v1/premiumIndex": (snapshots.premium_index, one_or_all(1, 10)),
            "/fapi/v1/fundingRate": (history.funding_rate, 0),
            "/fapi/v1/fundingInfo": (snapshots.funding_info, 0),
            "/fapi/v1/openInterest": (snapshots.open_interest, 1),
            "/fapi/v1/ticker/24hr": (snapshots.day_ticker, one_or_all(1, 40)),
            "/fapi/v1/ticker/price": (snapshots.price, one_or_all(1, 2)),
            "/fapi/v2/ticker/price": (snapshots.price, one_or_all(1, 2)),
            "/fapi/v1/ticker/bookTicker": (snapshots.book_ticker, one_or_all(2, 5)),
            "/futures/data/openInterestHist": (history.open_interest_hist, 0),
        }
        for path, (answer, weight) in endpoints.items():
            app.router.add_get("/binance" + path, self._guarded(answer, weight))

    def _guarded(self, answer: Answer, weight: int | Callable[[Query], int]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def respond(request: web.Request) -> web.StreamResponse:
            query = Query(self._venue, dict(request.query))
            refused = await self._fault(request.path)
            if refused:
                return refused
            try:
                cost = weight(query) if callable(weight) else weight
            except BadQuery:
                cost = 1
            address = request.remote or ""
            status, used, wait = self._venue.weights.charge(address, cost, time.time())
            headers = {"X-MBX-USED-WEIGHT-1M": str(used)}
            if status != 200:
                headers["Retry-After"] = str(max(1, round(wait)))
                return reply(TOO_MANY, status, headers)
            huge = self._venue.faults.first("rest_huge")
            if huge and request.path.endswith("/exchangeInfo"):
                huge.take()
                return await padded(request, answer(query), huge.fields["megabytes"], headers)
            try:
                return reply(answer(query), 200, headers)
            except BadQuery as bad:
                return reply(compact({"code": bad.code, "msg": str(bad)}), 400, headers)

        return respond

    async def _fault(self, path: str) -> web.Response | None:
        faults = self._venue.faults
        if faults.first("maintenance"):
            return reply(compact({"code": -1016, "msg": "This service is no longer available."}), 503, {})
        slow = faults.first("rest_slow")
        if slow:
            slow.take()
            await asyncio.sleep(float(slow.fields["delay_seconds"]))
        limited = faults.first("rest_429")
        if limited:
            limited.take()
            retry_after = limited.fields["retry_after"]
            return reply(TOO_MANY, 429, {} if retry_after is None else {"Retry-After": str(retry_after)})
        broken = faults.first("rest_5xx")
        if broken:
            broken.take()
            return reply(compact({"code": -1000, "msg": "An unknown error occurred."}), int(broken.fields["status"]), {})
        return None

    def _exchange_info(self) -> dict[str, Any]:
        venue = self._venue
        pairs = zip(venue.listings, venue.market.instruments, strict=True)
        symbols = [symbol_info(listing, instrument) for listing, instrument in pairs]
        return exchange_info(symbols, venue.clock.now_us() // 1000, venue.config.weight_limit)
