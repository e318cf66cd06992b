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


@pytest.fixture
def first() -> datetime:
    """The first of the minutes that are settled."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)


class Told:
    """A connection that has long been there; times are seconds after the first minute has begun. Its trades are of 2 each."""

    def __init__(self, journal: Journal, first: datetime) -> None:
        self._into = (first - START).total_seconds()
        self._line = Line(journal, TRADES, "t", ["BTCUSDT"], self._into - 600)

    def trade(self, number: int, seconds: float, symbol: str = "BTCUSDT") -> None:
        self._line.trade(number, symbol, self._into + seconds)

    def end(self, seconds: float) -> None:
        self._line.end(self._into + seconds)


@pytest.fixture
def line(journal: Journal, connection: RawConnection, worker: Callable[..., None], first: datetime) -> Told:
    with connection, connection.cursor() as cursor:
        witnesses.look_on(cursor, "binance", "aggTrade", first)
    return Told(journal, first)


@pytest.fixture
def candle(query: Query, first: datetime) -> Callable[..., None]:
    def tell(minute: int, volume: float, *, closed: bool = True) -> None:
        query(
            "INSERT INTO candles (event_at, received_at, instrument_id, interval_seconds, open, high, low, close, volume, closed) "
            "SELECT %s, now(), instrument_id, 60, 1, 1, 1, 1, %s, %s FROM instruments WHERE symbol = 'BTCUSDT'",
            (first + timedelta(minutes=minute), volume, closed),
        )

    return tell


def test_a_minute_that_holds_less_than_its_candle_says_is_a_gap(
    line: Told, candle: Callable[..., None], drained: Callable[[], Turn], query: Query, first: datetime
) -> None:
    for number, seconds in enumerate((0.0, 59.999, 60.0, 125.0, 130.0), 1):
        line.trade(number, seconds)
    drained()
    for minute, volume in enumerate((4.0, 5.5, 4.0)):
        candle(minute, volume)
    assert witness.volumes("binance") == {"agreed": 2, "disagreed": 1}
    told = f"the trades of the minute {first + timedelta(minutes=1):%Y-%m-%d %H:%M} sum up to 2, its candle says 5.5"
    assert query("SELECT sum(looks), sum(agreed), sum(disagreed), max(detail) FROM witnesses WHERE subject = 'volume'") == [(3, 2, 1, told)]
    assert query("SELECT state, event_from, event_to, detail FROM data_gaps WHERE cause = 'witness'") == [
        ("missing", first + timedelta(minutes=1), first + timedelta(minutes=2), told)
    ]
    assert witness.volumes("binance") == {}, "each minute is looked at once"


def test_more_than_the_candle_says_disagrees_and_is_no_gap(
    line: Told, candle: Callable[..., None], drained: Callable[[], Turn], query: Query
) -> None:
    line.trade(1, 1)
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
    reason: str, line: Told, candle: Callable[..., None], drained: Callable[[], Turn], query: Query, first: datetime
) -> None:
    line.trade(1, 1)
    if reason == "known to be broken":
        line.end(30)
    drained()
    if reason == "not asked for yet":
        query("UPDATE subscriptions SET from_at = %s", (first + timedelta(seconds=10),))
    minutes_later = 28 if reason == "too young" else 0
    candle(minutes_later, 77.0, closed=reason != "still running")
    assert looked_at(query) == 0


def test_a_candle_of_somebody_who_is_not_recorded_says_nothing(
    line: Told, candle: Callable[..., None], drained: Callable[[], Turn], query: Query
) -> None:
    line.trade(1, 1, "ETHUSDT")
    line.trade(1, 1)
    drained()
    query("DELETE FROM subscriptions")
    candle(0, 77.0)
    assert looked_at(query) == 0
