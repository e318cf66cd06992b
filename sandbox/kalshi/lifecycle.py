"""The life of markets by the clock: opening and closing without a word, determination, dispute, settlement."""

from typing import TYPE_CHECKING

from sandbox.kalshi.listings import Listing
from sandbox.kalshi.subscriptions import ORDERBOOK
from sandbox.kalshi.universe import ROLLING, rolling

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi

DETERMINED_AFTER_US = 2_000_000
DISPUTED_AFTER_US, AMENDED_AFTER_US = 500_000, 1_000_000
HYDRATED_AFTER_US = 1_500_000  # so long a market that was just created is not found by its ticker
GONE = "gone"  # our own word for a provisional market that nobody traded: no answer knows it any more


class Lifecycle:
    """Looks at the clock several times a second; with `short_market_seconds` a short market follows the other."""

    def __init__(self, venue: "Kalshi") -> None:
        self._venue = venue

    def hydrated(self, listing: Listing, now_us: int) -> bool:
        return now_us - listing.created_us >= HYDRATED_AFTER_US

    def run(self, now_us: int) -> None:
        for symbol, row in enumerate(self._venue.universe.markets):
            if row.status not in ("finalized", GONE):
                self._advance(symbol, row, now_us)
        if self._venue.config.short_market_seconds and not any(self._coming(row, now_us) for row in self._venue.universe.markets):
            self._venue.create(rolling(self._venue.universe, now_us, self._venue.config.short_market_seconds))

    def _coming(self, row: Listing, now_us: int) -> bool:
        """Whether a short market is still in the first three quarters of its life."""
        return row.series == ROLLING and row.close_us - now_us > (row.close_us - row.open_us) / 4

    def _advance(self, symbol: int, row: Listing, now_us: int) -> None:
        if row.status == "initialized" and row.open_us <= now_us:
            self.change(symbol, "active", now_us)
        elif row.status in ("active", "inactive") and row.close_us <= now_us:
            self._close(symbol, now_us)
        elif row.status == "closed" and row.close_us + DETERMINED_AFTER_US <= now_us:
            self._determine(symbol, row, now_us)
        elif row.contested and row.status == "determined" and row.determined_us + DISPUTED_AFTER_US <= now_us:
            self.change(symbol, "disputed", now_us)
        elif row.status == "disputed" and row.determined_us + AMENDED_AFTER_US <= now_us:
            self._amend(symbol, row, now_us)
        elif row.status in ("determined", "amended") and row.determined_us + row.settle_seconds * 1_000_000 <= now_us:
            self._settle(symbol, row, now_us)

    def change(self, symbol: int, status: str, now_us: int) -> None:
        row = self._venue.universe.markets[symbol]
        row.status, row.updated_us = status, now_us
        self._venue.market.weigh()
        self._venue.unsaved = True

    def _close(self, symbol: int, now_us: int) -> None:
        """No message says so; the orders are gone, and who listens to the book is sent an empty one (recorded 2026-08)."""
        self.change(symbol, "closed", now_us)
        self._venue.market.clear(symbol)
        for one in self._venue.feeds[ORDERBOOK].listeners[symbol] if symbol < len(self._venue.feeds[ORDERBOOK].listeners) else ():
            self._venue.events.tell_book(one, symbol, now_us)

    def _determine(self, symbol: int, row: Listing, now_us: int) -> None:
        row.value = self._value(symbol, row)
        row.result = {10_000: "yes", 0: "no"}.get(row.value, "scalar")
        row.determined_us = now_us
        self.change(symbol, "determined", now_us)
        fault = self._venue.faults.first("dispute") if not row.scripted else None
        if fault:
            fault.take()
            row.contested = True
        if row.contested:
            row.settle_seconds = max(row.settle_seconds, 3)
        self._venue.told.determined(row)

    def _value(self, symbol: int, row: Listing) -> int:
        if row.comes_to >= 0:
            return 10_000 - row.comes_to if row.contested else row.comes_to
        if row.kind == "scalar":
            return self._venue.market.random.randrange(1, 10_000)
        return 10_000 if self._venue.market.totals[symbol].last_price >= 5_000 else 0

    def _amend(self, symbol: int, row: Listing, now_us: int) -> None:
        """The other side has won after all."""
        row.result = {"yes": "no", "no": "yes"}.get(row.result, row.result)
        row.value, row.determined_us = 10_000 - row.value, now_us
        row.contested = False
        self.change(symbol, "amended", now_us)

    def _settle(self, symbol: int, row: Listing, now_us: int) -> None:
        if row.contested:
            return
        row.settled_us = now_us
        traded = self._venue.market.totals[symbol].volume > 0
        self.change(symbol, "finalized" if traded or not row.provisional else GONE, now_us)
        if row.status != GONE:
            self._venue.told.settled(row)
