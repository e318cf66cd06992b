"""Markets, events and series as answers describe them, and which of them the live answers know no more."""

from typing import Any

from sandbox.kalshi.grids import DOLLAR, DOLLARS, contracts, ranges
from sandbox.kalshi.lifecycle import GONE
from sandbox.kalshi.listings import Event, Listing, Series
from sandbox.kalshi.times import rfc3339
from sandbox.kalshi.venue import Kalshi

CUTOFF_STEPS = 20  # the archive takes over in so many steps of the time that the live answers hold


class Descriptions:
    def __init__(self, venue: Kalshi) -> None:
        self._venue = venue

    def cutoff_us(self) -> int:
        """What is older stands in /historical only; it moves on by itself."""
        held_us = int(self._venue.config.live_seconds * 1e6)
        step_us = max(held_us // CUTOFF_STEPS, 1)
        return (self._venue.clock.now_us() - held_us) // step_us * step_us

    def archived(self, row: Listing) -> bool:
        return row.final and row.settled_us < self.cutoff_us()

    def market(self, row: Listing) -> dict[str, Any]:
        symbol = self._venue.index[row.name]
        totals, (bid, bids, ask, asks) = self._venue.market.totals[symbol], self._venue.market.top(symbol)
        prices = {"yes_bid": bid, "yes_ask": ask, "no_bid": DOLLAR - ask, "no_ask": DOLLAR - bid, "last_price": totals.last_price}
        prices |= {"previous_yes_bid": bid, "previous_yes_ask": ask, "previous_price": totals.last_price, "notional_value": DOLLAR}
        day = self._venue.candles.day_volume(symbol, self._venue.clock.now_us()) + row.base_volume // 4
        counts = {"yes_bid_size": bids, "yes_ask_size": asks, "volume": totals.volume, "volume_24h": day}
        return {
            "ticker": row.name,
            "event_ticker": row.event,
            "market_type": row.kind,
            "title": self._venue.universe.title_of(row),
            "yes_sub_title": row.sub_title,
            "no_sub_title": row.sub_title,
            **{f"{name}_dollars": DOLLARS[price] for name, price in prices.items()},
            **{f"{name}_fp": contracts(count) for name, count in (counts | {"open_interest": totals.open_interest}).items()},
            **self._times(row),
            **self._outcome(row),
            **self._terms(row),
            **({"is_provisional": True} if row.provisional else {}),
            **self._legs(row),
        }

    def _times(self, row: Listing) -> dict[str, Any]:
        times = {"created": row.created_us, "updated": row.updated_us, "open": row.open_us, "close": row.close_us}
        times |= {"expected_expiration": row.close_us + 300_000_000, "latest_expiration": row.close_us + 7 * 86_400_000_000}
        return {f"{name}_time": rfc3339(us) for name, us in times.items()}

    def _outcome(self, row: Listing) -> dict[str, Any]:
        known: dict[str, Any] = {"status": row.status, "result": row.result, "expiration_value": f"{row.strike:g}" if row.result else ""}
        known |= {"settlement_timer_seconds": row.settle_seconds, "settlement_bounds_type": "default"}
        if row.result:
            known["settlement_value_dollars"] = DOLLARS[row.value]
        return known | ({"settlement_ts": rfc3339(row.settled_us)} if row.settled_us else {})

    def _terms(self, row: Listing) -> dict[str, Any]:
        return {
            "can_close_early": True,
            "early_close_condition": "This market will close early if the event occurs.",
            **row.strikes,
            "rules_primary": row.rules,
            "rules_secondary": row.more_rules,
            "price_level_structure": row.structure,
            "price_ranges": ranges(row.structure),
            "exchange_index": row.exchange_index,
        }

    def _legs(self, row: Listing) -> dict[str, Any]:
        if not row.combo:
            return {}
        legs = [{"event_ticker": name.rpartition("-")[0], "market_ticker": name, "side": "yes"} for name in row.legs]
        return {"mve_collection_ticker": f"{row.series}-R", "mve_selected_legs": legs}

    def markets_of(self, event: Event) -> list[dict[str, Any]]:
        return [self.market(row) for row in self._venue.universe.markets if row.event == event.ticker and row.status != GONE]

    def event(self, row: Event, *, nested: bool) -> dict[str, Any]:
        series = self._venue.universe.series[row.series]
        override = {"fee_type_override": row.fee_type_override, "fee_multiplier_override": row.fee_multiplier_override}
        return {
            "event_ticker": row.ticker,
            "series_ticker": row.series,
            "title": row.title,
            "sub_title": row.sub_title,
            "collateral_return_type": "MECNET" if row.exclusive else "",
            "mutually_exclusive": row.exclusive,
            "category": series.category,
            "strike_date": rfc3339(row.strike_us),
            "settlement_sources": [{"name": series.source, "url": "https://example.com/source"}],
            "last_updated_ts": rfc3339(row.updated_us),
            "exchange_index": series.exchange_index,
            **(override if row.fee_type_override else {}),
            **({"markets": self.markets_of(row)} if nested else {}),
        }

    def series(self, row: Series) -> dict[str, Any]:
        return {
            "ticker": row.ticker,
            "title": row.title,
            "category": row.category,
            "categories": [row.category],
            "tags": [row.category],
            "frequency": row.frequency,
            "settlement_sources": [{"name": row.source, "url": "https://example.com/source"}],
            "contract_url": "https://example.com/contract.pdf",
            "contract_terms_url": "https://example.com/terms.pdf",
            "fee_type": row.fee_type,
            "fee_multiplier": row.fee_multiplier,
            "additional_prohibitions": [],
            "exchange_index": row.exchange_index,
        }
