"""The model's promises, without a process: exact doubles, contiguous ids, grids; and the bounded ledger below it."""

from decimal import Decimal
from pathlib import Path

import numpy as np

from sandbox.binance.universe import universe
from sandbox.engine import TRADE, Market
from sandbox.history import TradeHistory
from sandbox.ledger import Segments

EVENT_US = 1_795_314_924_556_000


def market(count: int = 60) -> Market:
    return Market([instrument for _, instrument in universe(count)], seed=3)


def test_same_seed_same_market() -> None:
    batches = []
    for model in (market(), market()):
        trading, quoting = model.draw(500, [])
        batches.append((model.quotes(quoting, EVENT_US), model.trades(trading, EVENT_US)))
    assert all(np.array_equal(one, other) for one, other in zip(*batches, strict=True))


def test_doubles_equal_the_text_and_lie_on_the_grid() -> None:
    model = market()
    for _ in range(20):
        batch = model.quotes(model.draw(400, [])[1], EVENT_US)
        for symbol, price in zip(batch["symbol"].tolist(), batch["bid"].tolist(), strict=True):
            instrument = model.instruments[symbol]
            text = f"{price:.{instrument.price_decimals}f}"
            assert float(text) == price and Decimal(text) == Decimal(repr(price))
            assert int(text.replace(".", "")) % instrument.tick_units == 0
        assert np.all(batch["bid"] < batch["ask"])


def test_ids_are_contiguous_and_raw_ids_skip() -> None:
    model = market(20)
    rows = np.concatenate([model.trades(model.draw(200, [0])[0], EVENT_US) for _ in range(50)])
    holes = 0
    for symbol in range(5):
        own = rows[rows["symbol"] == symbol]
        assert np.array_equal(own["id"], np.arange(1, len(own) + 1))
        steps = own["first_id"][1:] - own["last_id"][:-1]
        assert np.all(steps >= 1)
        holes += np.count_nonzero(steps > 1)
    assert holes and np.all(rows["quantity_no_rpi"] <= rows["quantity"])


def test_only_trading_instruments_move() -> None:
    model = market()
    symbols = np.concatenate(model.draw(20_000, []))
    assert not set(np.unique(symbols)) & {i for i, x in enumerate(model.instruments) if not x.trading}


def test_history_finds_ids_and_times_over_segments(tmp_path: Path) -> None:
    model = market(12)
    segments = Segments(tmp_path, "trades", TRADE, segment_bytes=500 * TRADE.itemsize, keep=100)
    history = TradeHistory(segments, 12)
    written = []
    for tick in range(40):
        written.append(model.trades(model.draw(200, [])[0], EVENT_US + tick * 1000))
        history.append(written[-1])
    rows = np.concatenate(written)
    own = rows[rows["symbol"] == 0]
    assert np.array_equal(history.by_id(0, 1, 10_000), own)
    assert np.array_equal(history.by_id(0, 77, 30), own[76:106])
    for tick in (0, 17, 39):
        us = EVENT_US + tick * 1000
        assert history.id_at(0, us) == own["id"][own["event_us"] >= us][0]
    segments.close()
    assert history.id_at(0, EVENT_US + 10**9) == len(own) + 1 == history.latest_id(0) + 1


def test_a_torn_tail_is_cut(tmp_path: Path) -> None:
    records = np.zeros(3, TRADE)
    (tmp_path / "trades-000001.bin").write_bytes(records.tobytes() + b"\x01" * 10)
    segments = Segments(tmp_path, "trades", TRADE, segment_bytes=10_000, keep=4)
    segments.close()
    assert [len(found) for _, found in segments.sealed()] == [3]
    assert segments.path.name == "trades-000002.bin"
