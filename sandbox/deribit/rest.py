"""The HTTP door: GET with a query string or POST with JSON-RPC, credits, refusals and faults."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.deribit import rpc
from sandbox.deribit.credits import Credits
from sandbox.deribit.methods import Methods
from sandbox.deribit.rpc import Params, Refused
from sandbox.deribit.venue import Deribit
from sandbox.replies import padded, reply

BASE = "/deribit/api/v2"
ARCHIVE = "/deribit/history/api/v2"


class Rest:
    def __init__(self, venue: Deribit, methods: Methods, credits: Credits) -> None:
        self._venue, self._credits = venue, credits
        self._doors: dict[str, Callable[[str, Params], Any]] = {BASE: methods.result, ARCHIVE: methods.archived}

    def add_routes(self, app: web.Application) -> None:
        for base in self._doors:
            app.router.add_get(base + "/{method:.+}", self._get)
            app.router.add_post(base + "/{method:.*}", self._post)
            app.router.add_post(base, self._post)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return await self._respond(request, rpc.Request(None, request.match_info["method"], dict(request.query)))

    async def _post(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = rpc.parsed(await request.read())
        except Refused as refused:
            return reply(rpc.refusal(None, refused, self._venue.clock.now_us()), refused.status)
        return await self._respond(request, asked)

    async def _respond(self, request: web.Request, asked: rpc.Request) -> web.StreamResponse:
        venue, began_us = self._venue, self._venue.clock.now_us()
        broken = await self._fault(asked.id, began_us)
        if broken:
            return broken
        try:
            if not self._credits.charge(request.remote or "", asked.method):
                raise rpc.too_many_requests()
            door = next(door for base, door in self._doors.items() if request.path.startswith(base))
            body = rpc.answer(asked.id, door(asked.method, Params(asked.params)), began_us)
        except Refused as refused:
            return reply(rpc.refusal(asked.id, refused, began_us), refused.status)
        huge = venue.faults.first("rest_huge")
        if huge and asked.method.endswith("get_instruments"):
            huge.take()
            return await padded(request, body, huge.fields["megabytes"], {})
        return reply(body, 200)

    async def _fault(self, request_id: Any, began_us: int) -> web.Response | None:
        faults = self._venue.faults
        if faults.first("maintenance"):
            return web.Response(status=503, text="maintenance")
        slow = faults.first("rest_slow")
        if slow:
            slow.take()
            await asyncio.sleep(float(slow.fields["delay_seconds"]))
        limited = faults.first("rest_429")
        if limited:
            limited.take()
            retry_after = limited.fields["retry_after"]
            headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
            return reply(rpc.refusal(request_id, rpc.too_many_requests(), began_us), 429, headers)
        broken = faults.first("rest_5xx")
        if broken:
            broken.take()
            return web.Response(status=int(broken.fields["status"]), text="<html>Bad gateway</html>", content_type="text/html")
        return None
