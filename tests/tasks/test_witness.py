"""What a minute's trades sum up to, against the volume of its candle."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from psycopg2.extensions import connection as RawConnection

from core.journal import Journal
from db import witnesses
from tasks import witness
from tasks.drain import Turn
from tests.tasks.conftest import TRADES, Query
from tests.tasks.told import START, Line

#: The first of three minutes that are settled; trades of the test's hand are of 2 each.
FIRST = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
INTO = (FIRST - START).total_seconds()


@pytest.fixture
def line(journal: Journal, connection: RawConnection, worker: Callable[..., None]) -> Line:
    with connection, connection.cursor() as cursor:
        witnesses.look_on(cursor, "binance", "aggTrade", FIRST)
    return Line(journal, TRADES, "t", ["BTCUSDT"], INTO - 600)


@pytest.fixture
def candle(query: Query) -> Callable[..., None]:
    def tell(minute: int, volume: float, *, closed: bool = True) -> None:
        query(
            "INSERT INTO candles (event_at, received_at, instrument_id, interval_seconds, open, high, low, close, volume, closed) "
            "SELECT %s, now(), instrument_id, 60, 1, 1, 1, 1, %s, %s FROM instruments WHERE symbol = 'BTCUSDT'",
            (FIRST + timedelta(minutes=minute), volume, closed),
        )

    return tell


def test_a_minute_that_holds_less_than_its_candle_says_is_a_gap(
    line: Line, candle: Callable[..., None], drained: Callable[[], Turn], query: Query
) -> None:
    for number, seconds in enumerate((0.0, 59.999, 60.0, 125.0, 130.0), 1):
        line.trade(number, "BTCUSDT", INTO + seconds)
    drained()
    for minute, volume in enumerate((4.0, 5.5, 4.0)):
        candle(minute, volume)
    assert witness.volumes("binance") == {"agreed": 2, "disagreed": 1}
    told = f"the trades of the minute {FIRST + timedelta(minutes=1):%Y-%m-%d %H:%M} sum up to 2, its candle says 5.5"
    assert query("SELECT sum(looks), sum(agreed), sum(disagreed), max(detail) FROM witnesses WHERE subject = 'volume'") == [(3, 2, 1, told)]
    assert query("SELECT state, event_from, event_to, detail FROM data_gaps WHERE cause = 'witness'") == [
        ("missing", FIRST + timedelta(minutes=1), FIRST + timedelta(minutes=2), told)
    ]
    assert witness.volumes("binance") == {}, "each minute is looked at once"


def test_more_than_the_candle_says_disagrees_and_is_no_gap(
    line: Line, candle: Callable[..., None], drained: Callable[[], Turn], query: Query
) -> None:
    line.trade(1, "BTCUSDT", INTO + 1)
    drained()
    candle(0, 1.0)
    assert witness.volumes("binance") == {"disagreed": 1}
    assert query("SELECT count(*) FROM data_gaps WHERE cause = 'witness'") == [(0,)]


def looked_at(query: Query) -> int:
    witness.volumes("binance")
    ((count,),) = query("SELECT coalesce(sum(looks), 0) FROM witnesses")
    return int(count)


@pytest.mark.parametrize("reason", ["still running", "known to be broken", "not asked for yet", "too young"])
def test_minutes_that_prove_nothing_are_left_out(
    reason: str, line: Line, candle: Callable[..., None], drained: Callable[[], Turn], query: Query, journal: Journal
) -> None:
    line.trade(1, "BTCUSDT", INTO + 1)
    if reason == "known to be broken":
        line.end(INTO + 30)
    drained()
    if reason == "not asked for yet":
        query("UPDATE subscriptions SET from_at = %s", (FIRST + timedelta(seconds=10),))
    minutes_later = 28 if reason == "too young" else 0
    candle(minutes_later, 77.0, closed=reason != "still running")
    assert looked_at(query) == 0


def test_a_candle_of_somebody_who_is_not_recorded_says_nothing(
    line: Line, candle: Callable[..., None], drained: Callable[[], Turn], query: Query
) -> None:
    line.trade(1, "ETHUSDT", INTO + 1)
    line.trade(1, "BTCUSDT", INTO + 1)
    drained()
    query("DELETE FROM subscriptions")
    candle(0, 77.0)
    assert looked_at(query) == 0
