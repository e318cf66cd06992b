"""REST history equals the stream, also across segments and restarts."""

import json
import signal
import time
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np
import pytest

AGG_TRADES = "/binance/fapi/v1/aggTrades?symbol="
MINUTE_MS = 60_000


def test_aggregates_read_back_as_streamed(sandbox: Any) -> None:
    with sandbox.open("/market/ws/btcusdt@aggTrade") as client:
        frames = [json.loads(client.recv(5)) for _ in range(150)]
    streamed = [{key: frame[key] for key in ("a", "p", "q", "nq", "f", "l", "T", "m")} for frame in frames]
    first, last = streamed[0], streamed[-1]
    assert sandbox.get(f"{AGG_TRADES}BTCUSDT&fromId={first['a']}&limit=150") == streamed
    pages = [sandbox.get(f"{AGG_TRADES}BTCUSDT&fromId={first['a'] + k}&limit=50") for k in (0, 50, 100)]
    assert list(chain(*pages)) == streamed
    window = sandbox.get(f"{AGG_TRADES}BTCUSDT&startTime={first['T']}&endTime={last['T']}&limit=1000")
    inside = [row for row in window if first["a"] <= row["a"] <= last["a"]]
    assert inside == streamed and all(first["T"] <= row["T"] <= last["T"] for row in window)
    latest = sandbox.get(f"{AGG_TRADES}BTCUSDT&limit=5")
    assert len(latest) == 5 and latest[0]["a"] >= last["a"] - 5


REFUSED = [
    ("BTCUSDT&limit=1001", -1130),
    ("BTCUSDT&fromId=1&startTime=1", -1128),
    ("BTCUSDT&startTime=1&endTime=2", -4166),
    ("BTCUSDT&fromId=x", -1100),
    ("NOPE", -1121),
]


@pytest.mark.parametrize(("query", "code"), REFUSED)
def test_bad_queries_are_refused_with_the_code_of_the_venue(sandbox: Any, query: str, code: int) -> None:
    status, body, headers = sandbox.ask(AGG_TRADES + query)
    assert (status, body["code"]) == (400, code) and "X-MBX-USED-WEIGHT-1M" in headers


def test_candles_sum_up_the_trades(sandbox: Any, poll: Any) -> None:
    """The newest trades of the open minute, summed here in decimals, against the candle of that minute."""

    def settled() -> Any:
        before = sandbox.get("/binance/fapi/v1/klines?symbol=ETHUSDT&interval=1m&limit=1")[-1]
        trades = sandbox.get(f"{AGG_TRADES}ETHUSDT&startTime={before[0]}&limit=1000")
        after = sandbox.get("/binance/fapi/v1/klines?symbol=ETHUSDT&interval=1m&limit=1")[-1]
        return (before, trades) if before == after and trades and len(trades) < 1000 else None

    sandbox.ask("/control/rate", {"rate": 0})
    try:
        candle, trades = poll(settled)
    finally:
        sandbox.ask("/control/rate", {"rate": 1000})
    prices = [Decimal(row["p"]) for row in trades]
    quantities = [Decimal(row["q"]) for row in trades]
    amounts = [p * q for p, q in zip(prices, quantities, strict=True)]
    taken = [not row["m"] for row in trades]
    assert [Decimal(text) for text in candle[1:6]] == [
        *(prices[0], max(prices), min(prices), prices[-1]),
        sum(quantities),
    ]
    assert candle[8] == sum(row["l"] - row["f"] + 1 for row in trades)
    assert Decimal(candle[7]) == sum(amounts)
    assert Decimal(candle[9]) == sum(q for q, t in zip(quantities, taken, strict=True) if t)
    assert Decimal(candle[10]) == sum(a for a, t in zip(amounts, taken, strict=True) if t)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_goes_on_where_the_ledger_ends(launch: Any, poll: Any, number: int) -> None:
    sandbox = launch("--rate", "12000", "--symbols", "20", "--segment-mib", "0.05")
    poll(lambda: sandbox.summary()["trades"]["emitted"] > 800)
    status = sandbox.stop(number)
    assert status == (0 if number == signal.SIGTERM else -number)
    before = {kind: sandbox.records(kind) for kind in ("trades", "quotes")}
    sandbox.start()
    poll(lambda: sandbox.summary()["trades"]["emitted"] > 800)
    page = sandbox.get(f"{AGG_TRADES}BTCUSDT&fromId=1&limit=1000")
    after = {kind: sandbox.records(kind) for kind in ("trades", "quotes")}
    for kind, records in before.items():
        assert np.array_equal(after[kind][: len(records)], records)
    assert np.all(np.diff(after["quotes"]["update_id"]) > 0)
    for symbol in range(5):
        rows = after["trades"][after["trades"]["symbol"] == symbol]
        assert np.array_equal(rows["id"], np.arange(1, len(rows) + 1))
        assert np.all(np.diff(rows["event_us"]) >= 0)
        assert np.all(rows["first_id"][1:] > rows["last_id"][:-1])
        assert np.all(np.abs(np.diff(rows["price"])) / rows["price"][1:] < 0.02)
    rows = after["trades"][after["trades"]["symbol"] == 0][: len(page)]
    assert [row["a"] for row in page] == rows["id"].tolist()
    assert [float(row["p"]) for row in page] == rows["price"].tolist()


def test_old_segments_go_and_their_trades_are_refused(launch: Any, poll: Any) -> None:
    sandbox = launch("--rate", "5000", "--symbols", "20", "--segment-mib", "0.02", "--keep-segments", "3")
    poll((sandbox.ledger / "trades-000005.bin").exists)
    poll(lambda: len(list(sandbox.ledger.glob("trades-*.bin"))) <= 3)  # one is begun before the oldest goes
    status, body, _ = sandbox.ask(f"{AGG_TRADES}BTCUSDT&fromId=1")
    assert (status, body["code"]) == (400, -4166)
    latest = sandbox.get(f"{AGG_TRADES}BTCUSDT&limit=10")
    assert [row["a"] for row in latest] == list(range(latest[0]["a"], latest[0]["a"] + 10))


def test_minutes_without_trades_have_rows(sandbox: Any, poll: Any) -> None:
    """From the first trade on. Wider intervals are merged and start on their own grid."""
    rows = poll(lambda: sandbox.get("/binance/fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=2"))
    assert rows[-1][0] % (5 * MINUTE_MS) == 0 and rows[-1][0] <= time.time() * 1000
