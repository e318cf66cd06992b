"""Frames to feed the stages with: synthetic ones shaped like the venue's of today, and recorded ones where there are any.

200 symbols with an uneven share of the traffic, one side of the book changing an update, times as they would come at 20,000 a second.
"""

import gzip
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.servers import CHECKOUT

SYMBOLS = tuple(f"{base}{letter}USDT" for base in ("BTC", "ETH", "SOL", "XRP", "DOGE", "1000PEPE", "LINK", "ADA") for letter in ("", *"ABCDEFGHIJKLMNOPQRSTUVWX"))
#: Frames of market data per second of market time.
PACE = 20_000
#: Binance's update ids of 2026; small ones would make smaller frames.
FIRST_UPDATE_ID = 429_012_276_615
_SKEW = 0.9


def market_us(count: int) -> np.ndarray:
    """Receive times of so many frames that end now."""
    return time.time_ns() // 1000 - (count - np.arange(count)) * 1_000_000 // PACE


def _symbols(random: np.random.Generator, count: int) -> np.ndarray:
    weights = 1.0 / np.arange(1, len(SYMBOLS) + 1) ** _SKEW
    return random.choice(len(SYMBOLS), size=count, p=weights / weights.sum())


def _decimals(symbol: int) -> int:
    return 2 + symbol % 5


def quotes(received_us: np.ndarray, *, first_id: int = FIRST_UPDATE_ID, seed: int = 1) -> list[bytes]:
    """One bookTicker frame a receive time, as a combined stream carries it."""
    random, count = np.random.default_rng(seed), len(received_us)
    symbols = _symbols(random, count)
    ids = first_id + np.cumsum(random.integers(1, 9, count))
    steps, sizes, sides = random.integers(-1, 2, count), random.integers(1, 90_000, count), random.random(count) < 0.5
    state = [[10_000 + 37 * i, 1_000 + i, 2_000 + i] for i in range(len(SYMBOLS))]
    templates = [_quote_template(i) for i in range(len(SYMBOLS))]
    units = [10.0 ** _decimals(i) for i in range(len(SYMBOLS))]
    frames = []
    columns = (symbols, ids, received_us // 1000 - 3, steps, sizes, sides)
    for symbol, update_id, event_ms, step, size, is_bid in zip(*(column.tolist() for column in columns), strict=True):
        book = state[symbol]
        book[0] = max(book[0] + step, 100)
        book[1 if is_bid else 2] = size
        bid, unit = book[0], units[symbol]
        frames.append(templates[symbol] % (update_id, bid / unit, book[1] / 1000, (bid + 1) / unit, book[2] / 1000, event_ms, event_ms + 1))
    return frames


def _quote_template(symbol: int) -> bytes:
    name, p = SYMBOLS[symbol], f'"%.{_decimals(symbol)}f"'
    body = f'"e":"bookTicker","u":%d,"s":"{name}","ps":"{name}","b":{p},"B":"%.3f","a":{p},"A":"%.3f","T":%d,"E":%d,"st":1'
    return f'{{"stream":"{name.lower()}@bookTicker","data":{{{body}}}}}'.encode()


def trades(received_us: np.ndarray, *, seed: int = 2) -> list[bytes]:
    """One aggTrade frame a receive time; ids rise by one a symbol, so that nothing looks like a gap."""
    random, count = np.random.default_rng(seed), len(received_us)
    symbols = _symbols(random, count)
    next_id = [5_933_014] * len(SYMBOLS)
    templates = [_trade_template(i) for i in range(len(SYMBOLS))]
    units = [10.0 ** _decimals(i) for i in range(len(SYMBOLS))]
    frames = []
    columns = (symbols, received_us // 1000 - 3, random.integers(9_900, 10_100, count), random.integers(1, 90_000, count), random.random(count) < 0.5)
    for symbol, event_ms, price, size, maker in zip(*(column.tolist() for column in columns), strict=True):
        number = next_id[symbol]
        next_id[symbol] = number + 1
        quantity = size / 1000
        values = (event_ms + 1, number, (price + 37 * symbol) / units[symbol], quantity, quantity, 2 * number, 2 * number + 1, event_ms)
        frames.append(templates[symbol] % (*values, b"true" if maker else b"false"))
    return frames


def _trade_template(symbol: int) -> bytes:
    name = SYMBOLS[symbol]
    body = f'"e":"aggTrade","E":%d,"a":%d,"s":"{name}","p":"%.{_decimals(symbol)}f","q":"%.3f","nq":"%.3f","f":%d,"l":%d,"T":%d,"m":%s,"st":1'
    return f'{{"stream":"{name.lower()}@aggTrade","data":{{{body}}}}}'.encode()


def runs(frames: Sequence[bytes], max_bytes: int) -> Iterator[range]:
    """Which frames share a batch when each is flushed at so many bytes, as the streamer does."""
    start, size = 0, 0
    for place, frame in enumerate(frames):
        size += len(frame)
        if size >= max_bytes:
            yield range(start, place + 1)
            start, size = place + 1, 0
    if start < len(frames):
        yield range(start, len(frames))


def recorded(channel: str) -> list[bytes]:
    """Real frames of one channel, in the order they came; empty where nobody has put recordings."""
    folder = Path(os.environ.get("TAPEFARM_CAPTURES") or CHECKOUT.parent / "shared" / "captures")
    found = []
    for path in sorted((folder / "binance").glob("ws_combined_*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            raw = (json.loads(line)["raw"] for line in lines)
            found += [text.encode() for text in raw if f'@{channel}"' in text[:80]]
    return found
