"""The WebSocket door: subscriptions, heartbeats, logins, credits, and the ends of sockets."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.deribit import channels, rpc
from sandbox.deribit.credits import Credits
from sandbox.deribit.methods import Methods
from sandbox.deribit.rpc import Params, Refused
from sandbox.deribit.venue import Deribit
from sandbox.deribit.wire import encode
from sandbox.sockets import CLOSE_SECONDS, Socket

ROUTE = "ws"
PATH = "/deribit/ws/api/v2"


@dataclass
class Session:
    """What the venue remembers of one socket."""

    socket: Socket
    address: str
    interval_us: int = 0  # of heartbeats, 0 while none are asked for
    beat_us: int = 0
    beats: int = 0
    asked_us: int = 0  # when a test_request went out that is not answered yet
    quiet_since_us: int = 0  # no subscription and no heartbeat since then
    account: str = ""
    expires_us: int = 0

    def authenticated(self, now_us: int) -> bool:
        return now_us < self.expires_us


@dataclass
class Door:
    venue: Deribit
    methods: Methods
    credits: Credits
    _sessions: dict[Socket, Session] = field(default_factory=dict)
    _refresh_tokens: set[str] = field(default_factory=set)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._serve)

    def connections(self, address: str) -> int:
        return sum(session.address == address for session in self._sessions.values())

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        venue, address = self.venue, request.remote or ""
        if venue.faults.first("maintenance"):
            return web.Response(status=503)
        if self.connections(address) >= venue.config.connections:
            return web.Response(status=429)
        ws = web.WebSocketResponse(autoping=False, compress=False, timeout=CLOSE_SECONDS, max_msg_size=1024 * 1024)
        await ws.prepare(request)
        if request.transport is None:
            return ws
        socket = Socket(ws, request.transport, ROUTE, venue.ledger, venue.config.max_buffered, venue.hub.changed)
        socket.opened_us = venue.clock.now_us()
        session = self._sessions[socket] = Session(socket, address, quiet_since_us=socket.opened_us)
        venue.hub.sockets.add(socket)
        venue.troubles.apply_to(socket)
        socket.note(socket.opened_us, "opened", streams=[], reason=None, form="json-rpc")
        try:
            await self._read(ws, session)
        finally:
            del self._sessions[socket]
            venue.hub.remove(socket)
            socket.closed(venue.clock.now_us(), clean=ws.close_code not in (None, WSCloseCode.ABNORMAL_CLOSURE))
        return ws

    async def _read(self, ws: web.WebSocketResponse, session: Session) -> None:
        async for message in ws:
            if session.socket.deaf or session.socket.closing:
                continue
            if message.type is WSMsgType.PING:
                session.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._answer(session, message.data)

    def _answer(self, session: Session, text: str) -> None:
        began_us, request_id = self.venue.clock.now_us(), None
        try:
            request = rpc.parsed(text)
            request_id = request.id
            self._charge(session, request.method)
            body = rpc.answer(request_id, self._result(session, request.method, Params(request.params)), began_us)
        except Refused as refused:
            session.socket.say(rpc.refusal(request_id, refused, began_us), began_us)
            if refused.fatal:
                session.socket.close(1000, "too_many_requests", "too_many_requests")
            return
        session.socket.say(body, began_us)

    def _charge(self, session: Session, method: str) -> None:
        fault = self.venue.faults.first("too_many_requests")
        if fault:
            fault.take()
        if fault or not self.credits.charge(session.account or session.address, method):
            raise rpc.too_many_requests()

    def _result(self, session: Session, method: str, params: Params) -> Any:
        own: dict[str, Callable[[Session, Params], Any]] = {
            "public/subscribe": self._subscribe,
            "public/unsubscribe": self._unsubscribe,
            "public/unsubscribe_all": self._unsubscribe_all,
            "public/set_heartbeat": self._set_heartbeat,
            "public/disable_heartbeat": self._disable_heartbeat,
            "public/test": self._test,
            "public/auth": self._auth,
        }
        if method in own:
            return own[method](session, params)
        return self.methods.result(method, params)

    # --- subscriptions

    def _subscribe(self, session: Session, params: Params) -> list[str]:
        """What was subscribed, in the venue's own order; what is unknown is left out without a word."""
        venue, names = self.venue, params.names("channels")
        now_us, socket = venue.clock.now_us(), session.socket
        if any(name.endswith(".raw") for name in names) and not session.authenticated(now_us):
            raise Refused(13778, "raw_subscriptions_not_available_for_unauthorized")
        self._expire(names)
        open_index, omitted = venue.open_index, self._omitted(names)
        found = [channels.parse(name, open_index) for name in names]
        chosen = {channel.name: channel for channel in found if channel and channel.name not in omitted}
        chosen = self._below_ceiling(socket, chosen)
        for channel in chosen.values():
            venue.hub.subscribe(socket, channel)
        if chosen:
            socket.note(now_us, "subscribed", streams=list(chosen), reason=None)
        self._watch_quiet(session)
        return sorted(chosen, reverse=True)

    def _below_ceiling(self, socket: Socket, chosen: dict[str, channels.Channel]) -> dict[str, channels.Channel]:
        fault = self.venue.faults.first("ceiling")
        if fault is None:
            return chosen
        room = int(fault.fields["streams"]) - len(socket.streams)
        if len(chosen) > room and not fault.fields["silent"]:
            raise rpc.too_many_requests()
        return dict(list(chosen.items())[: max(room, 0)])

    def _omitted(self, names: list[str]) -> set[str]:
        """Fault: names that are left out of the answer and get nothing."""
        fault = self.venue.faults.first("omit")
        if fault is None or not names:
            return set()
        omitted = set(names[:1] if fault.fields["names"] is None else fault.fields["names"]) & set(names)
        fault.take(bool(omitted))
        return omitted

    def _expire(self, names: list[str]) -> None:
        """Fault: an instrument that ends between its listing and this request."""
        fault = self.venue.faults.first("expire_on_subscribe")
        if fault is None:
            return
        found = [channel.symbol for name in names if (channel := channels.parse(name, self.venue.open_index)) and channel.symbol >= 0]
        wanted = fault.fields["symbol"]
        found = [symbol for symbol in found if wanted in (None, self.venue.names[symbol])]
        if found:
            self.venue.set_state(found[:1], "delivered")
            fault.take()

    def _unsubscribe(self, session: Session, params: Params) -> list[str]:
        removed = [name for name in params.names("channels") if self.venue.hub.unsubscribe(session.socket, name)]
        session.socket.note(self.venue.clock.now_us(), "unsubscribed", streams=removed, reason="request")
        self._watch_quiet(session)
        return removed

    def _unsubscribe_all(self, session: Session, params: Params) -> str:
        self._unsubscribe(session, Params({"channels": list(session.socket.streams)}))
        return "ok"

    # --- staying alive

    def _set_heartbeat(self, session: Session, params: Params) -> str:
        seconds, least = params.number("interval"), self.venue.config.heartbeat_seconds
        if seconds < least:
            raise rpc.invalid("interval", f"must be at least {least:g}")
        session.interval_us, session.beat_us = seconds * 1_000_000, self.venue.clock.now_us()
        return "ok"

    def _disable_heartbeat(self, session: Session, params: Params) -> str:
        session.interval_us = session.asked_us = 0
        self._watch_quiet(session)
        return "ok"

    def _test(self, session: Session, params: Params) -> Any:
        session.asked_us = 0
        return self.methods.result("public/test", params)

    def _watch_quiet(self, session: Session) -> None:
        session.quiet_since_us = self.venue.clock.now_us()

    def keep_house(self) -> None:
        """Once a second: heartbeats, and the end of sockets that do not answer or are for nothing."""
        now_us = self.venue.clock.now_us()
        for session in list(self._sessions.values()):
            self._beat(session, now_us)
            quiet = not session.socket.streams and not session.interval_us
            if session.asked_us and now_us - session.asked_us > self.venue.config.answer_seconds * 1e6:
                session.socket.close(4000, "heartbeat close", "heartbeat close")
            elif quiet and now_us - session.quiet_since_us > self.venue.config.idle_seconds * 1e6:
                session.socket.drop("idle")  # clients see 1006 (probe of 2026-09)

    def _beat(self, session: Session, now_us: int) -> None:
        """A heartbeat and a test_request in turn."""
        if not session.interval_us or now_us - session.beat_us < session.interval_us or self.venue.faults.first("no_heartbeat"):
            return
        session.beat_us, session.beats = now_us, session.beats + 1
        asking = session.beats % 2 == 0
        if asking and not session.asked_us:
            session.asked_us = now_us
        kind = "test_request" if asking else "heartbeat"
        session.socket.say(encode({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}}), now_us)

    # --- login

    def _auth(self, session: Session, params: Params) -> dict[str, Any]:
        grant = params.text("grant_type")
        if grant == "client_credentials":
            given = f"{params.text('client_id')}:{params.text('client_secret')}"
            if not secrets.compare_digest(given, self.venue.config.login):
                raise Refused(rpc.INVALID_CREDENTIALS, "invalid_credentials")
        elif grant == "refresh_token":
            if params.text("refresh_token") not in self._refresh_tokens:
                raise Refused(rpc.INVALID_CREDENTIALS, "invalid_credentials")
            self._refresh_tokens.discard(params.text("refresh_token"))
        else:
            raise rpc.invalid("grant_type", "unsupported grant type")
        return self._tokens(session)

    def _tokens(self, session: Session) -> dict[str, Any]:
        seconds, refresh = self.venue.config.token_seconds, secrets.token_urlsafe(24)
        self._refresh_tokens.add(refresh)
        session.account = "account of the login"
        session.expires_us = self.venue.clock.now_us() + seconds * 1_000_000
        tokens = {"access_token": secrets.token_urlsafe(24), "refresh_token": refresh}
        scope = "connection mainaccount name:sandbox"
        return {**tokens, "expires_in": seconds, "scope": scope, "token_type": "bearer", "enabled_features": [], "sid": None}
