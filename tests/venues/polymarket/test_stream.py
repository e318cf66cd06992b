"""The protocol of the market channel: texts to send, PONG, and which tokens a frame is about."""

import json

import pytest

from core.venue import Control
from tests.venues.polymarket.frames import BOOK, NO, TICK, TOP, TRADE, YES, change, changes, sent
from venues.polymarket import VENUE, stream

(CHANNEL,) = VENUE.channels


def test_the_first_request_of_a_connection_opens_the_channel() -> None:
    (text,) = stream.subscribe(CHANNEL, [YES, NO], 1)
    assert json.loads(text) == {"type": "market", "assets_ids": [YES, NO], "custom_feature_enabled": True}


def test_later_ones_are_operations() -> None:
    (text,) = stream.subscribe(CHANNEL, [YES], 2)
    assert json.loads(text) == {"operation": "subscribe", "assets_ids": [YES], "custom_feature_enabled": True}
    (text,) = stream.unsubscribe(CHANNEL, [YES], 3)
    assert json.loads(text) == {"operation": "unsubscribe", "assets_ids": [YES]}


def test_a_frame_holds_a_hundred_ids_at_most() -> None:
    many = [str(number) for number in range(250)]
    for ask in (stream.subscribe, stream.unsubscribe):
        parts = [json.loads(text)["assets_ids"] for text in ask(CHANNEL, many, 2)]
        assert [len(part) for part in parts] == [100, 100, 50] and [token for part in parts for token in part] == many
    assert CHANNEL.names_per_message == 100 and CHANNEL.instruments_per_connection <= 200


def test_a_book_is_asked_for_anew_by_giving_it_up() -> None:
    operations = [json.loads(text) for text in stream.resync(CHANNEL, [YES, NO], 1)]
    assert [operation["operation"] for operation in operations] == ["unsubscribe", "subscribe"]
    assert [operation["assets_ids"] for operation in operations] == [[YES, NO]] * 2


def test_the_venue_wants_to_hear_of_us() -> None:
    assert (CHANNEL.keepalive, CHANNEL.keepalive_seconds) == ("PING", 10)
    assert stream.greeting(CHANNEL, {}) == () and stream.headers(CHANNEL, {}, 0) == {}
    assert stream.url("wss://host/", CHANNEL, [YES]) == "wss://host/ws/market"


@pytest.mark.parametrize("frame", [b"PONG", b"PONG\n"])
def test_pong_is_the_only_frame_of_the_protocol(frame: bytes) -> None:
    assert stream.control(frame) == Control("pong")


@pytest.mark.parametrize("event", [BOOK, TRADE, TOP, TICK, changes(change())])
def test_all_others_are_data(event) -> None:
    assert stream.control(sent(event)) is None
    assert sent(event).startswith(stream.data_prefix)


SUBJECTS = [
    (sent(BOOK), YES),
    (sent(TRADE), YES),
    (sent(TICK), YES),
    (sent(changes(change(), change(NO))), f"{YES} {NO}"),
    (sent(BOOK, BOOK | {"asset_id": NO}, BOOK), f"{YES} {NO}"),
    (sent(changes(change(), change(NO)))[:200], YES),
    (b'{"event_type":"new_market","assets_ids":["1"]}', ""),
    (b'[{"event_type":"novelty"}]', ""),
    (b"PONG", ""),
    (b"", ""),
]


@pytest.mark.parametrize(("frame", "tokens"), SUBJECTS, ids=range(len(SUBJECTS)))
def test_a_frame_proves_every_token_it_is_about(frame: bytes, tokens: str) -> None:
    assert stream.subscription(frame) == tokens
