"""Tables: (time, what came) in, actions out. Nothing here waits."""

from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from core.journal import CONNECTED, DISCONNECTED, HEARTBEAT, PROVEN, SUBSCRIBED
from core.venue import Channel, Control, Limits
from streamers.session import Event, Reconnect, Rotate, Send, Session
from tests.streamers.peer import FixedStream, SilentStream, TinyStream

CHANNEL = Channel("trades", "trades", instruments_per_connection=500, first_frame_seconds=10.0, idle_seconds=30.0)
LIMITS = Limits(weight_per_minute=0, messages_per_second=2.0, connection_seconds=1000.0)


def session(symbols: str = "A B", *, stream: TinyStream | None = None, limits: Limits = LIMITS, **options: Any) -> Session:
    return Session(stream or TinyStream(), CHANNEL, limits, symbols.split(), **options)


def opened(symbols: str = "A B", **options: Any) -> Session:
    made = session(symbols, **options)
    made.opened(0.0)
    return made


def proven(symbols: str = "A B", **options: Any) -> Session:
    made = opened(symbols, **options)
    for symbol in symbols.split():
        made.data(f"s:{symbol} 1".encode())
    return made


def test_the_url_says_all_at_opening() -> None:
    assert session(about={"shard": "0"}).opened(5.0) == [Event(CONNECTED, {"shard": "0", "subscriptions": ["A", "B"]})]


def test_a_venue_that_is_asked_by_frames_is_asked_at_opening() -> None:
    made = session(stream=SilentStream(), url_subscribes=False)
    assert made.opened(5.0)[1:] == [Send("sub 1 A B")]
    assert not made.settled


def test_the_first_data_frame_proves_the_connection_and_each_symbol_its_subscription() -> None:
    made = opened()
    assert (made.data(b"s:A 1"), made.proving, made.unproven) == ([Event(PROVEN)], True, 1)
    assert (made.data(b"s:A 2"), made.proving, made.unproven) == ([], True, 1)
    assert (made.data(b"s:B 1"), made.proving, made.unproven) == ([], False, 0)


def test_an_ack_proves_nothing() -> None:
    made = opened()
    assert made.control(Control("ack", 1)) == []
    assert not made.proven
    assert made.tick(10.0, 0) == [Reconnect("no first frame")]


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (Control("error", 3, "2 bad"), [Event(SUBSCRIBED, {"error": "2 bad", "request_id": 3})]),
        (Control("pong"), []),
        (Control("closing", message="serverShutdown"), [Rotate("serverShutdown")]),
        (Control("closing"), [Rotate("venue closing")]),
    ],
)
def test_protocol_frames(control: Control, expected: list[Any]) -> None:
    assert proven().control(control) == expected


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        pytest.param([(9.9, 0)], [], id="the first frame may still come"),
        pytest.param([(10.0, 0)], [Reconnect("no first frame")], id="it has not come"),
        pytest.param([(10.0, 0), (11.0, 0)], [], id="told once"),
    ],
)
def test_first_frame_deadline(ticks: list[tuple[float, int]], expected: list[Any]) -> None:
    made = opened()
    *before, last = ticks
    for now, frames in before:
        made.tick(now, frames)
    assert made.tick(*last) == expected


def test_idle_is_the_age_of_the_last_data_frame() -> None:
    made = proven()
    assert made.tick(5.0, 7) == []
    assert made.tick(34.0, 7) == [Event(HEARTBEAT, {"silent_seconds": 29.0})]
    assert made.tick(35.0, 7) == [Reconnect("idle")]


def test_data_keeps_a_connection_alive() -> None:
    made = proven()
    assert [made.tick(now, int(now)) for now in (9.0, 18.0, 27.0, 36.0)] == [[], [], [], []]


@pytest.mark.parametrize("make", [opened, proven])
def test_silence_of_our_own_making_is_not_held_against_the_venue(make: Callable[[], Session]) -> None:
    made = make()
    assert made.tick(20.0, 0, paused=True) == []
    assert made.tick(29.0, 0) == []
    assert made.tick(50.0, 0)[-1] in (Reconnect("no first frame"), Reconnect("idle"))


def test_heartbeat_every_ten_seconds_without_a_batch() -> None:
    made = proven()
    made.tick(1.0, 1)
    found = [(now, made.tick(now, 1)) for now in (10.9, 11.0, 20.9, 21.0)]
    assert found == [
        (10.9, []),
        (11.0, [Event(HEARTBEAT, {"silent_seconds": 10.0})]),
        (20.9, []),
        (21.0, [Event(HEARTBEAT, {"silent_seconds": 20.0})]),
    ]


def test_a_silent_subscription_is_named_once_and_asked_for_again_once() -> None:
    made = opened()
    made.data(b"s:A 1")
    assert made.tick(49.9, 1) == []
    assert made.tick(50.0, 2) == [Event(SUBSCRIBED, {"unproven": ["B"]}), Send("sub 1 B")]
    assert made.tick(75.0, 3) == []
    assert made.tick(100.0, 4) == []
    assert (made.unproven, made.proving) == (1, True)
    made.data(b"s:B 1")
    assert (made.unproven, made.proving) == (0, False)


def test_frames_that_tell_no_symbol_end_the_proof_by_subscription() -> None:
    made = opened()
    made.data(b"whatever")
    assert made.tick(50.0, 1) == []
    assert (made.unproven, made.proving) == (0, False)


def test_change_on_the_open_connection() -> None:
    made = proven()
    assert made.change(["B", "C"], 1.0) == [Event(SUBSCRIBED, {"added": ["C"], "removed": ["A"]}), Send("unsub 1 A")]
    assert (made.unproven, made.proving, made.settled) == (1, True, False)
    assert made.tick(1.2, 1) == []
    assert made.tick(1.5, 2) == [Send("sub 2 C")]
    assert made.settled
    made.data(b"s:C 1")
    assert not made.proving


def test_change_to_the_same_symbols_says_nothing() -> None:
    assert proven().change(["B", "A"], 1.0) == []


def test_many_names_go_out_in_parts_of_two_hundred() -> None:
    made = proven(limits=Limits(0, 1000.0, inf))
    made.change([f"S{number}" for number in range(450)], 1.0)
    sent = [action.text.split() for now in range(2, 9) for action in made.tick(now, now) if isinstance(action, Send)]
    assert [(words[0], len(words) - 2) for words in sent] == [("sub", 200), ("sub", 200), ("sub", 50)]


def test_a_venue_that_cannot_change_is_rotated() -> None:
    made = proven(stream=FixedStream())
    assert made.change(["A", "B", "C"], 1.0) == [Rotate("subscriptions changed")]


@pytest.mark.parametrize(("jitter", "at"), [(0.0, 1000.0), (1.0, 900.0), (0.5, 950.0)])
def test_rotation_by_age_is_jittered_and_asked_once(jitter: float, at: float) -> None:
    made = proven(jitter=jitter)
    assert made.tick(at - 1, 1) == []
    assert made.tick(at, 2) == [Rotate("age")]
    assert made.tick(at + 1, 3) == []


def test_a_connection_ends_with_one_event() -> None:
    made = proven()
    assert made.closed("lost") == [Event(DISCONNECTED, {"cause": "lost"})]
    assert made.closed("again") == []
    assert made.tick(99.0, 0) == []
