"""marketdata.get_yesterday_training_data: a day of one-second bars in SQL."""

from collections.abc import Callable
from typing import Any

import pytest

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def bars(query: Query) -> None:
    """A bar of two instruments of v, and one of w, a second before and at each midnight around yesterday."""
    query(
        "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
        "SELECT i, v, s, 'active', now(), now() FROM (VALUES (1, 'v', 'A'), (2, 'v', 'B'), (3, 'w', 'A')) t(i, v, s)"
    )
    query(
        "INSERT INTO rollups.bars_1s SELECT date_trunc('day', now(), 'UTC') - d * INTERVAL '1 day' - s * INTERVAL '1 second', i, 1, 1, 1, 1, 2, 3, 2, 1, 2, 2, "
        "0, 0, 0, 0 FROM generate_series(0, 2) d, generate_series(0, 1) s, generate_series(1, 3) i"
    )


def test_it_is_yesterday_in_utc_by_instrument_and_time(query: Query, bars: None) -> None:
    found = query(
        "SELECT venue, symbol, bucket - date_trunc('day', now() - INTERVAL '1 day', 'UTC'), spread_mean, vwap "
        "FROM marketdata.get_yesterday_training_data()"
    )
    assert [(venue, symbol, after.total_seconds()) for venue, symbol, after, _, _ in found] == [
        (venue, symbol, seconds) for venue, symbol in (("v", "A"), ("v", "B"), ("w", "A")) for seconds in (0, 86_399)
    ]
    assert {row[3:] for row in found} == {(1.5, None)}


def test_or_another_day_or_of_one_venue(query: Query, bars: None) -> None:
    today = "(now() AT TIME ZONE 'UTC')::date"
    ask = "SELECT count(*) FROM marketdata.get_yesterday_training_data"
    assert query(f"{ask}({today} - 2, 'v')") == [(4,)]
    assert query(f"{ask}({today} - 3)") == [(3,)]
    assert query(f"{ask}(only_venue => 'w')") == [(2,)]
    assert query(f"{ask}({today} + 1)") == [(0,)]


def test_whatever_time_zone_one_is_in(query: Query, bars: None) -> None:
    query("SET timezone = 'Asia/Tokyo'")
    assert query("SELECT count(*) FROM marketdata.get_yesterday_training_data()") == [(6,)]
