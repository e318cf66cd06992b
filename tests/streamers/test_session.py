"""Tables: (time, what came) in, actions out. Nothing here waits."""

from collections.abc import Callable, Sequence
from dataclasses import replace
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
    assert made.control(Control("ack", 1), 1.0) == []
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
    assert proven().control(control, 1.0) == expected


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


def test_a_frame_about_several_symbols_proves_each() -> None:
    made = session()
    made.opened(0.0)
    made.data(b"s:A+B 1")
    assert (made.proving, made.unproven) == (False, 0)


def test_a_silent_subscription_is_named_once_and_asked_for_again_once() -> None:
    made = opened()
    made.data(b"s:A 1")
    assert made.tick(49.9, 1) == []
    assert made.tick(50.0, 2) == [Event(SUBSCRIBED, {"unproven": ["B"], "seconds": 50.0}), Send("sub 1 B")]
    assert made.tick(75.0, 3) == []
    assert made.tick(100.0, 4) == []
    assert (made.unproven, made.proving) == (1, True)
    made.data(b"s:B 1")
    assert (made.unproven, made.proving) == (0, False)


def test_where_books_are_kept_a_silent_subscription_is_made_anew_and_once_more_when_it_speaks_after_all() -> None:
    made = Session(TinyStream(), replace(CHANNEL, book_tops=True), replace(LIMITS, messages_per_second=1000.0), ["A", "B", "C"])
    made.opened(0.0)
    made.data(b"s:A 1")
    assert made.tick(50.0, 2)[1:] == [Send("resync 1 B C")]
    made.data(b"s:B 1")
    made.data(b"s:C 1")
    # Together: a venue bounds what is said a second.
    assert made.tick(50.3, 3) == [Event(SUBSCRIBED, {"resync": ["B", "C"]}), Send("resync 2 B C")]


def test_frames_that_tell_no_symbol_end_the_proof_by_subscription() -> None:
    made = opened()
    made.data(b"whatever")
    assert made.tick(50.0, 1) == []
    assert (made.unproven, made.proving) == (0, False)


def test_the_greeting_goes_before_the_subscriptions() -> None:
    made = session(stream=SilentStream(), url_subscribes=False, greeting=["hello", "secret"])
    assert made.opened(5.0)[1:] == [Send("hello")]
    assert [made.tick(now, 0) for now in (5.4, 5.5, 6.0)] == [[], [Send("secret")], [Send("sub 1 A B")]]
    assert "secret" not in repr(Send("secret"))


def test_an_answer_does_not_wait_behind_subscriptions_but_counts_as_a_message() -> None:
    made = session(stream=SilentStream(), url_subscribes=False, greeting=["hello"])
    made.opened(5.0)
    assert made.control(Control("pong", answer="here"), 5.1) == [Send("here")]
    assert [made.tick(now, 0) for now in (5.5, 5.6)] == [[], [Send("sub 1 A B")]]


def ack(request_id: int, granted: str = "") -> Control:
    return Control("ack", request_id, subscribed=tuple(granted.split()))


REFUSED_B = Event(SUBSCRIBED, {"unproven": ["B"], "cause": "not subscribed"})


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([(1, ack(1, "C B A")), (40, None)], {}, id="all were granted, in another order"),
        pytest.param([(1, Control("ack", 1)), (40, None)], {}, id="an ack that lists nothing says nothing"),
        pytest.param([(1, ack(9, "A")), (40, None)], {}, id="an answer to something else"),
        pytest.param([(1, ack(1, "A C")), (5.9, None)], {}, id="left out, and given time"),
        pytest.param([(1, ack(1, "A C")), (6, None), (40, None)], {6: [Send("sub 2 B")]}, id="asked for once more, no answer"),
        pytest.param([(1, ack(1, "A C")), (6, None), (7, ack(2, "B")), (40, None)], {6: [Send("sub 2 B")]}, id="granted then"),
        pytest.param(
            [(1, ack(1, "A C")), (6, None), (7, ack(2)), (8, ack(2)), (40, None), (99, None)],
            {6: [Send("sub 2 B")], 7: [REFUSED_B]},
            id="refused twice: told once, not asked for again",
        ),
        pytest.param([(1, ack(1, "A")), (2, ack(1, "B C")), (40, None)], {}, id="an answer in two parts"),
        pytest.param([(1, ack(1, "A C")), (2, ack(1, "A C")), (5, None)], {}, id="the same answer twice"),
        pytest.param([(1, ack(1, "A C")), (2, b"s:B 1"), (40, None)], {}, id="a frame outweighs an ack"),
        pytest.param(
            [(1, ack(1, "A C")), (2, ("A", "C")), (40, None)],
            {2: [Event(SUBSCRIBED, {"added": [], "removed": ["B"]}), Send("unsub 2 B")]},
            id="it has left the universe",
        ),
        pytest.param(
            [(2, ("A", "C")), (3, ack(2)), (40, None)],
            {2: [Event(SUBSCRIBED, {"added": [], "removed": ["B"]}), Send("unsub 2 B")]},
            id="the answer to an unsubscription is no refusal",
        ),
        pytest.param(
            [(1, ack(1, "A C")), (6, None), (7, ack(2)), (8, ("A", "B")), (9, None), (10, ack(4)), (15, None), (16, ack(5))],
            {
                6: [Send("sub 2 B")],
                7: [REFUSED_B],
                8: [Event(SUBSCRIBED, {"added": [], "removed": ["C"]}), Send("unsub 3 C")],
                9: [Send("sub 4 B")],
                15: [Send("sub 5 B")],
                16: [REFUSED_B],
            },
            id="the universe has changed: asked for and told anew",
        ),
    ],
)
def test_an_ack_that_leaves_a_name_out(steps: list[tuple[float, Any]], expected: dict[float, list[Any]]) -> None:
    made = session("A B C", stream=SilentStream(), url_subscribes=False)
    made.opened(0.0)
    made.data(b"s:A 1")
    made.data(b"s:C 1")
    found = {}
    for frames, (now, step) in enumerate(steps, start=1):
        match step:
            case Control():
                actions = made.control(step, now)
            case bytes():
                actions = made.data(step)
            case None:
                actions = made.tick(now, frames)
            case symbols:
                actions = made.change(symbols, now)
        if actions:
            found[now] = actions
    assert found == expected


def test_a_refused_name_is_not_waited_for_and_stays_counted() -> None:
    made = session(stream=SilentStream(), url_subscribes=False)
    made.opened(0.0)
    made.control(ack(1, "A"), 1.0)
    made.tick(6.0, 0)
    made.control(ack(2), 7.0)
    made.data(b"s:A 1")
    assert (made.unproven, made.proving, made.settled) == (1, False, True)


def test_a_connection_to_which_nothing_was_granted_is_given_up() -> None:
    made = session("B", stream=SilentStream(), url_subscribes=False)
    made.opened(0.0)
    made.control(ack(1), 1.0)
    assert made.tick(6.0, 0) == [Send("sub 2 B")]
    assert made.control(ack(2), 7.0) == [REFUSED_B]
    assert made.tick(10.0, 0) == [Reconnect("no first frame")]


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


def test_a_venue_that_wants_to_hear_a_word_hears_it_and_nothing_else_counts_as_data() -> None:
    channel = replace(CHANNEL, keepalive="PING", keepalive_seconds=4.0)
    made = Session(TinyStream(), channel, LIMITS, ["A"])
    made.opened(0.0)
    assert [(at, made.tick(at, 0)) for at in (3.9, 4.0, 7.9, 8.0)] == [(3.9, []), (4.0, [Send("PING")]), (7.9, []), (8.0, [Send("PING")])]
    assert made.tick(10.0, 0) == [Reconnect("no first frame")]


def test_a_frame_names_no_more_than_the_venue_takes() -> None:
    channel = replace(CHANNEL, names_per_message=2)
    made = Session(SilentStream(), channel, LIMITS, list("ABCDE"), url_subscribes=False)
    said = [*made.opened(0.0)[1:], *made.tick(0.5, 0), *made.tick(1.0, 0), *made.tick(9.0, 0)]
    assert said == [Send("sub 1 A B"), Send("sub 2 C D"), Send("sub 3 E")]


def test_what_is_not_granted_any_more_when_its_state_is_asked_for_anew_is_told() -> None:
    made = proven("A B", stream=SilentStream(), url_subscribes=False)
    made.control(Control("ack", 1, subscribed=("A", "B")), 1.0)
    made.resync(["A", "B"], 2.0)
    assert made.control(Control("ack", 2, subscribed=("A",)), 3.0) == []
    assert Send("sub 3 B") in made.tick(8.0, 1)
    assert made.control(Control("ack", 3, subscribed=()), 9.0) == [REFUSED_B]


def test_what_is_refused_is_told_once_and_asked_for_now_and_then() -> None:
    made = proven("A B", stream=SilentStream(), url_subscribes=False)
    asked = []
    for second in range(1, 1000):
        for said in made.tick(float(second), second):
            if isinstance(said, Send):
                answer = Control("ack", int(said.text.split()[1]), subscribed=())
                asked.append((second, said.text, made.control(answer, float(second))))
        if second == 1:
            made.control(Control("ack", 1, subscribed=("A",)), 1.0)
    assert asked == [(6, "sub 2 B", [REFUSED_B]), (306, "sub 3 B", []), (606, "sub 4 B", []), (906, "sub 5 B", [])]
    assert made.unproven == 1


# --- login
GRANTED = Control("ack", login=True, renewal="renew t0ken", renew_seconds=80.0)


def logging_in(symbols: str = "A B") -> Session:
    made = session(symbols, stream=RawStream(), url_subscribes=False, greeting=["login"], logs_in=True)
    assert made.opened(0.0)[1:] == [Send("login")]
    assert made.tick(1.0, 0) == []
    return made


class RawStream(SilentStream):
    def subscribe(self, channel: Channel, symbols: Sequence[str], request_id: int) -> Sequence[str]:
        return [f"sub {request_id} {' '.join(symbols)}{' raw' if channel.raw else ''}"]


def test_what_needs_a_login_is_asked_for_once_it_is_in_force() -> None:
    made = logging_in()
    assert made.change(["A", "C"], 1.5) == [Event(SUBSCRIBED, {"added": ["C"], "removed": ["B"]})]
    assert made.resync(["A"], 1.6) == []
    assert made.control(GRANTED, 2.0) == [Event(SUBSCRIBED, {"login": True}), Send("sub 1 A C raw")]
    assert made.change(["A", "C", "D"], 3.0)[1:] == [Send("sub 2 D raw")]


def test_a_login_that_is_refused_leaves_what_needs_none() -> None:
    assert logging_in().control(Control("error", message="invalid", login=False), 2.0) == [
        Event(SUBSCRIBED, {"login": False}),
        Send("sub 1 A B"),
        Event(SUBSCRIBED, {"error": "invalid", "request_id": None}),
    ]


def test_a_login_that_is_not_answered_leaves_what_needs_none() -> None:
    made = logging_in()
    assert made.tick(4.9, 0) == []
    assert made.tick(5.0, 0) == [Send("sub 1 A B")]


def test_a_login_is_renewed_before_it_runs_out() -> None:
    made = logging_in()
    made.control(GRANTED, 2.0)
    made.data(b"s:A 1")
    assert Send("renew t0ken") not in made.tick(81.9, 1)
    assert Send("renew t0ken") in made.tick(82.0, 2)
    assert Send("renew t0ken") not in made.tick(83.0, 3), "once"
    assert made.control(GRANTED, 83.0) == []
    assert Send("renew t0ken") in made.tick(163.0, 4)
    assert "t0ken" not in repr(made.tick(163.0, 5)) + repr(GRANTED)


def test_a_renewal_that_is_refused_needs_a_new_connection() -> None:
    made = logging_in()
    made.control(GRANTED, 2.0)
    assert made.control(Control("error", message="invalid", login=False), 83.0)[0] == Rotate("login refused")


def test_a_venue_that_ends_what_was_subscribed_gets_a_new_connection_at_once() -> None:
    made = proven()
    assert made.control(Control("ended", message="25 overflow"), 3.0) == [Reconnect("25 overflow")]
    assert made.control(Control("ended", message="25 overflow"), 3.0) == []
    assert made.tick(1_000_000.0, 0) == [], "one end is enough"
