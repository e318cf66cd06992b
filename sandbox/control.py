"""The control API: what the sandbox is asked to do to its clients, and what it has done so far."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.faults import BadFault
from sandbox.pairs import Arena
from sandbox.pairs.arena import BadCommand

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Control:
    """Speaks to venues through `summary`, `pace`, `faults`, `list_symbol` and `delist_symbol` only."""

    def __init__(self, venues: dict[str, Any], arena: Arena | None = None) -> None:
        self._venues, self._arena = venues, arena

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/control/health", self._health)
        app.router.add_get("/control/summary", self._summary)
        app.router.add_post("/control/rate", self._rate)
        app.router.add_post("/control/universe", self._universe)
        app.router.add_get("/control/faults", self._faults)
        app.router.add_post("/control/faults", self._add_fault)
        app.router.add_delete("/control/faults", self._clear_faults)
        app.router.add_get("/control/pairs", self._pairs)
        app.router.add_post("/control/pairs", self._act_on_pairs)

    def _venue(self, body: dict[str, Any]) -> Any:
        """The venue a command names; with only one running it need not be named."""
        name = body.get("venue") or next(iter(self._venues))
        if name not in self._venues:
            raise web.HTTPBadRequest(text=f"no venue {name}")
        return self._venues[name]

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "venues": list(self._venues)})

    async def _summary(self, request: web.Request) -> web.Response:
        return web.json_response({name: venue.summary() for name, venue in self._venues.items()})

    async def _rate(self, request: web.Request) -> web.Response:
        body = await request.json()
        try:
            rate = float(body["rate"])
        except (KeyError, TypeError, ValueError) as bad:
            raise web.HTTPBadRequest(text="rate must be a number") from bad
        if not 0 <= rate <= 1_000_000:
            raise web.HTTPBadRequest(text="rate must lie in 0..1000000")
        for venue in self._venues.values() if "venue" not in body else [self._venue(body)]:
            venue.pace.rate = rate
        return web.json_response({"rate": rate})

    async def _universe(self, request: web.Request) -> web.Response:
        body = await request.json()
        venue = self._venue(body)
        unknown = [name for name in body.get("delist", []) if name not in venue.index]
        if unknown:
            raise web.HTTPBadRequest(text=f"not listed: {unknown}")
        for name in body.get("delist", []):
            venue.delist_symbol(name)
        try:
            for name in body.get("list", []):
                venue.list_symbol(name)
        except ValueError as bad:
            raise web.HTTPBadRequest(text=str(bad)) from bad
        return web.json_response({"symbols": len(venue.names)})

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response({name: venue.faults.report() for name, venue in self._venues.items()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        body = await request.json()
        venue = self._venue(body)
        try:
            fault = venue.faults.add(body, venue.clock.now_us())
        except (BadFault, TypeError, ValueError) as bad:
            raise web.HTTPBadRequest(text=str(bad)) from bad
        return web.json_response(fault.report())

    async def _clear_faults(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        venues = [self._venue(body)] if "venue" in body else self._venues.values()
        return web.json_response({"cleared": sum(venue.faults.clear(body.get("id")) for venue in venues)})

    async def _pairs(self, request: web.Request) -> web.Response:
        return web.json_response(self._arena.told() if self._arena else {"pairs": []})

    async def _act_on_pairs(self, request: web.Request) -> web.Response:
        if self._arena is None:
            raise web.HTTPBadRequest(text="there are no pairs: start with --pairs")
        try:
            return web.json_response(self._arena.act(await request.json()))
        except (BadCommand, TypeError, ValueError) as bad:
            raise web.HTTPBadRequest(text=str(bad)) from bad
