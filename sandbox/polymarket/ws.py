"""The market channel's door: first frames, subscribe and unsubscribe without an answer, text PING and PONG."""

import asyncio
import json
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.polymarket.feed import Frame
from sandbox.polymarket.hub import Route
from sandbox.polymarket.venue import Polymarket
from sandbox.sockets import CLOSE_SECONDS, Socket

ROUTE = "ws"
PATH = "/polymarket/ws/market"
IDS_PER_FRAME = 100
CUT_SECONDS = 0.15  # after a frame of too many ids (100 to 200 ms were reported 2026-09)


class Door:
    def __init__(self, venue: Polymarket) -> None:
        self._venue = venue
        self._pinged_us: dict[Socket, int] = {}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        venue = self._venue
        if venue.faults.first("maintenance"):
            return web.Response(status=503)
        crowded = venue.faults.first("handshake_429")
        if crowded:
            crowded.take()
            return web.Response(status=429)
        ws = web.WebSocketResponse(autoping=False, compress=False, timeout=CLOSE_SECONDS, max_msg_size=1024 * 1024)
        await ws.prepare(request)
        if request.transport is None:
            return ws
        socket = Socket(ws, request.transport, ROUTE, venue.ledger, venue.config.max_buffered, venue.hub.changed)
        socket.opened_us = self._pinged_us[socket] = venue.clock.now_us()
        venue.hub.sockets.add(socket)
        venue.troubles.apply_to(socket)
        socket.note(socket.opened_us, "opened", streams=[], reason=None, form="market")
        try:
            await self._read(ws, socket)
        finally:
            del self._pinged_us[socket]
            venue.hub.remove(socket)
            socket.closed(venue.clock.now_us(), clean=ws.close_code not in (None, WSCloseCode.ABNORMAL_CLOSURE))
        return ws

    async def _read(self, ws: web.WebSocketResponse, socket: Socket) -> None:
        async for message in ws:
            if socket.deaf or socket.closing:
                continue
            if message.type is WSMsgType.PING:
                socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._hear(socket, message.data)

    def _hear(self, socket: Socket, text: str) -> None:
        now_us = self._venue.clock.now_us()
        if text == "PING":
            self._pinged_us[socket] = now_us
            if not self._venue.faults.first("no_pong", route=ROUTE):
                socket.say(b"PONG", now_us)
            return
        request = parsed(text)
        if request is None:
            return  # nothing is answered, whatever was sent
        tokens, operation = request
        if len(tokens) > IDS_PER_FRAME:
            loop = asyncio.get_running_loop()
            loop.call_later(CUT_SECONDS, socket.drop, "too many ids")
        elif operation.get("operation") == "unsubscribe":
            self._unsubscribe(socket, tokens, now_us)
        elif operation.get("operation") == "subscribe" or operation.get("type") == "market":
            self._subscribe(socket, tokens, operation, now_us)

    def _unsubscribe(self, socket: Socket, tokens: list[str], now_us: int) -> None:
        removed = [token for token in tokens if self._venue.hub.unsubscribe(socket, token)]
        socket.note(now_us, "unsubscribed", streams=removed, reason="request")

    def _subscribe(self, socket: Socket, tokens: list[str], operation: dict[str, Any], now_us: int) -> None:
        venue = self._venue
        if operation.get("custom_feature_enabled") is True:
            venue.hub.custom.add(socket)
            venue.hub.changed()
        added = [token for token in tokens if venue.hub.subscribe(socket, token, venue.index.get(token, -1), now_us)]
        socket.note(now_us, "subscribed", streams=added, reason=None)
        if operation.get("initial_dump", True):
            self._greet(socket, added, now_us, together="operation" not in operation)
            venue.feed.send()
            if socket.out:
                socket.flush(now_us)

    def _greet(self, socket: Socket, added: list[str], now_us: int, *, together: bool) -> None:
        """A book for each token that has one: an array of them after the first frame, one by one after an operation."""
        venue, route = self._venue, Route((socket,), 1)
        parts: list[Frame] = []
        for token in added:
            found = venue.quoted(token)
            if found is not None:
                market, side = found
                mute = venue.troubles.muted(socket, socket.streams[token], "book")
                parts.append(venue.market_feed.greeting(market, side, Route((), 1) if mute else route, now_us // 1000))
        withheld, told = [part for part in parts if not part.route.live], [part for part in parts if part.route.live]
        if together and told:
            names = tuple(name for part in told for name in part.names)
            body = b"[" + b",".join(part.body for part in told) + b"]"
            rows, implied = [row for part in told for row in part.rows], [row for part in told for row in part.implied]
            told = [Frame("book", told[0].market, names, body, route, rows, implied)]
        for part in withheld + told:
            venue.feed.tell(part)

    def keep_house(self) -> None:
        """Once a second: the end of sockets that send no PING."""
        now_us, limit_us = self._venue.clock.now_us(), self._venue.config.idle_seconds * 1e6
        for socket, pinged_us in list(self._pinged_us.items()):
            if now_us - pinged_us > limit_us:
                socket.drop("no PING")


def parsed(text: str) -> tuple[list[str], dict[str, Any]] | None:
    """(tokens, request), or None for what is no request."""
    try:
        request = json.loads(text)
    except ValueError:
        return None
    tokens = request.get("assets_ids") if isinstance(request, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return None
    return tokens, request
