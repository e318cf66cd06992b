"""The frames that everything is measured with are read by the venue's fast path, each into one row."""

import numpy as np
import pytest

from bench import frames, venue
from core.venue import Frames
from venues import VENUES


@pytest.mark.parametrize("channel", ["bookTicker", "aggTrade"])
def test_every_frame_is_a_row(channel: str) -> None:
    received = frames.market_us(5_000)
    source = frames.SOURCES[channel]()
    made = source(received[:2_000]) + source(received[2_000:])
    decoded = VENUES["binance"].decode(channel, Frames(b"\n".join(made), len(made), received, lines=True))
    (columns,) = decoded.rows.values()
    assert not decoded.rejected and not decoded.ignored
    assert len(columns["event_at"]) == 5_000
    key = "update_id" if channel == "bookTicker" else "trade_id"
    assert len(set(zip(columns["symbol"], columns[key].tolist(), strict=True))) == 5_000
    assert set(columns["symbol"]) <= set(frames.SYMBOLS)


def test_symbols_are_two_hundred() -> None:
    assert len(set(frames.SYMBOLS)) == 200


def test_trades_leave_no_hole() -> None:
    made = frames.Trades()(np.full(1_000, 1_790_000_000_000_000))
    columns = VENUES["binance"].decode("aggTrade", Frames(b"\n".join(made), 1_000, np.zeros(1_000, np.int64), lines=True)).rows["trades"]
    last: dict[str, int] = {}
    for symbol, number in zip(columns["symbol"], columns["trade_id"].tolist(), strict=True):
        assert number == last.get(symbol, number - 1) + 1
        last[symbol] = number


def test_runs_are_cut_as_the_streamer_cuts() -> None:
    assert list(frames.runs([b"aaaa", b"bbbb", b"cc", b"d"], 8)) == [range(2), range(2, 4)]


def test_a_second_holds_its_rate() -> None:
    made = [data for part in venue.slices("aggTrade", 1_234, 10) for data in part]
    assert len(made) == 1_000
    assert abs(sum(data.count(b'{"stream":"') for data in made) - 1_234) <= 1
