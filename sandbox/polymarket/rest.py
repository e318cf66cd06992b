"""The HTTP doors of the three hosts: limits, refusals and faults, and whatever the hosts answer."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from sandbox.polymarket.clob import Clob, Text
from sandbox.polymarket.clob_markets import ClobMarkets
from sandbox.polymarket.data import Data
from sandbox.polymarket.gamma import Gamma
from sandbox.polymarket.queries import Query, Refused, clob_error, data_error, invalid
from sandbox.replies import padded, reply

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

BASE = "/polymarket"
HTML = "<!DOCTYPE html>\n<html><head><title>{0} | Cloudflare</title></head><body><h1>Error {0}</h1></body></html>"
WINDOW_SECONDS = 10
#: Requests in 10 s by the beginning of a path; the longest that fits counts, and its host beside it.
LIMITS = {
    "/gamma": 4000,
    "/gamma/events": 500,
    "/gamma/markets": 300,
    "/gamma/tags": 200,
    "/gamma/public-search": 350,
    "/clob": 9000,
    "/clob/book": 1500,
    "/clob/books": 500,
    "/clob/price": 1500,
    "/clob/prices": 500,
    "/clob/prices-history": 1000,
    "/clob/midpoint": 1500,
    "/clob/midpoints": 500,
    "/clob/tick-size": 200,
    "/clob/ok": 100,
    "/data": 1000,
    "/data/v2/trades": 250,
}
encode = msgspec.json.Encoder().encode


class Windows:
    """What each address has asked in the running 10 seconds."""

    def __init__(self) -> None:
        self._window = 0
        self._counts: dict[tuple[str, str], int] = defaultdict(int)

    def allows(self, address: str, path: str) -> bool:
        window = int(time.time() // WINDOW_SECONDS)
        if window != self._window:
            self._window = window
            self._counts.clear()
        own = max((begin for begin in LIMITS if path == begin or path.startswith(f"{begin}/")), key=len, default="/clob")
        for name in {own, "/" + own.split("/")[1]}:
            self._counts[address, name] += 1
            if self._counts[address, name] > LIMITS[name]:
                return False
        return True


class Rest:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self._gamma, self._clob, self._data = Gamma(venue), Clob(venue), Data(venue)
        self._windows = Windows()

    def add_routes(self, app: web.Application) -> None:
        hosts = (
            ("gamma", self._gamma.routes, invalid),
            ("clob", self._clob.routes | ClobMarkets(self._venue).routes, lambda message: clob_error(400, message)),
            ("data", self._data.routes, lambda message: data_error(400, "BAD_REQUEST", message)),
        )
        for host, routes, refuse in hosts:
            for path, handler in routes.items():
                app.router.add_get(f"{BASE}/{host}{path}", self._get(host, handler, refuse))
        for path, batch in self._clob.batches.items():
            app.router.add_post(f"{BASE}/clob{path}", self._post(batch))

    def _get(self, host: str, handler: Callable[[Query], Any], refuse: Callable[[str], Refused]) -> Any:
        async def serve(request: web.Request) -> web.StreamResponse:
            pairs = [*request.query.items(), *request.match_info.items()]
            return await self._respond(request, host, lambda: handler(Query(pairs, refuse)))

        return serve

    def _post(self, batch: Callable[[list[dict[str, Any]]], Any]) -> Any:
        async def serve(request: web.Request) -> web.StreamResponse:
            body = await request.read()

            def answer() -> Any:
                try:
                    return batch(msgspec.json.decode(body, type=list[dict[str, Any]]))
                except msgspec.DecodeError:
                    raise clob_error(400, "Invalid payload") from None

            return await self._respond(request, "clob", answer)

        return serve

    async def _respond(self, request: web.Request, host: str, answer: Callable[[], Any]) -> web.StreamResponse:
        broken = await self._fault(host)
        if broken:
            return broken
        if not self._windows.allows(request.remote or "", request.path.removeprefix(BASE)):
            return web.Response(status=429, text="Too Many Requests")
        try:
            found = answer()
        except Refused as refused:
            return reply(encode(refused.body), refused.status)
        body = found.encode() if isinstance(found, Text) else encode(found)
        huge = self._venue.faults.first("rest_huge")
        if huge:
            huge.take()
            return await padded(request, body, huge.fields["megabytes"], {})
        return reply(body, 200)

    async def _fault(self, host: str) -> web.Response | None:
        faults = self._venue.faults
        if faults.first("maintenance"):
            return self._html(503)
        slow = faults.first("rest_slow")
        if slow:
            slow.take()
            await asyncio.sleep(float(slow.fields["delay_seconds"]))
        limited = faults.first("rest_429", host=host)
        if limited:
            limited.take()
            retry_after = limited.fields["retry_after"]
            return web.Response(
                status=429, text="Too Many Requests", headers={} if retry_after is None else {"Retry-After": str(retry_after)}
            )
        refused = faults.first("rest_422", host=host)
        if refused:
            refused.take()
            return reply(encode(invalid("injected").body), 422)
        broken = faults.first("rest_5xx", host=host)
        if broken:
            broken.take()
            return self._html(int(broken.fields["status"]))
        dressed = faults.first("rest_html", host=host)
        if dressed:
            dressed.take()
            return self._html(200)
        return None

    def _html(self, status: int) -> web.Response:
        return web.Response(status=status, text=HTML.format(status), content_type="text/html")
