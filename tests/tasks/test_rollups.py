"""From frames in the journal to bars, by the drain and the task."""

from collections.abc import Callable
from typing import Any

import pytest

from core.journal import Journal
from tasks import rollups
from tests.tasks.conftest import QUOTES, TRADES, Socket, quote, trade
from tests.tasks.told import at, us

Query = Callable[..., list[tuple[Any, ...]]]


def test_frames_become_bars_and_a_late_one_changes_its_own(
    drained: Callable[..., Any], worker: Callable[..., None], journal: Journal, query: Query
) -> None:
    trades, quotes = Socket(journal, TRADES, "t"), Socket(journal, QUOTES, "q")
    trades.send(*(trade(number, T=us(number / 10) // 1000, p="100", q="2", m=number % 2 == 0) for number in range(1, 31)))
    quotes.send(*(quote(number, T=us(number / 10) // 1000, E=us(number / 10) // 1000) for number in range(1, 31)))
    drained()
    assert rollups.roll()["left"] == 0
    bars = (
        "SELECT updates, trades, volume, buy_volume, vwap, open, spread_max FROM marketdata.bt_1s WHERE symbol = 'BTCUSDT' ORDER BY bucket"
    )
    assert query(bars)[1] == (10, 10, 20.0, 10.0, 100.0, 1.55, 0.10000000000000009)
    assert query("SELECT updates, trades, volume FROM bars_1h") == [(30, 30, 60.0)]
    trades.send(trade(31, T=us(1.5) // 1000, p="112", q="1", m=False))
    drained()
    assert rollups.roll() == {"notes": 2, "left": 0}
    assert query(bars)[1] == (10, 11, 21.0, 11.0, 2112 / 21, 1.55, 0.10000000000000009)
    assert query("SELECT updates, trades, volume FROM bars_1m WHERE bucket = %s", (at(0),)) == [(30, 31, 61.0)]
    assert query("SELECT updates, trades, volume FROM bars_1h") == [(30, 31, 61.0)]


def test_it_says_when_nothing_was_left(
    worker: Callable[..., None], journal: Journal, query: Query, drained: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    query("UPDATE rolled_bars SET caught_up_at = now() - INTERVAL '1 day'")
    Socket(journal, TRADES, "t").send(trade(1, T=us(0) // 1000))
    drained()
    late = "SELECT caught_up_at < now() - INTERVAL '1 hour' FROM rolled_bars"
    monkeypatch.setattr(rollups, "RUN_SECONDS", 0.0)
    assert (rollups.roll()["left"], query(late)) == (1, [(True,)])
    monkeypatch.undo()
    assert (rollups.roll()["left"], query(late)) == (0, [(False,)])


def test_two_at_once_do_not_roll_up_the_same(worker: Callable[..., None], fresh_database_url: str, query: Query) -> None:
    query("SELECT pg_advisory_lock(7301047)")
    assert rollups.roll() == {"notes": 0, "ended": "another one is at it"}
