"""Instruments that end and begin: states, delivery prices, and the chains listed in their place."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.deribit.names import date_text
from sandbox.deribit.pricing import BASES
from sandbox.deribit.universe import Listing, chain, expiries, utc

if TYPE_CHECKING:
    from sandbox.deribit.venue import Deribit

DELIVERED_AFTER_MS = 2000  # between expiry and delivery the state is `settlement`


class Expiry:
    """Looks at the calendar once a second; with `expiry_seconds` a chain of ETH ends and another begins that often."""

    def __init__(self, venue: "Deribit") -> None:
        self._venue = venue
        self.deliveries: list[dict[str, Any]] = venue.ledger.load("deliveries.json") or []
        self._complete = False

    def delivery_price(self, symbol: int) -> float:
        listing = self._venue.listings[symbol]
        found = [row["price"] for row in self.deliveries if row["expiry_ms"] == listing.expiry_ms and row["base"] == listing.base]
        return float(found[-1]) if found else float(self._venue.market.pricing.index[symbol])

    def end_now(self, name: str | None) -> None:
        """Bring the end of an instrument's chain, or of the nearest one, forward to this moment."""
        venue, now_ms = self._venue, self._venue.clock.now_us() // 1000
        dated = [row for row in venue.listings if row.state == "open" and row.period != "perpetual" and name in (None, row.name)]
        if dated:
            nearest = min(dated, key=lambda row: row.expiry_ms)
            ending = [s for s, row in enumerate(venue.listings) if (row.base, row.expiry_ms) == (nearest.base, nearest.expiry_ms)]
            for symbol in ending:
                venue.listings[symbol] = replace(venue.listings[symbol], expiry_ms=now_ms)

    def run(self, now_ms: int) -> None:
        venue = self._venue
        ending = [symbol for symbol, row in enumerate(venue.listings) if row.state == "open" and row.expiry_ms <= now_ms]
        if ending:
            self._settle(ending, now_ms)
        over = now_ms - DELIVERED_AFTER_MS
        settled = [symbol for symbol, row in enumerate(venue.listings) if row.state == "settlement" and row.expiry_ms <= over]
        if settled:
            venue.set_state(settled, "delivered")
        if ending or not self._complete:
            self._complete = True
            self._list(now_ms)

    def _settle(self, ending: list[int], now_ms: int) -> None:
        venue = self._venue
        known = {(row["base"], row["expiry_ms"]) for row in self.deliveries}
        for symbol in ending:
            listing = venue.listings[symbol]
            if (listing.base, listing.expiry_ms) not in known:
                known.add((listing.base, listing.expiry_ms))
                price = round(float(venue.market.pricing.index[symbol]), 2)
                self.deliveries.append({"base": listing.base, "expiry_ms": listing.expiry_ms, "price": price})
        venue.set_state(ending, "settlement")
        venue.ledger.save("deliveries.json", self.deliveries)

    def _list(self, now_ms: int) -> None:
        venue, now = self._venue, utc(now_ms)
        for base in ("ETH", "BTC"):
            for when, period in expiries(now):
                if f"{base}-{date_text(when)}" not in venue.index:
                    venue.list_rows(self._chain(base, date_text(when), int(when.timestamp() * 1000), period, now_ms))
        short_ms = round(venue.config.expiry_seconds * 1000)
        if short_ms and not any(row.state == "open" and row.period == "short" for row in venue.listings):
            day = next(day for n in range(10_000) if f"ETH-{date_text(day := now + timedelta(days=n))}" not in venue.index)
            venue.list_rows(self._chain("ETH", date_text(day), now_ms + short_ms, "short", now_ms))

    def _chain(self, base: str, date: str, expiry_ms: int, period: str, now_ms: int) -> list[Listing]:
        spot = float(self._venue.market.pricing.spot[BASES.index(base)])
        return list(chain(base, date, expiry_ms, period, now_ms, spot))
