"""What a venue declares is what can be said of a loss on its channels."""

from dataclasses import replace

import pytest

from core import capability
from core.capability import UNVERIFIABLE, VERIFIED, WITNESSED
from core.venue import Channel, Venue
from venues import VENUES

MODEL = VENUES["binance"]


def declared(**changes: object) -> capability.Capability:
    channel: Channel = replace(MODEL.channels[0], name="feed", **changes)
    venue: Venue = replace(MODEL, channels=(channel,))
    (found,) = capability.of([venue])
    return found


@pytest.mark.parametrize(
    ("changes", "proof"),
    [
        ({"kind": "trades"}, (VERIFIED, "ids", "instrument")),
        ({"kind": "trades", "continuous": False}, (UNVERIFIABLE, "unknown", "connection")),
        ({"kind": "book_deltas"}, (VERIFIED, "unknown", "instrument")),
        ({"kind": "trades", "continuous": False, "numbered": True}, (VERIFIED, "frames", "subscription")),
        ({"kind": "quotes", "sockets": 2}, (WITNESSED, "unknown", "instrument")),
        ({"kind": "quotes"}, (UNVERIFIABLE, "unknown", "connection")),
    ],
)
def test_what_proves_a_channel_whole(changes: dict[str, object], proof: tuple[str, str, str]) -> None:
    found = declared(**changes)
    assert (found.state, found.size, found.scope) == proof


def test_a_channel_without_rows_of_its_own_is_no_question() -> None:
    assert capability.of([replace(MODEL, channels=(replace(MODEL.channels[0], kind=""),))]) == []


def test_what_can_be_read_again_and_how_far_back() -> None:
    found = {one.channel: one.filled for one in capability.of([MODEL])}
    assert found == {"bookTicker": "no", "aggTrade": "aggTrades, 2 days back"}
