"""A connection whose frames are under way longer and longer is found slow; one that only has little to say is not."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core import journal
from core.journal import StreamName
from core.records import BOOK_STATES
from db.offsets import Offset
from tasks.continuity import Sequence, Sockets, last_word
from tasks.digest import digest, place_of
from tasks.drift import MINUTE_US, MINUTES, SLOWER_US, Drift
from tasks.reader import Reader
from venues import VENUES

STREAM = StreamName("binance", "aggTrade")
START_US = 28_000_000 * MINUTE_US


def found_slow(*delays: list[int]) -> list[int]:
    """Minutes, each by the delays of its rows in us -> at the first row behind which of them the connection was found slow."""
    drift, found = Drift(), []
    for minute, rows in enumerate([*delays, [0]]):
        for place, delay in enumerate(rows):
            received = START_US + minute * MINUTE_US + place
            if drift.add(received, received - delay):
                found.append(minute)
    return found


def test_a_connection_that_has_grown_slow_is_found_once_after_as_many_minutes() -> None:
    slow = [20_000 + SLOWER_US + 1]
    assert found_slow([20_000], *[slow] * 10) == [1 + MINUTES]


def test_one_slow_minute_less_is_not_enough() -> None:
    slow = [SLOWER_US + 1]
    assert found_slow([0], *[slow] * (MINUTES - 1), [0], *[slow] * (MINUTES - 1)) == []


def test_a_fresh_row_a_minute_is_enough() -> None:
    assert found_slow([50_000], *[[9 * SLOWER_US, 60_000, 5 * SLOWER_US]] * 10) == []


def test_what_is_slow_from_the_beginning_is_so_by_nature() -> None:
    assert found_slow(*[[3 * SLOWER_US]] * 20) == []


@given(st.lists(st.lists(st.integers(0, SLOWER_US), min_size=1, max_size=4), max_size=30))
def test_what_differs_by_no_more_than_the_bound_is_never_slow(minutes: list[list[int]]) -> None:
    assert found_slow(*minutes) == []


@given(st.integers(-(10**12), 10**12), st.integers(1, 20))
def test_the_difference_of_the_clocks_does_not_count(offset: int, minutes: int) -> None:
    assert found_slow(*[[offset]] * minutes) == []


def test_how_a_book_stands_is_no_news() -> None:
    states = {"event_at": np.array([5, 9])}
    assert last_word({BOOK_STATES: states, "book_snapshots": states}) is None
    assert last_word({BOOK_STATES: states, "trades": {"event_at": np.array([3, 4])}}) == 4


def entry(batch: int, received_us: int, delay_us: int) -> tuple[bytes, dict[bytes, bytes]]:
    event_ms = (received_us - delay_us) // 1000
    data = {"e": "aggTrade", "E": event_ms, "s": "BTCUSDT", "a": batch, "p": "1", "q": "1", "f": 1, "l": 1, "T": event_ms, "m": True}
    frame = json.dumps({"stream": "btcusdt@aggTrade", "data": data}).encode()
    return f"{batch}-0".encode(), journal.data_fields("c", batch, [frame], [received_us])


def test_a_drain_asks_for_another_connection_though_its_turns_are_shorter_than_a_minute() -> None:
    asked, offset = [], Offset("0-0", {}, None, None)
    for minute, delay in enumerate([10_000] * 2 + [10_000 + 2 * SLOWER_US] * 5):
        sockets = Sockets.restore(
            place_of(STREAM), json.loads(json.dumps(offset.connections)), offset.last_event_us, offset.last_received_us
        )
        reader = Reader(STREAM, VENUES["binance"], sockets, offset.last_id, lambda symbols: np.ones(len(symbols), np.int32), Sequence([]))
        work, _ = digest(reader, [entry(minute + 1, START_US + minute * MINUTE_US, delay)])
        asked.append(reader.wants_rotation)
        offset = work.step.after
    assert asked == [False] * (2 + MINUTES) + [True, False]


def test_offsets_of_before_are_read() -> None:
    sockets = Sockets.restore(place_of(STREAM), {"connections": {"c": [7, "i", True, True, {"1": 2}]}}, None, None)
    assert sockets.connections["c"].drift == Drift()
