"""The HTTP door: signatures where they are given, tokens, refusals and faults. Public answers need no signature."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.kalshi.buckets import COST, COSTS, Buckets
from sandbox.kalshi.descriptions import Descriptions
from sandbox.kalshi.exchange_rest import Exchange
from sandbox.kalshi.history_rest import History
from sandbox.kalshi.keys import Account, Unauthorized
from sandbox.kalshi.markets_rest import Markets
from sandbox.kalshi.queries import BadQuery, NotFound, Query
from sandbox.kalshi.venue import Kalshi
from sandbox.kalshi.wire import encode
from sandbox.replies import padded, reply

BASE = "/trade-api/v2"
SIGNED = ("/markets/orderbooks", "/account/limits", "/account/endpoint_costs")
#: answered while the exchange is under maintenance
ALWAYS = ("/exchange/status", "/exchange/schedule")
Handler = Callable[[Query], dict[str, Any]]


class Rest:
    def __init__(self, venue: Kalshi, account: Account, prefixes: tuple[str, ...]) -> None:
        self._venue, self._account, self._prefixes = venue, account, prefixes
        self._buckets = Buckets(venue.config.read_tokens)
        descriptions = Descriptions(venue)
        markets = Markets(venue, descriptions)
        history, exchange = History(venue, markets, descriptions), Exchange(venue, self._buckets)
        # a path without a name in it stands before one that would take its last word for a ticker
        self._routes: dict[str, Handler] = {
            "/markets": markets.markets,
            "/markets/trades": history.trades,
            "/markets/orderbooks": markets.orderbooks,
            "/markets/candlesticks": history.many_candlesticks,
            "/markets/{ticker}": markets.market,
            "/markets/{ticker}/orderbook": markets.orderbook,
            "/series": markets.all_series,
            "/series/fee_changes": markets.fee_changes,
            "/series/{series}": markets.one_series,
            "/series/{series}/markets/{ticker}/candlesticks": history.candlesticks,
            "/events": markets.events,
            "/events/multivariate": markets.combos,
            "/events/fee_changes": markets.event_fee_changes,
            "/events/{event}": markets.event,
            "/historical/cutoff": history.cutoff,
            "/historical/trades": history.old_trades,
            "/historical/markets": history.old_markets,
            "/historical/markets/{ticker}": history.old_market,
            "/historical/markets/{ticker}/candlesticks": history.old_candlesticks,
            "/exchange/status": exchange.status,
            "/exchange/schedule": exchange.schedule,
            "/account/limits": exchange.limits,
            "/account/endpoint_costs": exchange.costs,
        }

    def add_routes(self, app: web.Application) -> None:
        for prefix in self._prefixes:
            for path, handler in self._routes.items():
                app.router.add_get(prefix + BASE + path, self._door(prefix, path, handler))

    def _door(self, prefix: str, path: str, handler: Handler) -> Callable[[web.Request], Any]:
        async def respond(request: web.Request) -> web.StreamResponse:
            broken = await self._fault(path)
            if broken:
                return broken
            try:
                # the venue's own host has no prefix: what is signed has none either
                signed = request.path.removeprefix(prefix)
                check = self._account.require if path in SIGNED else self._account.check
                account = check(request.headers, "GET", signed, self._venue.clock.now_us() // 1000)
            except Unauthorized as unauthorized:
                return _refusal(401, "authentication_error", str(unauthorized))
            if not self._buckets.charge(account, request.remote or "", COSTS.get(path, COST)):
                return reply(b'{"error":"too many requests"}', 429)
            return await self._answer(request, path, handler)

        return respond

    async def _answer(self, request: web.Request, path: str, handler: Handler) -> web.StreamResponse:
        try:
            body = encode(handler(Query(request.query, dict(request.match_info))))
        except BadQuery as bad:
            return reply(encode({"msg": f"Parameter validation failed: {bad}"}), 400)
        except NotFound as missing:
            return reply(encode({"error": {"code": "not_found", "message": "not found", "details": str(missing)}}), 404)
        huge = self._venue.faults.first("rest_huge")
        if huge and path == "/markets":
            huge.take()
            return await padded(request, body, huge.fields["megabytes"], {})
        return reply(body, 200)

    async def _fault(self, path: str) -> web.Response | None:
        faults = self._venue.faults
        if self._venue.troubles.maintained() and path not in ALWAYS:
            return _refusal(503, "service_unavailable", "maintenance")
        slow = faults.first("rest_slow")
        if slow:
            slow.take()
            await asyncio.sleep(float(slow.fields["delay_seconds"]))
        limited = faults.first("rest_429")
        if limited:
            limited.take()
            retry_after = limited.fields["retry_after"]
            headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
            return reply(b'{"error":"too many requests"}', 429, headers)
        broken = faults.first("rest_5xx")
        if broken:
            broken.take()
            return web.Response(status=int(broken.fields["status"]), text="<html>Bad gateway</html>", content_type="text/html")
        return None


def _refusal(status: int, code: str, details: str) -> web.Response:
    return reply(encode({"code": code, "message": code, "details": details}), status)
