"""A paper engine that is killed again and again, in the middle of whatever it does: cash, positions and decisions add up to the cent."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.journal import Journal
from core.matched import Matched
from core.settings import ROOT, Settings
from db import engine
from db.paper import store
from tests.tasks.trading import VENUE, confirm, market, tell

Query = Callable[..., list[tuple[Any, ...]]]
CASH, PAIRS, KILLS = 5_000, 4, 6
_ENGINE = "from tasks import paper\nwhile True:\n    paper.trade()\n"
_FARM = f'[paper]\nmin_edge = "0.005"\n[paper.cash]\n{VENUE} = {CASH}\n[paper.any_latency]\nmedian_ms = 15\np99_ms = 60\n'
_CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tapefarm paper' AND datname = current_database()"
_HELD = (
    "SELECT * FROM (SELECT instrument_id, outcome, sum(CASE action WHEN 'sell' THEN -quantity ELSE quantity END) AS held FROM fills GROUP BY 1, 2) f "
    "WHERE held <> 0"
)
_UNFILLED = "SELECT count(*) FROM orders o WHERE filled <> (SELECT coalesce(sum(quantity), 0) FROM fills f WHERE f.order_id = o.order_id)"


@pytest.fixture
def moving(query: Query, journal: Journal, key_prefix: str) -> Iterator[None]:
    """Books of some pairs, every few milliseconds another way around."""
    pairs = []
    for number in range(PAIRS):
        pairs.append((market(query, f"A{number}"), market(query, f"B{number}")))
        confirm(query, f"A{number}", f"B{number}")
    matched, ended, dice = Matched(journal.client, key_prefix), threading.Event(), random.Random(3)

    def move() -> None:
        while not ended.wait(0.005):
            a, b = dice.choice(pairs)
            ask, bid, shares = dice.randrange(30, 60) / 100, dice.randrange(30, 60) / 100, float(dice.randrange(1, 40))
            tell(matched, time.time_ns() // 1000, (a, ask - 0.05, ask, shares), (b, bid, bid + 0.05, shares + 1))

    thread = threading.Thread(target=move)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_whenever_it_is_killed_the_books_of_it_balance(farm: Settings, moving: None, query: Query, tmp_path: Path) -> None:
    toml = tmp_path / "farm.toml"
    toml.write_text(_FARM, encoding="utf-8")
    environ = {**os.environ, "DATABASE_URL": farm.database_url, "REDIS_URL": farm.redis_url, "KEY_PREFIX": farm.key_prefix}
    dice, decided = random.Random(5), 0
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", _ENGINE], cwd=ROOT, env=environ | {"FARM_TOML": str(toml)}) as child:
            _until(lambda before=decided: _decisions(query) > before + 20, child)
            time.sleep(dice.random() * 0.3)
            child.kill()
        _until(lambda: query(_CONNECTED) == [(0,)])
        decided = _decisions(query)
        _balanced(query)
    with closing(engine.connect(farm.database_url, name="test")) as connection, connection, connection.cursor() as cursor:
        verdict = store.audit(cursor)
        assert (verdict.rows, verdict.broken) == (decided, None)
    assert query("SELECT count(*) > 50 FROM fills") == [(True,)]


def _balanced(query: Query) -> None:
    """From fills alone: what is left of the cash, and what is held."""
    [(flows,)] = query("SELECT coalesce(sum(CASE action WHEN 'sell' THEN price * quantity ELSE -price * quantity END - fee), 0) FROM fills")
    [(cash, bound)] = query("SELECT cash, bound FROM risk_states WHERE scope = 'all'")
    assert cash == CASH + flows
    assert [(bound,)] == query("SELECT coalesce(sum(cost), 0) FROM open_positions")
    assert sorted(query(_HELD)) == sorted(query("SELECT instrument_id, outcome, quantity FROM open_positions"))
    assert query(_UNFILLED) == [(0,)]
    assert Decimal(0) <= cash


def _decisions(query: Query) -> int:
    return int(query("SELECT coalesce(max(number), 0) FROM audit_logs")[0][0])


def _until(ready: Callable[[], bool], child: "subprocess.Popen[bytes] | None" = None) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert child is None or child.poll() is None, "the engine ended by itself"
        assert time.monotonic() < end
        time.sleep(0.02)
