"""The WebSocket door: the signed handshake, heartbeats, buffers that overflow, and the ends of sockets."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.kalshi.keys import Account, Unauthorized
from sandbox.kalshi.protocol import Protocol
from sandbox.kalshi.subscriptions import CHANNELS
from sandbox.kalshi.troubles import ENDS
from sandbox.kalshi.venue import Kalshi
from sandbox.replies import reply
from sandbox.sockets import CLOSE_SECONDS, Socket

ROUTE = "ws"
PATH = "/trade-api/ws/v2"
PING_SECONDS, PATIENCE_PINGS = 10.0, 3
CONNECTIONS = 200  # of one account of the lowest tier
_PING = b"\x89\x09heartbeat"


@dataclass
class Session:
    socket: Socket
    transport: asyncio.Transport
    pinged_us: int
    ponged_us: int


@dataclass
class Door:
    venue: Kalshi
    account: Account
    prefixes: tuple[str, ...]
    _sessions: dict[Socket, Session] = field(default_factory=dict)

    def add_routes(self, app: web.Application) -> None:
        for prefix in self.prefixes:
            app.router.add_get(prefix + PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        venue = self.venue
        if venue.troubles.maintained():
            return web.Response(status=503)
        refusal = self._refused(request)
        if refusal:
            return reply(refusal, 401)
        if len(self._sessions) >= CONNECTIONS:
            return reply(b'{"error":"too many connections"}', 429)
        ws = web.WebSocketResponse(autoping=False, compress=False, timeout=CLOSE_SECONDS, max_msg_size=64 << 20)
        await ws.prepare(request)
        if request.transport is None:
            return ws
        socket = Socket(ws, request.transport, ROUTE, venue.ledger, venue.config.max_buffered, venue.hub.changed)
        now_us = socket.opened_us = venue.clock.now_us()
        session = self._sessions[socket] = Session(socket, request.transport, now_us, now_us)
        venue.hub.sockets.add(socket)
        venue.troubles.apply_to(socket)
        socket.note(now_us, "opened", streams=[], reason=None, form="json")
        try:
            await self._read(ws, session)
        finally:
            del self._sessions[socket]
            venue.hub.remove(socket)
            socket.closed(venue.clock.now_us(), clean=ws.close_code not in (None, WSCloseCode.ABNORMAL_CLOSURE))
        return ws

    def _refused(self, request: web.Request) -> bytes | None:
        """Why the handshake is not let in; a handshake that is not signed never is."""
        fault = self.venue.faults.first("unauthorized")
        if fault:
            fault.take()
            return b'{"code":"authentication_error","message":"authentication_error","details":"TOKEN_EXPIRED"}'
        try:
            self.account.require(request.headers, "GET", PATH, self.venue.clock.now_us() // 1000)
        except Unauthorized as unauthorized:
            return b'{"code":"authentication_error","message":"authentication_error","details":"%b"}' % str(unauthorized).encode()
        return None

    async def _read(self, ws: web.WebSocketResponse, session: Session) -> None:
        protocol = Protocol(self.venue, session.socket)
        async for message in ws:
            if session.socket.deaf or session.socket.closing:
                continue
            if message.type is WSMsgType.PING:
                session.socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                session.ponged_us = self.venue.clock.now_us()
            elif message.type is WSMsgType.TEXT:
                protocol.answer(message.data)

    def keep_house(self) -> None:
        """Once a second: heartbeats, and subscriptions whose reader is too slow."""
        now_us = self.venue.clock.now_us()
        for session in list(self._sessions.values()):
            if not session.socket.muted or session.socket.stalled:
                self._beat(session, now_us)
            self._overflow(session, now_us)

    def _beat(self, session: Session, now_us: int) -> None:
        interval_us = int(min(PING_SECONDS, self.venue.config.ping_seconds) * 1e6)
        if now_us - session.pinged_us < interval_us or self.venue.faults.first("no_ping") or session.transport.is_closing():
            return
        session.pinged_us = now_us
        session.transport.write(_PING)
        if now_us - session.ponged_us > PATIENCE_PINGS * interval_us:
            session.socket.drop("no pong")

    def _overflow(self, session: Session, now_us: int) -> None:
        """A reader so far behind loses its subscriptions, the socket stays: error 25."""
        if session.transport.is_closing() or session.transport.get_write_buffer_size() <= self.venue.config.subscription_bytes:
            return
        for one in list(self.venue.hub.of(session.socket).values()):
            if one.channel in CHANNELS:
                self.venue.end(one, *ENDS["overflow"], now_us)
