"""One-minute candles of what traded and of the best prices, as integers; wider intervals are merged from them. They begin with the process."""

from collections import OrderedDict
from dataclasses import dataclass, field

from sandbox.kalshi.grids import DOLLAR

MINUTE_S = 60
KEPT_MINUTES = 240


@dataclass(slots=True)
class Range:
    """open, low, high, close of a price; `open` < 0: nothing yet."""

    open: int = -1
    low: int = 0
    high: int = 0
    close: int = 0

    def add(self, price: int) -> None:
        if self.open < 0:
            self.open = self.low = self.high = price
        self.low, self.high, self.close = min(self.low, price), max(self.high, price), price

    def merge(self, later: "Range") -> None:
        for price in (later.open, later.low, later.high, later.close) if later.open >= 0 else ():
            self.add(price)


@dataclass(slots=True)
class Candle:
    bid: Range = field(default_factory=Range)
    ask: Range = field(default_factory=Range)
    price: Range = field(default_factory=Range)
    volume: int = 0
    cost: int = 0  # volume x price
    open_interest: int = 0

    def merge(self, later: "Candle") -> None:
        self.bid.merge(later.bid)
        self.ask.merge(later.ask)
        self.price.merge(later.price)
        self.volume += later.volume
        self.cost += later.cost
        self.open_interest = later.open_interest


class Candles:
    def __init__(self) -> None:
        self._minutes: OrderedDict[int, dict[int, Candle]] = OrderedDict()  # minute, as seconds -> market -> candle

    def at(self, symbol: int, now_us: int) -> Candle:
        """The candle that is open now."""
        minute = now_us // 1_000_000 // MINUTE_S * MINUTE_S
        if minute not in self._minutes:
            self._minutes[minute] = {}
            while len(self._minutes) > KEPT_MINUTES:
                self._minutes.popitem(last=False)
        return self._minutes[minute].setdefault(symbol, Candle())

    def rows(self, symbol: int, start_s: int, end_s: int, minutes: int) -> list[tuple[int, Candle, int]]:
        """(end of the interval, candle, the price before it or -1) ascending, of intervals that end within the span and had any event."""
        width, merged = minutes * MINUTE_S, OrderedDict[int, Candle]()
        for minute, markets in self._minutes.items():
            if symbol in markets:
                merged.setdefault(minute - minute % width + width, Candle()).merge(markets[symbol])
        found, previous = [], -1
        for end, candle in merged.items():
            if start_s <= end <= end_s:
                found.append((end, candle, previous))
            previous = candle.price.close if candle.price.open >= 0 else previous
        return found

    def day_volume(self, symbol: int, now_us: int) -> int:
        """Of the last 24 hours, as far as they are kept."""
        since = now_us // 1_000_000 - 86_400
        return sum(markets[symbol].volume for minute, markets in self._minutes.items() if minute >= since and symbol in markets)


def mean(candle: Candle) -> int:
    return min(DOLLAR, round(candle.cost / candle.volume)) if candle.volume else 0
