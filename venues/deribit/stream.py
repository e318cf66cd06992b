"""Deribit sockets: one address, JSON-RPC requests and answers, heartbeats. Must not know sockets or clocks; frames.py has the rows."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from core.records import BOOK_DELTAS
from core.venue import Channel, Control
from venues.decoding import REASON_CHARACTERS, UNREADABLE
from venues.deribit import wire

#: As each recorded notification begins, 2019 to 2026. One with its keys in another order is no answer, so it is journaled as well.
data_prefix = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'

#: More in one call is advised against (documents).
CHANNELS_PER_REQUEST = 500
#: 10 is the least. A test_request left unanswered for 10 s ends the session (probe of 2026-09-22).
HEARTBEAT_SECONDS = 30
#: A token is renewed when so much of its life is over.
RENEW_SHARE = 0.8
_TOKEN_KEY = b'_token"'
#: Ids of requests of our own, above any count of subscribe calls; what an unsubscribe answers is not a list of what is subscribed.
_HEARTBEAT_ID, _AUTH_ID, _TEST_ID = 900_000_001, 900_000_002, 900_000_003
_UNSUBSCRIBE_BASE = 1_000_000_000
_TEST = json.dumps({"jsonrpc": "2.0", "id": _TEST_ID, "method": "public/test", "params": {}})

#: channel -> what stands behind the instrument or index in the venue's name for it
_INTERVALS = {"ticker": ".100ms", "trades": ".100ms", "book": ".100ms"}
#: The one channel whose topics are whole names, of feeds about the venue as such.
PLATFORM = "platform_state"


def greeting(channel: Channel, credentials: Mapping[str, str]) -> Sequence[str]:
    """Heartbeats, and a login where it gives more and there are `client_id` and `client_secret`. A token is bound to its socket."""
    frames = [_request("public/set_heartbeat", {"interval": HEARTBEAT_SECONDS}, _HEARTBEAT_ID)]
    if channel.login and credentials.get("client_id") and credentials.get("client_secret"):
        login = {"grant_type": "client_credentials", **{name: credentials[name] for name in ("client_id", "client_secret")}}
        frames.append(_request("public/auth", login, _AUTH_ID))
    return frames


def url(base: str, channel: Channel, symbols: Sequence[str]) -> str:
    return f"{base.rstrip('/')}/ws/api/v2"


def headers(channel: Channel, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
    """The login is a greeting."""
    return {}


def resync(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    """A book begins with its whole state when it is subscribed to, so it is given up and asked for again."""
    if channel.kind != BOOK_DELTAS.name:
        return ()
    return (*unsubscribe(channel, symbols, request_id), *subscribe(channel, symbols, request_id))


def subscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    return _requests("public/subscribe", _names(channel, symbols), request_id)


def unsubscribe(channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
    return _requests("public/unsubscribe", _names(channel, symbols), _UNSUBSCRIBE_BASE + request_id)


def _names(channel: Channel, symbols: Sequence[str]) -> list[str]:
    if channel.name == PLATFORM:
        return list(symbols)
    interval = _INTERVALS.get(channel.name, "")
    return [f"{channel.name}.{symbol}{'.raw' if channel.raw and interval else interval}" for symbol in symbols]


def _requests(method: str, names: Sequence[str], request_id: int) -> list[str]:
    parts = [names[i : i + CHANNELS_PER_REQUEST] for i in range(0, len(names), CHANNELS_PER_REQUEST)]
    return [_request(method, {"channels": part}, request_id) for part in parts]


def _request(method: str, params: Mapping[str, object], request_id: int) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}, ensure_ascii=False)


_ANSWER = msgspec.json.Decoder(wire.Answer)
_NAMES = msgspec.json.Decoder(list[str])
_TOKENS = msgspec.json.Decoder(wire.Tokens)
_HEARTBEAT = msgspec.json.Decoder(wire.HeartbeatParams)


def control(frame: bytes) -> Control | None:
    if frame.startswith(data_prefix):
        return None
    try:
        answer = _ANSWER.decode(frame)
    except UNREADABLE:
        # A secret belongs neither into the journal nor into quarantine.
        return Control("error", message="an unreadable answer to a login", login=False) if _TOKEN_KEY in frame else None
    if answer.method == "heartbeat":
        return _heartbeat(answer)
    if answer.method:  # a notification is data, also when its keys stand in another order
        return None
    request_id = answer.id if isinstance(answer.id, int) else None
    if answer.error is not None:
        return Control("error", _asked(request_id), _explained(answer.error), login=False if request_id == _AUTH_ID else None)
    if not answer.result:
        return None
    if request_id == _AUTH_ID:
        return _login(answer)
    if request_id == _TEST_ID:
        return Control("pong", request_id)
    return Control("ack", _asked(request_id), subscribed=_subscribed(answer, request_id))


def _login(answer: wire.Answer) -> Control:
    """The token that renews is bound to this socket like the one that it renews."""
    try:
        found = _TOKENS.decode(answer.result)
    except UNREADABLE:
        return Control("error", _AUTH_ID, "an unreadable answer to a login", login=False)
    told = _more_than_reading(found.scope)
    if not found.refresh_token or not found.expires_in:
        return Control("ack", _AUTH_ID, told, login=True)
    renewal = _request("public/auth", {"grant_type": "refresh_token", "refresh_token": found.refresh_token}, _AUTH_ID)
    return Control("ack", _AUTH_ID, told, login=True, renewal=renewal, renew_seconds=found.expires_in * RENEW_SHARE)


def _more_than_reading(scope: str) -> str:
    """What is to be told of a key that may do more than a recorder needs; empty: it may not, or the venue does not say."""
    writes = sorted(word for word in scope.split() if word.endswith(":read_write"))
    return f"the key may do more than read ({', '.join(writes)[:REASON_CHARACTERS]}): give the farm one that may not" if writes else ""


def _heartbeat(answer: wire.Answer) -> Control:
    try:
        wanted = _HEARTBEAT.decode(answer.params).type == "test_request"
    except UNREADABLE:
        wanted = True  # an answer too many costs nothing, one too few the session
    return Control("heartbeat", answer=_TEST if wanted else "")


def _asked(request_id: int | None) -> int | None:
    return request_id - _UNSUBSCRIBE_BASE if request_id is not None and request_id >= _UNSUBSCRIBE_BASE else request_id


def _explained(fault: wire.Fault | str) -> str:
    """After 10028 (too many requests) the venue ends the session by itself, and the way back keeps the delays of any lost one."""
    if isinstance(fault, str):
        return fault[:REASON_CHARACTERS]
    detail = fault.data if fault.data is not None else ""
    return f"{fault.code} {fault.message} {detail}".rstrip()[:REASON_CHARACTERS]


def _subscribed(answer: wire.Answer, request_id: int | None) -> tuple[str, ...] | None:
    """What is missing from the list was refused without a word: an unknown instrument, an interval that does not exist (probes)."""
    if request_id is None or request_id >= _HEARTBEAT_ID:
        return None
    try:
        return tuple(symbol_of(name) for name in _NAMES.decode(answer.result))
    except UNREADABLE:
        return None


#: A name ends within this many bytes or is none, so that a large foreign frame costs nothing.
_NAME_BYTES = 200
_CHANNEL_KEY = b'"channel":"'


def subscription(frame: bytes) -> str:
    """The instrument, index or topic in the channel's name, in the venue's own case: `d` is the point in a strike below 1."""
    start = len(data_prefix)
    if not frame.startswith(data_prefix):
        start = frame.find(_CHANNEL_KEY, 0, _NAME_BYTES) + len(_CHANNEL_KEY)
        if start < len(_CHANNEL_KEY):
            return ""
    end = frame.find(b'"', start, start + _NAME_BYTES)
    return _symbol(frame[start:end]) if end > 0 else ""


@lru_cache(maxsize=8192)  # asked for every frame, and the names are few
def _symbol(name: bytes) -> str:
    try:
        return symbol_of(msgspec.json.decode(b'"' + name + b'"', type=str))
    except UNREADABLE:
        return ""


def symbol_of(name: str) -> str:
    """`ticker.ETH-PERPETUAL.100ms` -> `ETH-PERPETUAL`; feeds of the whole venue are their own topics."""
    family, _, rest = name.partition(".")
    return name if family in ("platform_state", "instrument") else rest.partition(".")[0]
