"""streamers.session: a state that is wanted anew."""

from core.journal import SUBSCRIBED
from streamers.session import Event, Send
from tests.streamers.test_session import proven


def test_a_whole_state_is_asked_for_anew_of_what_is_subscribed_here() -> None:
    made = proven("A B")
    assert made.resync(["B", "X"], 5.0) == [Event(SUBSCRIBED, {"resync": ["B"]}), Send("resync 1 B")]
    assert made.resync(["X"], 6.0) == []
    assert made.resync([], 7.0) == [Event(SUBSCRIBED, {"resync": ["A", "B"]}), Send("resync 2 A B")]
