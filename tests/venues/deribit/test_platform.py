"""What Deribit says of itself: frames that make no rows, and maintenance as a pause."""

import json

import pytest

from core.records import Pause
from core.venue import Reply
from tests.venues.conftest import RECEIVED_US
from tests.venues.deribit.frames import sent
from venues import VENUES
from venues.deribit.frames import decode
from venues.errors import BadReply

STATUS = VENUES["deribit"].poll("status")
LOCK = sent("platform_state", {"price_index": "eth_usd", "locked": True})
STATE = sent("instrument.state.any.any", {"timestamp": 1795334400000, "state": "settlement", "instrument_name": "A"})


def maintenance(on: object) -> bytes:
    return sent("platform_state", {"maintenance": on})


@pytest.mark.parametrize(
    ("frames", "pauses", "ignored"),
    [
        pytest.param([LOCK, STATE], None, {"platform_state": 1, "instrument": 1}, id="locks and states are no pause"),
        pytest.param([LOCK, maintenance(True)], (Pause(RECEIVED_US + 100, "maintenance"),), {"platform_state": 2}, id="maintenance"),
        pytest.param([maintenance(True), STATE, maintenance(False)], (), {"platform_state": 2, "instrument": 1}, id="the last word counts"),
        pytest.param([maintenance(None)], None, {"platform_state": 1}, id="no word"),
    ],
)
def test_what_the_platform_says_makes_no_row(batch, frames, pauses, ignored) -> None:
    decoded = decode("platform_state", batch(frames))
    assert (decoded.rows, decoded.pauses, decoded.ignored, decoded.rejected) == ({}, pauses, ignored, [])


@pytest.mark.parametrize(
    "frame", [b"{}", b"", maintenance("soon"), sent("unheard.of.raw", {})], ids=["empty", "nothing", "a text", "unknown"]
)
def test_what_it_does_not_say_is_rejected_and_its_neighbours_count(batch, frame: bytes) -> None:
    decoded = decode("platform_state", batch([LOCK, frame, LOCK]))
    assert ([rejected.frame for rejected in decoded.rejected], decoded.ignored) == ([1], {"platform_state": 2})


@pytest.mark.parametrize(
    ("locked", "paused"), [("true", True), (True, True), ("false", False), (False, False), ("partial", False)], ids=repr
)
def test_a_status_is_a_pause_or_the_end_of_one(locked: object, paused: bool) -> None:
    body = json.dumps({"jsonrpc": "2.0", "result": {"locked": locked, "locked_currencies": []}}).encode()
    expected = (Pause(RECEIVED_US, "maintenance"),) if paused else ()
    assert STATUS.parse(Reply("status", {}, body, RECEIVED_US)).pauses == expected


@pytest.mark.parametrize("body", [b"", b'{"result":{}}', b'{"result":{"locked":1}}', b'{"error":{"code":10028}}'], ids=repr)
def test_a_status_that_is_none_is_bad(body: bytes) -> None:
    with pytest.raises(BadReply):
        STATUS.parse(Reply("status", {}, body, RECEIVED_US))
