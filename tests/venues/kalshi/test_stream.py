"""Kalshi sockets: the address, signed handshakes, subscriptions, answers, and whom a frame belongs to."""

import json
from typing import Any

import pytest

from core.venue import Control
from tests.venues.kalshi.messages import MARKET, delta, frame, lifecycle, snapshot, ticker, trade
from venues import VENUES
from venues.kalshi import stream

VENUE = VENUES["kalshi"]
BOOKS, TRADES, TICKERS, LIFECYCLE, COMBOS = VENUE.channels
BY_MARKET = (BOOKS, TRADES, TICKERS)


def sent(texts: Any) -> list[dict[str, Any]]:
    return [json.loads(text) for text in texts]


def test_the_address_is_the_same_for_all_channels() -> None:
    for base in ("wss://external-api-ws.kalshi.com", "wss://external-api-ws.kalshi.com/"):
        assert {stream.url(base, channel, ["A"]) for channel in VENUE.channels} == {"wss://external-api-ws.kalshi.com/trade-api/ws/v2"}


def test_books_come_with_the_ticker_and_in_prices_of_yes() -> None:
    assert sent(stream.subscribe(BOOKS, ["A", "B"], 7)) == [
        {
            "id": 7,
            "cmd": "subscribe",
            "params": {
                "channels": ["orderbook_delta", "ticker"],
                "market_tickers": ["A", "B"],
                "skip_ticker_ack": True,
                "use_yes_price": True,
                "send_initial_snapshot": True,
            },
        }
    ]


@pytest.mark.parametrize(("channel", "more"), [(TRADES, {}), (TICKERS, {"send_initial_snapshot": True})], ids=["trade", "ticker"])
def test_other_channels_by_market(channel: Any, more: dict[str, Any]) -> None:
    params = {"channels": [channel.name], "market_tickers": ["A"], "skip_ticker_ack": True, **more}
    assert sent(stream.subscribe(channel, ["A"], 1)) == [{"id": 1, "cmd": "subscribe", "params": params}]


@pytest.mark.parametrize("channel", [LIFECYCLE, COMBOS], ids=lambda channel: channel.name)
def test_lifecycles_are_of_the_whole_venue(channel: Any) -> None:
    assert sent(stream.subscribe(channel, channel.topics, 1)) == [{"id": 1, "cmd": "subscribe", "params": {"channels": [channel.name]}}]
    assert sent(stream.unsubscribe(channel, channel.topics, 2)) == [{"id": 2, "cmd": "unsubscribe", "params": {"sids": [1]}}]


def test_markets_leave_every_subscription_of_their_socket() -> None:
    assert [
        (one["params"]["sid"], one["params"]["action"], one["params"]["market_tickers"])
        for one in sent(stream.unsubscribe(BOOKS, ["A"], 3))
    ] == [
        (1, "delete_markets", ["A"]),
        (2, "delete_markets", ["A"]),
    ]
    assert [one["params"]["sid"] for one in sent(stream.unsubscribe(TRADES, ["A"], 3))] == [1]


def test_books_can_be_had_anew() -> None:
    assert sent(stream.resync(BOOKS, ["A", "B"], 9)) == [
        {"id": 9, "cmd": "update_subscription", "params": {"sid": 1, "market_tickers": ["A", "B"], "action": "get_snapshot"}}
    ]
    for channel in (TRADES, TICKERS, LIFECYCLE):
        assert not stream.resync(channel, ["A"], 9)


@pytest.mark.parametrize("ask", [stream.subscribe, stream.unsubscribe, stream.resync])
def test_nothing_is_asked_for_nothing(ask: Any) -> None:
    assert all(not ask(channel, [], 1) for channel in VENUE.channels)


# --- what comes back


@pytest.mark.parametrize(
    "body", [snapshot(), delta(), ticker(), trade(), lifecycle(), lifecycle("multivariate_market_lifecycle"), b"{", b"[]"]
)
def test_data_is_nobodys_answer(body: bytes) -> None:
    assert stream.control(body) is None


def test_by_far_most_messages_need_no_question() -> None:
    assert snapshot().startswith(stream.data_prefix) and delta().startswith(stream.data_prefix)


def test_the_state_that_a_command_has_asked_for_is_data() -> None:
    answered = {"id": 9, **json.loads(snapshot())}
    assert stream.control(json.dumps(answered, separators=(",", ":")).encode()) is None


@pytest.mark.parametrize(
    ("body", "control"),
    [
        (b'{"type":"subscribed","id":1,"msg":{"channel":"trade","sid":2}}', Control("ack", 1)),
        (b'{"id":1,"type":"subscribed","msg":{"channel":"trade","sid":2}}', Control("ack", 1)),
        (frame("ok", {"market_tickers": ["A"]}, seq=22, id=5), Control("ack", 5, keep=True)),
        (b'{"id":3,"type":"ok","msg":[{"channel":"trade","sid":2}]}', Control("ack", 3)),
        (frame("unsubscribed", None, seq=9, id=6), Control("ack", 6, keep=True)),
        (b'{"id":4,"type":"error","msg":{"code":8,"msg":"Unknown channel name"}}', Control("error", 4, "8 Unknown channel name")),
        (frame("error", {"code": 13, "msg": "Unsupported action"}, seq=8, id=2), Control("error", 2, "13 Unsupported action", keep=True)),
        (
            frame("error", {"code": 25, "msg": "Subscription buffer overflow"}, seq=8),
            Control("ended", None, "25 Subscription buffer overflow", keep=True),
        ),
        (frame("error", {"code": 10, "msg": "Channel error"}, seq=None), Control("ended", None, "10 Channel error")),
        (b'{"type":"error","msg":"odd"}', Control("error", None, '"odd"')),
        (frame("error", {"code": 1, "msg": "x" * 5000}, seq=None), Control("error", None, f"1 {'x' * 298}")),
    ],
)
def test_answers(body: bytes, control: Control) -> None:
    assert stream.control(body) == control


@pytest.mark.parametrize("body", [snapshot(), delta(), ticker(), trade(), lifecycle()])
def test_a_frame_tells_its_market(body: bytes) -> None:
    assert stream.subscription(body) == MARKET


@pytest.mark.parametrize("body", [b"", b'{"type":"ok"}', b'{"market_ticker":"A', b'{"market_ticker":"\xff"}', b" " * 500 + delta()])
def test_one_that_does_not_tell(body: bytes) -> None:
    assert stream.subscription(body) == ""
