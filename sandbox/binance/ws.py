"""The WebSocket door of the simulated Binance: routes, subscribe requests, limits, pings and lifetimes."""

import json
import time
from collections import deque
from functools import partial
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.binance.streams import PATHLESS
from sandbox.binance.timers import compact
from sandbox.binance.venue import Binance
from sandbox.sockets import CLOSE_SECONDS, Socket

MAX_STREAMS = 1024
MESSAGES_PER_SECOND = 15  # 10 are documented, about 15 are tolerated (probe of 2026-10)
ROUTES = ("public", "market", "private")


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def parsed(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except ValueError:
        raise Refused(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise Refused(2, "Invalid request: expected an object")
    return request


class Door:
    def __init__(self, venue: Binance) -> None:
        self._venue = venue

    def add_routes(self, app: web.Application) -> None:
        for route in (*ROUTES, PATHLESS):
            prefix = "/binance" if route == PATHLESS else f"/binance/{route}"
            for path in ("/stream", "/ws", "/ws/{names:.+}"):
                app.router.add_get(prefix + path, partial(self._serve, route))

    async def _serve(self, route: str, request: web.Request) -> web.StreamResponse:
        venue = self._venue
        if venue.faults.first("maintenance"):
            return web.Response(status=503)
        ws = web.WebSocketResponse(autoping=False, compress=False, timeout=CLOSE_SECONDS, max_msg_size=1024 * 1024)
        await ws.prepare(request)
        if request.transport is None:
            return ws
        socket = Socket(ws, request.transport, route, venue.ledger, venue.config.max_buffered, venue.hub.changed)
        socket.combined = request.path.endswith("/stream")
        socket.opened_us = socket.pinged_us = venue.clock.now_us()
        venue.hub.sockets.add(socket)
        venue.troubles.apply_to(socket)
        socket.note(socket.opened_us, "opened", streams=[], reason=None, form="combined" if socket.combined else "raw")
        named = request.query.get("streams", "") if socket.combined else request.match_info.get("names", "")
        try:
            self._subscribe(socket, [name for name in named.split("/") if name], None)
            await self._read(ws, socket)
        finally:
            venue.hub.remove(socket)
            socket.closed(venue.clock.now_us(), clean=ws.close_code not in (None, WSCloseCode.ABNORMAL_CLOSURE))
        return ws

    async def _read(self, ws: web.WebSocketResponse, socket: Socket) -> None:
        recent: deque[float] = deque(maxlen=MESSAGES_PER_SECOND)
        async for message in ws:
            if socket.deaf or socket.closing:
                continue
            if message.type is WSMsgType.PONG:
                socket.ponged_us = self._venue.clock.now_us()
                continue
            now = time.monotonic()
            if len(recent) == MESSAGES_PER_SECOND and now - recent[0] < 1.0:
                socket.close(1008, "Too many requests", "too many messages")
                continue
            recent.append(now)
            if message.type is WSMsgType.PING:
                socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._answer(socket, message.data)

    def _answer(self, socket: Socket, text: str) -> None:
        request: dict[str, Any] = {}
        try:
            request = parsed(text)
            reply = {"result": self._result(socket, request), "id": request.get("id")}
        except Refused as refused:
            reply = {"error": {"code": refused.code, "msg": str(refused)}, "id": request.get("id")}
        socket.say(compact(reply), self._venue.clock.now_us())

    def _result(self, socket: Socket, request: dict[str, Any]) -> Any:
        method, params = request.get("method"), request.get("params")
        request_id = request.get("id")
        if not isinstance(request_id, int | str | None):
            raise Refused(2, "Invalid request: request ID must be an unsigned integer")
        if method == "LIST_SUBSCRIPTIONS":
            return list(socket.streams)
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE", "SET_PROPERTY", "GET_PROPERTY"):
            raise Refused(2, f"Invalid request: unknown variant {method}")
        if not isinstance(params, list):
            raise Refused(2, "Invalid request: params must be an array")
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not all(isinstance(name, str) for name in params):
                raise Refused(1, "Invalid value type: expected String")
            (self._subscribe if method == "SUBSCRIBE" else self._unsubscribe)(socket, params, request_id)
            return None
        return self._property(socket, method, params)

    def _property(self, socket: Socket, method: str, params: list[Any]) -> bool | None:
        if params[:1] != ["combined"]:
            raise Refused(0, "Unknown property")
        if method == "GET_PROPERTY":
            return socket.combined
        if len(params) != 2 or not isinstance(params[1], bool):
            raise Refused(1, "Invalid value type: expected Boolean")
        socket.combined = params[1]
        return None

    def _subscribe(self, socket: Socket, names: list[str], request_id: Any) -> None:
        venue = self._venue
        fault = venue.faults.first("ceiling")
        ceiling = int(fault.fields["streams"]) if fault else MAX_STREAMS
        silent = bool(fault and fault.fields["silent"])
        if len(socket.streams.keys() | set(names)) > ceiling and not silent:
            # the 1025th stream costs the connection and every stream on it (probe of 2026-10)
            error = {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": request_id}
            socket.say(compact(error), venue.clock.now_us())
            socket.close(1008, "Too many subscriptions", "too many streams")
            return
        for name in names:
            if name not in socket.streams:
                venue.hub.subscribe(socket, name, venue.by_stream_name, silent=silent and len(socket.streams) >= ceiling)
        if names:
            socket.note(venue.clock.now_us(), "subscribed", streams=names, reason=None)

    def _unsubscribe(self, socket: Socket, names: list[str], request_id: Any) -> None:
        for name in names:
            self._venue.hub.unsubscribe(socket, name)
        socket.note(self._venue.clock.now_us(), "unsubscribed", streams=names, reason="request")

    def keep_house(self) -> None:
        """Once a second: pings, and the end of sockets that lived their time."""
        config, now_us = self._venue.config, self._venue.clock.now_us()
        for socket in list(self._venue.hub.sockets):
            if now_us - socket.opened_us > config.lifetime_seconds * 1e6:
                socket.close(1001, "Connection lifetime reached", "lifetime")
            elif now_us - socket.pinged_us > config.ping_seconds * 1e6:
                socket.ping(now_us)
