"""One-minute candles of the emitted trades, kept as exact integers; wider intervals are merged from them."""

from collections import OrderedDict

import numpy as np

MINUTE_MS = 60_000
KEPT_MINUTES = 2 * 24 * 60
CANDLE = np.dtype(
    [
        ("symbol", "<u4"),
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("volume", "<i8"),
        ("quote_volume", "<i8"),
        ("taker_volume", "<i8"),
        ("taker_quote_volume", "<i8"),
        ("trades", "<i8"),
        ("first_id", "<i8"),
        ("last_id", "<i8"),
    ]
)
SUMMED = ("volume", "quote_volume", "taker_volume", "taker_quote_volume", "trades")


def merged(earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Two candles of the same instrument as one; an earlier one without trades counts for nothing."""
    result = later.copy()
    has = earlier["trades"] > 0
    for name in ("open", "first_id"):
        result[name] = np.where(has, earlier[name], later[name])
    result["high"] = np.where(has, np.maximum(earlier["high"], later["high"]), later["high"])
    result["low"] = np.where(has, np.minimum(earlier["low"], later["low"]), later["low"])
    for name in SUMMED:
        result[name] = earlier[name] + later[name]
    return result


class Candles:
    """Prices are counted in units of the last price decimal, volumes in steps, quote volumes in their product."""

    def __init__(self, price_units: np.ndarray, quantity_units: np.ndarray) -> None:
        self._price_units, self._quantity_units = price_units, quantity_units
        self.minute_ms = 0
        self.live = np.zeros(len(price_units), CANDLE)
        self._minutes: OrderedDict[int, np.ndarray] = OrderedDict()

    def extend(self, price_units: np.ndarray, quantity_units: np.ndarray) -> None:
        added = len(price_units) - len(self._price_units)
        self._price_units, self._quantity_units = price_units, quantity_units
        self.live = np.append(self.live, np.zeros(added, CANDLE))

    def replay(self, trades: np.ndarray) -> None:
        """Take in a sealed segment of the ledger."""
        minutes = trades["event_us"] // (MINUTE_MS * 1000)
        bounds = np.flatnonzero(np.diff(minutes)) + 1
        for part in np.split(np.asarray(trades), bounds):
            if len(part):
                self.add(part[np.argsort(part["symbol"], kind="stable")])

    def add(self, batch: np.ndarray) -> None:
        """Take in trades of one minute, sorted by instrument."""
        self.roll(int(batch["event_us"][0]) // 1000)
        rows = self._summary(batch)
        self.live[rows["symbol"]] = merged(self.live[rows["symbol"]], rows)

    def roll(self, now_ms: int) -> bool:
        """Close the minute if it is over."""
        minute_ms = now_ms - now_ms % MINUTE_MS
        if minute_ms <= self.minute_ms:
            return False
        traded = self.live[self.live["trades"] > 0]
        if len(traded):
            self._minutes[self.minute_ms] = traded
        while self._minutes and next(iter(self._minutes)) < minute_ms - KEPT_MINUTES * MINUTE_MS:
            self._minutes.popitem(last=False)
        self.live = np.zeros(len(self.live), CANDLE)
        self.minute_ms = minute_ms
        return True

    def _summary(self, batch: np.ndarray) -> np.ndarray:
        symbols = batch["symbol"]
        starts = np.flatnonzero(np.concatenate(([True], symbols[1:] != symbols[:-1])))
        lasts = np.append(starts[1:], len(batch)) - 1
        price = np.rint(batch["price"] * self._price_units[symbols]).astype(np.int64)
        steps = np.rint(batch["quantity"] * self._quantity_units[symbols]).astype(np.int64)
        taker = steps * (batch["buyer_maker"] == 0)
        rows = np.zeros(len(starts), CANDLE)
        rows["symbol"] = symbols[starts]
        rows["open"], rows["close"] = price[starts], price[lasts]
        rows["high"], rows["low"] = np.maximum.reduceat(price, starts), np.minimum.reduceat(price, starts)
        turnover = self._turnover(symbols, steps, price)
        sums = (steps, turnover, taker, np.where(taker > 0, turnover, 0), self._fills(batch))
        for name, values in zip(SUMMED, sums, strict=True):
            rows[name] = np.add.reduceat(values, starts)
        rows["first_id"], rows["last_id"] = batch["first_id"][starts], batch["last_id"][lasts]
        return rows

    def _turnover(self, symbols: np.ndarray, steps: np.ndarray, price: np.ndarray) -> np.ndarray:
        return np.asarray(steps * price)

    def _fills(self, batch: np.ndarray) -> np.ndarray:
        return np.asarray(batch["last_id"] - batch["first_id"] + 1)

    def at(self, symbol: int, minute_ms: int) -> np.ndarray | None:
        """The candle of one minute, None without trades."""
        if minute_ms == self.minute_ms:
            row = self.live[symbol]
            return row if row["trades"] else None
        rows = self._minutes.get(minute_ms)
        if rows is None:
            return None
        position = int(np.searchsorted(rows["symbol"], symbol))
        found = position < len(rows) and rows["symbol"][position] == symbol
        return rows[position] if found else None

    def _close_before(self, symbol: int, minute_ms: int) -> int | None:
        for earlier in reversed(self._minutes):
            if earlier < minute_ms:
                row = self.at(symbol, earlier)
                if row is not None:
                    return int(row["close"])
        return None

    def rows(self, symbol: int, start_ms: int, end_ms: int, interval_ms: int, limit: int) -> list[tuple[int, np.ndarray]]:
        """(open time, candle) per interval, ascending; intervals without trades repeat the last close."""
        oldest_ms = next(iter(self._minutes), self.minute_ms)
        start_ms = max(start_ms, oldest_ms - oldest_ms % interval_ms)
        start_ms += -start_ms % interval_ms
        end_ms = min(end_ms, self.minute_ms + MINUTE_MS - 1)
        close = self._close_before(symbol, start_ms)
        found: list[tuple[int, np.ndarray]] = []
        for open_ms in range(start_ms, end_ms + 1, interval_ms):
            if len(found) == limit:
                break
            row = self._interval(symbol, open_ms, interval_ms)
            if row is None and close is None:
                continue
            if row is None:
                row = np.zeros((), CANDLE)
                row["open"] = row["high"] = row["low"] = row["close"] = close
            close = int(row["close"])
            found.append((open_ms, row))
        return found

    def _interval(self, symbol: int, open_ms: int, interval_ms: int) -> np.ndarray | None:
        total: np.ndarray | None = None
        for minute_ms in range(open_ms, min(open_ms + interval_ms, self.minute_ms + 1), MINUTE_MS):
            row = self.at(symbol, minute_ms)
            if row is not None:
                total = row if total is None else merged(total, row)
        return total

    def day(self) -> np.ndarray:
        """Candles of the last 24 hours, one row per instrument; zero trades where there were none."""
        total = np.zeros(len(self.live), CANDLE)
        total["symbol"] = np.arange(len(total))
        since_ms = self.minute_ms - (24 * 60 - 1) * MINUTE_MS
        for rows in [rows for minute_ms, rows in self._minutes.items() if minute_ms >= since_ms]:
            total[rows["symbol"]] = merged(total[rows["symbol"]], rows)
        rows = self.live[self.live["trades"] > 0]
        total[rows["symbol"]] = merged(total[rows["symbol"]], rows)
        return total
