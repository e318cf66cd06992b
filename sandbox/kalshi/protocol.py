"""Commands of one socket and their answers: subscribe, unsubscribe, update_subscription, list_subscriptions.

Answers that belong to a numbered subscription take one of its numbers.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.kalshi.subscriptions import BY_MARKET, CHANNELS, ORDERBOOK, TICKER, Subscription
from sandbox.kalshi.wire import encode
from sandbox.sockets import Socket

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi

MESSAGES = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    26: "Subscription market limit exceeded",
}


class Refused(Exception):
    def __init__(self, code: int, one: Subscription | None = None) -> None:
        super().__init__(MESSAGES[code])
        self.code, self.one = code, one


class Protocol:
    def __init__(self, venue: "Kalshi", socket: Socket) -> None:
        self._venue, self._socket = venue, socket

    def answer(self, text: str) -> None:
        command, number = self._read(text)
        try:
            self._obey(command, number)
        except Refused as refused:
            body: dict[str, Any] = {"type": "error", "msg": {"code": refused.code, "msg": str(refused)}}
            if refused.one:
                body |= {"sid": refused.one.sid} | self._number(refused.one)
            self._say(body if number is None else {"id": number} | body)

    @staticmethod
    def _read(text: str) -> tuple[dict[str, Any], int | None]:
        try:
            command = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return {}, None
        if not isinstance(command, dict):
            return {}, None
        number = command.get("id")
        return command, number if isinstance(number, int) else None

    def _obey(self, command: dict[str, Any], number: int | None) -> None:
        if not command:
            raise Refused(1)
        name, params = command.get("cmd"), command.get("params")
        if name == "list_subscriptions":
            found = [{"channel": one.channel, "sid": one.sid} for one in self._venue.hub.of(self._socket).values()]
            self._say({"id": number, "type": "ok", "msg": found})
            return
        known = {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe, "update_subscription": self._update}
        if name not in known:
            raise Refused(5)
        if not isinstance(params, dict):
            raise Refused(2)
        known[name](params, number)

    # --- subscribe

    def _subscribe(self, params: dict[str, Any], number: int | None) -> None:
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise Refused(3)
        if any(channel not in CHANNELS for channel in channels):
            raise Refused(8)
        tickers = self._tickers(params)
        if ORDERBOOK in channels and tickers is None:
            raise Refused(14)
        for channel in channels:
            self._join(channel, tickers if channel in BY_MARKET else None, params, number)

    def _join(self, channel: str, tickers: list[str] | None, params: dict[str, Any], number: int | None) -> None:
        """Subscribing again to a channel adds markets to the subscription there is."""
        venue, known = self._venue, self._venue.hub.find(self._socket, channel)
        added = self._below_ceiling(known, tickers)
        one = known or venue.hub.open(self._socket, channel, added)
        if known and added is None:
            known.tickers = None
        elif known and known.tickers is not None:
            added = self._add(known, added or [])
        one.yes_price = params.get("use_yes_price") is True or (one.yes_price and known is not None)
        one.skip_ack = params.get("skip_ticker_ack") is True
        self._say({"id": number, "type": "subscribed", "msg": {"channel": channel, "sid": one.sid}})
        self._socket.note(venue.clock.now_us(), "subscribed", streams=[f"{channel} {one.sid}"], reason=None)
        self._greet(one, added, params, None)

    def _below_ceiling(self, known: Subscription | None, tickers: list[str] | None) -> list[str] | None:
        fault = self._venue.faults.first("ceiling")
        if fault is None or tickers is None:
            return tickers
        room = int(fault.fields["streams"]) - len(known.tickers or () if known else ())
        if len(tickers) > room and not fault.fields["silent"]:
            raise Refused(26, known)
        return tickers[: max(room, 0)]

    def _greet(self, one: Subscription, tickers: list[str] | None, params: dict[str, Any], number: int | None) -> None:
        if tickers and (one.channel == ORDERBOOK or (one.channel == TICKER and params.get("send_initial_snapshot") is True)):
            self._venue.hub.fresh.append((one, tickers, number))

    def _tickers(self, params: dict[str, Any]) -> list[str] | None:
        """The markets that are named, by ticker or by id; None where none is."""
        found = params.get("market_tickers", params.get("market_ticker"))
        if found is None:
            ids = params.get("market_ids", params.get("market_id"))
            if ids is None:
                return None
            wanted = {ids} if isinstance(ids, str) else set(ids)
            return [row.name for row in self._venue.universe.markets if row.market_id in wanted]
        found = [found] if isinstance(found, str) else found
        if not isinstance(found, list) or not found or not all(isinstance(name, str) and name for name in found):
            raise Refused(11)
        return list(dict.fromkeys(found))

    def _add(self, one: Subscription, tickers: list[str]) -> list[str]:
        """Those that were not in it before."""
        assert one.tickers is not None
        new = [name for name in tickers if name not in one.tickers]
        one.tickers |= dict.fromkeys(new)
        self._venue.hub.dirty = True
        return new

    # --- unsubscribe and update

    def _unsubscribe(self, params: dict[str, Any], number: int | None) -> None:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            raise Refused(4)
        mine = self._venue.hub.of(self._socket)
        for sid in sids:
            one = mine.get(sid)
            if one is None:
                raise Refused(7)
            body = {"id": number, "sid": sid, **self._number(one), "type": "unsubscribed"}
            self._venue.hub.close(one)
            self._say(body)
            self._socket.note(self._venue.clock.now_us(), "unsubscribed", streams=[f"{one.channel} {sid}"], reason="request")

    def _update(self, params: dict[str, Any], number: int | None) -> None:
        sids = [params["sid"]] if "sid" in params else params.get("sids")
        if not isinstance(sids, list) or len(sids) != 1:
            raise Refused(12)
        one = self._venue.hub.of(self._socket).get(sids[0])
        if one is None:
            raise Refused(7)
        action = params.get("action")
        if action is None:
            raise Refused(15, one)
        if action not in ("add_markets", "delete_markets", "get_snapshot") or (action == "get_snapshot" and one.channel != ORDERBOOK):
            raise Refused(13, one)
        tickers = self._tickers(params)
        if not tickers or one.tickers is None:
            raise Refused(14, one)
        if action == "get_snapshot":
            self._greet(one, [name for name in tickers if name in one.tickers], params, number)
            return
        if action == "add_markets":
            new = self._add(one, self._below_ceiling(one, tickers) or [])
        else:
            new = []
            for name in tickers:
                one.tickers.pop(name, None)
            self._venue.hub.dirty = True
        listed = {} if one.skip_ack else {"market_tickers": list(one.tickers)}
        self._say({"id": number, "sid": one.sid, **self._number(one), "type": "ok", "msg": listed})
        self._greet(one, new, params, None)

    @staticmethod
    def _number(one: Subscription) -> dict[str, int]:
        return {"seq": one.next_seq()} if CHANNELS[one.channel] else {}

    def _say(self, body: dict[str, Any]) -> None:
        body = {name: value for name, value in body.items() if name != "id" or value is not None}
        self._socket.say(encode(body), self._venue.clock.now_us())
