"""Channels that follow the clock instead of the market: indices, marks, funding, candles and the platform's state.

They are made only while somebody listens, and are not in the ledger.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.candles import MINUTE_MS
from sandbox.deribit.channels import INDICES, RESOLUTIONS, covers
from sandbox.deribit.pricing import BASES
from sandbox.deribit.tickers import funding
from sandbox.deribit.universe import COINS, Listing

if TYPE_CHECKING:
    from sandbox.deribit.venue import Deribit

PLATFORM_MS = 400  # about 2.6 frames a second were counted (probe of 2026-09)


class Timers:
    def __init__(self, venue: "Deribit") -> None:
        self._venue = venue
        self._turn = 0

    def run(self, now_ms: int, due: Callable[[int], bool]) -> None:
        if due(PLATFORM_MS):
            self._turn += 1
            names = list(INDICES)
            self.platform({"price_index": names[self._turn % len(names)], "locked": False})
        if due(1000):
            self._indices(now_ms)
            self._perpetuals(now_ms)
            self._marks(now_ms)
            self._charts(now_ms)

    def platform(self, data: dict[str, Any]) -> None:
        for channel, sockets in self._venue.hub.feed("platform"):
            self._venue.deliver("platform", channel, sockets, data)

    def state(self, listing: Listing, now_ms: int) -> None:
        for channel, sockets in self._venue.hub.feed("state"):
            if covers(channel, listing):
                row = {"timestamp": now_ms, "state": listing.state, "instrument_name": listing.name}
                self._venue.deliver("state", channel, sockets, row)

    def index_price(self, index: str) -> float:
        base = INDICES[index]
        return round(float(self._venue.market.pricing.spot[BASES.index(base)]), COINS[base].decimals)

    def _indices(self, now_ms: int) -> None:
        for channel, sockets in self._venue.hub.feed("index"):
            row = {"timestamp": now_ms, "price": self.index_price(channel.scope), "index_name": channel.scope}
            self._venue.deliver("index", channel, sockets, row)

    def _perpetuals(self, now_ms: int) -> None:
        pricing = self._venue.market.pricing
        for channel, sockets in self._venue.hub.feed("perpetual"):
            base, index = int(pricing.base[channel.symbol]), float(pricing.index[channel.symbol])
            row = {"timestamp": now_ms, "interest": funding(base, now_ms * 1000), "index_price": index}
            self._venue.deliver("perpetual", channel, sockets, row)

    def _marks(self, now_ms: int) -> None:
        for channel, sockets in self._venue.hub.feed("marks"):
            self._venue.deliver("marks", channel, sockets, self._option_marks(channel.scope, now_ms))

    def _option_marks(self, index: str, now_ms: int) -> list[dict[str, Any]]:
        venue, pricing = self._venue, self._venue.market.pricing
        return [
            {
                "instrument_name": venue.names[symbol],
                "mark_price": float(pricing.mark[symbol]),
                "iv": round(float(pricing.percent[symbol]) / 100, 4),
                "timestamp": now_ms,
            }
            for symbol in np.flatnonzero(pricing.option & venue.market.trading).tolist()
            if venue.listings[symbol].price_index == index
        ]

    def _charts(self, now_ms: int) -> None:
        for channel, sockets in self._venue.hub.feed("chart"):
            width_ms = RESOLUTIONS[channel.interval] * MINUTE_MS
            bars = self._venue.candles.bars(channel.symbol, now_ms - now_ms % width_ms, now_ms, RESOLUTIONS[channel.interval])
            if bars:
                self._venue.deliver("chart", channel, sockets, bars[-1])
