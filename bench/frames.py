"""Frames to feed the stages with, shaped like the venue's of today (`ps` and `st`, `nq`), with the length and the repetition of recorded ones.

200 symbols with an uneven share of the traffic, one side of the book changing an update, times as they would come at 20,000 a second.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

_BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "1000PEPE", "LINK", "ADA")
SYMBOLS = tuple(f"{base}{letter}USDT" for base in _BASES for letter in ("", *"ABCDEFGHIJKLMNOPQRSTUVWX"))
#: Frames of market data per second of market time.
PACE = 20_000
#: Binance's update ids of 2026; small ones would make smaller frames.
FIRST_UPDATE_ID = 429_012_276_615
FIRST_TRADE_ID = 5_933_014
_SKEW = 0.9


def market_us(count: int) -> np.ndarray:
    """Receive times of so many frames that end now."""
    return time.time_ns() // 1000 - (count - np.arange(count)) * 1_000_000 // PACE


class Source(ABC):
    """An endless market of one channel: each call gives one frame a receive time, and goes on where the last one ended."""

    channel = ""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        weights = 1.0 / np.arange(1, len(SYMBOLS) + 1) ** _SKEW
        self._share = np.cumsum(weights) / weights.sum()
        self._templates = [self._template(i) for i in range(len(SYMBOLS))]
        self._units = [10.0 ** _decimals(i) for i in range(len(SYMBOLS))]

    def _template(self, symbol: int) -> bytes:
        name, price = SYMBOLS[symbol], f'"%.{_decimals(symbol)}f"'
        return f'{{"stream":"{name.lower()}@{self.channel}","data":{{{self._body(name, price)}}}}}'.encode()

    @abstractmethod
    def _body(self, name: str, price: str) -> str: ...

    @abstractmethod
    def __call__(self, received_us: np.ndarray) -> list[bytes]: ...

    def _drawn(self, count: int) -> np.ndarray:
        return np.searchsorted(self._share, self._random.random(count), side="right")


class Quotes(Source):
    channel = "bookTicker"

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self._last_id = FIRST_UPDATE_ID
        self._books = [[10_000 + 37 * i, 1_000 + i, 2_000 + i] for i in range(len(SYMBOLS))]

    def _body(self, name: str, price: str) -> str:
        return f'"e":"bookTicker","u":%d,"s":"{name}","ps":"{name}","b":{price},"B":"%.3f","a":{price},"A":"%.3f","T":%d,"E":%d,"st":1'

    def __call__(self, received_us: np.ndarray) -> list[bytes]:
        random, count = self._random, len(received_us)
        ids = self._last_id + np.cumsum(random.integers(1, 9, count))
        self._last_id = int(ids[-1]) if count else self._last_id
        drawn = (random.integers(-1, 2, count), random.integers(1, 90_000, count), random.random(count) < 0.5)
        columns = [column.tolist() for column in (self._drawn(count), ids, received_us // 1000 - 3, *drawn)]
        frames = []
        for symbol, update_id, event_ms, step, size, is_bid in zip(*columns, strict=True):
            book, unit = self._books[symbol], self._units[symbol]
            bid = book[0] = max(book[0] + step, 100)
            book[1 if is_bid else 2] = size
            values = (update_id, bid / unit, book[1] / 1000, (bid + 1) / unit, book[2] / 1000, event_ms, event_ms + 1)
            frames.append(self._templates[symbol] % values)
        return frames


class Trades(Source):
    """Ids rise by one a symbol, so that nothing looks like a gap."""

    channel = "aggTrade"

    def __init__(self, seed: int = 2) -> None:
        super().__init__(seed)
        self._next_id = [FIRST_TRADE_ID] * len(SYMBOLS)

    def _body(self, name: str, price: str) -> str:
        return f'"e":"aggTrade","E":%d,"a":%d,"s":"{name}","p":{price},"q":"%.3f","nq":"%.3f","f":%d,"l":%d,"T":%d,"m":%s,"st":1'

    def __call__(self, received_us: np.ndarray) -> list[bytes]:
        random, count = self._random, len(received_us)
        drawn = (random.integers(9_900, 10_100, count), random.integers(1, 90_000, count), random.random(count) < 0.5)
        columns = [column.tolist() for column in (self._drawn(count), received_us // 1000 - 3, *drawn)]
        frames = []
        for symbol, event_ms, price, size, maker in zip(*columns, strict=True):
            number = self._next_id[symbol]
            self._next_id[symbol] = number + 1
            values = (event_ms + 1, number, (price + 37 * symbol) / self._units[symbol], size / 1000, size / 1000)
            frames.append(self._templates[symbol] % (*values, 2 * number, 2 * number + 1, event_ms, b"true" if maker else b"false"))
        return frames


SOURCES: dict[str, type[Quotes] | type[Trades]] = {source.channel: source for source in (Quotes, Trades)}


def _decimals(symbol: int) -> int:
    return 2 + symbol % 5


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
