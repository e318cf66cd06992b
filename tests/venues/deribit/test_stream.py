"""Deribit sockets: the address, requests, heartbeats, answers, and whom a frame belongs to."""

import dataclasses
import json

import pytest

from core.venue import Control
from venues import VENUES
from venues.deribit import stream

VENUE = VENUES["deribit"]
QUOTE, TICKER, BOOK, TRADES, INDEX, PLATFORM = (
    VENUE.channel(name) for name in ("quote", "ticker", "book", "trades", "deribit_price_index", "platform_state")
)


def notification(name: str, data: str = "{}") -> bytes:
    return b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"%s","data":%s}}' % (name.encode(), data.encode())


# --- requests


def test_the_address_is_the_same_for_all_channels() -> None:
    for base in ("wss://www.deribit.com", "wss://www.deribit.com/"):
        assert {stream.url(base, channel, ["A"]) for channel in VENUE.channels} == {"wss://www.deribit.com/ws/api/v2"}


@pytest.mark.parametrize(
    ("channel", "symbol", "raw", "name"),
    [
        (QUOTE, "ETH-PERPETUAL", False, "quote.ETH-PERPETUAL"),
        (QUOTE, "ETH-PERPETUAL", True, "quote.ETH-PERPETUAL"),
        (TICKER, "ETH-PERPETUAL", False, "ticker.ETH-PERPETUAL.100ms"),
        (TICKER, "ETH-PERPETUAL", True, "ticker.ETH-PERPETUAL.raw"),
        (TRADES, "XRP_USDC-30JUN26-0d62-C", False, "trades.XRP_USDC-30JUN26-0d62-C.100ms"),
        (BOOK, "ETH-25DEC26", True, "book.ETH-25DEC26.raw"),
        (INDEX, "eth_usd", True, "deribit_price_index.eth_usd"),
        (PLATFORM, "platform_state", False, "platform_state"),
        (PLATFORM, "instrument.state.any.any", True, "instrument.state.any.any"),
    ],
)
def test_names_of_channels_and_back(channel, symbol: str, raw: bool, name: str) -> None:
    (request,) = stream.subscribe(dataclasses.replace(channel, raw=raw), [symbol], 7)
    assert json.loads(request) == {"jsonrpc": "2.0", "id": 7, "method": "public/subscribe", "params": {"channels": [name]}}
    assert stream.symbol_of(name) == symbol
    assert stream.subscription(notification(name)) == symbol


def test_a_request_names_at_most_500_channels() -> None:
    requests = [json.loads(request) for request in stream.subscribe(QUOTE, [f"S{i}" for i in range(1100)], 9)]
    assert [(len(request["params"]["channels"]), request["id"]) for request in requests] == [(500, 9), (500, 9), (100, 9)]


def test_an_unsubscribe_is_told_from_a_subscribe_by_its_id() -> None:
    (request,) = map(json.loads, stream.unsubscribe(TICKER, ["A"], 7))
    assert (request["method"], request["params"]) == ("public/unsubscribe", {"channels": ["ticker.A.100ms"]})
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": ["ticker.A.100ms"]}
    assert stream.control(json.dumps(answer).encode()) == Control("ack", 7, subscribed=None)


def test_a_connection_begins_with_a_heartbeat_and_a_login_where_there_is_one() -> None:
    heartbeat = ("public/set_heartbeat", {"interval": 30})
    login = ("public/auth", {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s3cret"})

    def asked(credentials, channel=TICKER):
        return [(frame["method"], frame["params"]) for frame in map(json.loads, stream.greeting(channel, credentials))]

    assert asked({}) == asked({"client_id": "me"}) == asked({"client_id": "me", "client_secret": ""}) == [heartbeat]
    assert asked({"client_id": "me", "client_secret": "s3cret"}) == [heartbeat, login]
    assert asked({"client_id": "me", "client_secret": "s3cret"}, QUOTE) == [heartbeat], "quotes come by change to everybody"


def test_a_login_says_how_it_is_renewed_and_keeps_its_token_to_itself() -> None:
    answer = {"id": 900_000_002, "result": {"access_token": "t0ken", "refresh_token": "s3cret", "expires_in": 1000, "scope": "connection"}}
    found = stream.control(json.dumps(answer).encode())
    assert (found.login, found.renew_seconds) == (True, 800.0)
    renewal = json.loads(found.renewal)
    assert (renewal["method"], renewal["params"]) == ("public/auth", {"grant_type": "refresh_token", "refresh_token": "s3cret"})
    assert renewal["id"] == 900_000_002, "its answer is the answer to a login"
    assert "s3cret" not in repr(found) and "t0ken" not in repr(found)


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ("connection mainaccount", ""),
        ("account:read block_trade:none trade:none wallet:read connection", ""),
        ("account:read_write connection trade:read_write wallet:read", "account:read_write, trade:read_write"),
    ],
)
def test_a_key_that_may_do_more_than_read_is_told_of(scope: str, named: str) -> None:
    answer = {"id": 900_000_002, "result": {"access_token": "t0ken", "refresh_token": "s3cret", "expires_in": 1000, "scope": scope}}
    found = stream.control(json.dumps(answer).encode())
    assert found is not None and found.login
    assert found.message == (f"the key may do more than read ({named}): give the farm one that may not" if named else "")


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b'{"id":900000002,"error":{"code":13004,"message":"invalid_credentials"}}', id="refused"),
        pytest.param(b'{"id":900000002,"result":{"access_token":"t0ken","refresh_token":7}}', id="of another shape"),
        pytest.param(b'{"id":900000002,"result":{"access_token":"t0ken","refr', id="torn"),
    ],
)
def test_a_login_that_cannot_be_used_is_an_error_without_its_token(frame: bytes) -> None:
    found = stream.control(frame)
    assert (found.type, found.login, found.renewal) == ("error", False, "")
    assert "t0ken" not in repr(found)


# --- answers


def test_a_test_request_is_answered_with_a_test() -> None:
    found = stream.control(b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}')
    assert found.type == "heartbeat"
    answer = json.loads(found.answer)
    assert (answer["method"], answer["jsonrpc"]) == ("public/test", "2.0")
    reply = {"jsonrpc": "2.0", "id": answer["id"], "result": {"version": "1.2.26"}, "testnet": False}
    assert stream.control(json.dumps(reply).encode()) == Control("pong", answer["id"])


def ids_of_greeting() -> list[int]:
    return [json.loads(frame)["id"] for frame in stream.greeting(TICKER, {"client_id": "a", "client_secret": "b"})]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param(
            b'{"jsonrpc":"2.0","id":3,"result":["ticker.ETH-PERPETUAL.100ms","ticker.X-0d62-C.100ms"],"usIn":1,"usOut":2,"usDiff":1}',
            Control("ack", 3, subscribed=("ETH-PERPETUAL", "X-0d62-C")),
            id="what is subscribed",
        ),
        pytest.param(b'{"id":3,"result":[]}', Control("ack", 3, subscribed=()), id="nothing of what was asked"),
        pytest.param(b'{"id":3,"result":"ok"}', Control("ack", 3), id="no list"),
        pytest.param(b'{"id":"x","result":["quote.A"]}', Control("ack"), id="not our id"),
        pytest.param(b'{"id":900000001,"result":"ok"}', Control("ack", 900_000_001), id="heartbeat set"),
        pytest.param(b'{"id":900000002,"result":{"access_token":"t"}}', Control("ack", 900_000_002, login=True), id="logged in"),
        pytest.param(b'{"method":"heartbeat","params":{"type":"heartbeat"}}', Control("heartbeat"), id="heartbeat"),
        pytest.param(
            b'{"id":5,"error":{"code":10028,"message":"too_many_requests"},"testnet":false}',
            Control("error", 5, "10028 too_many_requests"),
            id="too many requests",
        ),
        pytest.param(
            b'{"id":5,"error":{"code":-32602,"message":"Invalid params","data":{"reason":"wrong format","param":"channels"}}}',
            Control("error", 5, "-32602 Invalid params {'reason': 'wrong format', 'param': 'channels'}"),
            id="error with its data",
        ),
        pytest.param(
            b'{"id":1000000005,"error":{"code":11050,"message":"bad_request"}}', Control("error", 5, "11050 bad_request"), id="unsubscribe"
        ),
        pytest.param(b'{"id":null,"error":"plain words"}', Control("error", None, "plain words"), id="error in words"),
        pytest.param(notification("quote.A"), None, id="data"),
        pytest.param(b'{"params":{"channel":"quote.A","data":{}},"method":"subscription","jsonrpc":"2.0"}', None, id="data, other order"),
        pytest.param(b'{"method":"public/new","params":{}}', None, id="a method we do not know"),
        pytest.param(b'{"id":1}', None, id="neither result nor error"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"[]", None, id="list"),
        pytest.param(b'{"result"', None, id="torn"),
    ],
)
def test_answers_are_told_from_data(frame: bytes, expected) -> None:
    assert stream.control(frame) == expected


def test_a_heartbeat_of_unknown_shape_is_answered() -> None:
    assert stream.control(b'{"method":"heartbeat"}').answer
    assert stream.control(b'{"method":"heartbeat","params":[1]}').answer


def test_a_long_error_is_cut() -> None:
    assert len(stream.control(json.dumps({"id": 1, "error": {"code": 1, "message": "x" * 999}}).encode()).message) == 300
    assert len(stream.control(json.dumps({"id": 1, "error": "x" * 999}).encode()).message) == 300


@pytest.mark.parametrize(
    ("frame", "symbol"),
    [
        (b'{"params":{"data":{},"channel":"quote.A"},"method":"subscription"}', "A"),
        (notification("book.ETH-PERPETUAL.none.20.100ms"), "ETH-PERPETUAL"),
        (notification("announcements"), ""),
        (notification("x" * 500), ""),
        (notification("quote.\\u0041"), "A"),
        (notification("quote.\\x"), ""),
        (b'{"id":1,"result":["quote.A"]}', ""),
        (b'{"channel":"unended', ""),
        (b"", ""),
    ],
)
def test_whom_a_frame_belongs_to(frame: bytes, symbol: str) -> None:
    assert stream.subscription(frame) == symbol


def test_the_prefix_is_how_recorded_notifications_begin(recorded) -> None:
    frames = recorded("deribit")
    others = [frame for frame in frames if not frame.startswith(stream.data_prefix)]
    assert len(frames) == 127
    assert [stream.control(frame).type for frame in others] == ["ack"]
    assert len(stream.control(others[0]).subscribed) == 30
