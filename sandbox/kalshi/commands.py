"""What faults do to single markets and events: pauses, early closes, amended rules, finer grids, other fees, announced windows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.faults import Fault
from sandbox.kalshi.grids import prices
from sandbox.kalshi.listings import Listing

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi

CLOSES_IN_US = 1_000_000


class Commands:
    def __init__(self, venue: "Kalshi") -> None:
        self._venue = venue
        self.windows: list[tuple[int, int]] = []  # maintenance that was announced, in µs
        self.fee_changes: list[dict[str, Any]] = []
        self._actions: dict[str, Callable[[int, Listing, Fault], None]] = {
            "pause": self._pause,
            "close_early": self._close_early,
            "amend": self._amend,
            "regrid": self._regrid,
            "fee_override": self._fee_override,
        }

    def begin(self, fault: Fault) -> None:
        action = self._actions.get(fault.kind)
        symbol = self._chosen(fault) if action else None
        if action and symbol is not None:
            fault.fields["symbol"] = self._venue.names[symbol]
            action(symbol, self._venue.universe.markets[symbol], fault)
            self._venue.unsaved = True

    def over(self, fault: Fault) -> None:
        symbol = self._venue.index.get(fault.fields.get("symbol") or "", -1)
        if symbol < 0:
            return
        row = self._venue.universe.markets[symbol]
        if fault.kind == "pause" and row.status == "inactive":
            self._venue.lifecycle.change(symbol, "active", self._venue.clock.now_us())
            self._venue.told.activated(row)
        elif fault.kind == "fee_override":
            self._override(row, None, None)

    def _chosen(self, fault: Fault) -> int | None:
        """The market that is named, else the busiest that trades; a finer grid is for those with whole cents."""
        named = self._venue.index.get(fault.fields["symbol"] or "")
        if named is not None:
            return named
        rows = enumerate(self._venue.universe.markets)
        trading = [(row.activity, symbol) for symbol, row in rows if row.status == "active" and (fault.kind != "regrid" or _coarse(row))]
        return max(trading)[1] if trading else None

    def _pause(self, symbol: int, row: Listing, fault: Fault) -> None:
        self._venue.lifecycle.change(symbol, "inactive", self._venue.clock.now_us())
        self._venue.told.deactivated(row)

    def _close_early(self, symbol: int, row: Listing, fault: Fault) -> None:
        row.close_us = row.updated_us = self._venue.clock.now_us() + CLOSES_IN_US
        self._venue.told.close_date_updated(row)

    def _amend(self, symbol: int, row: Listing, fault: Fault) -> None:
        row.rules, row.strike, row.updated_us = f"{row.rules} Amended.", row.strike + 0.5, self._venue.clock.now_us()
        row.sub_title = f"Above {row.strike:g}"
        self._venue.told.metadata_updated(row)

    def _regrid(self, symbol: int, row: Listing, fault: Fault) -> None:
        """Every price of the old grid is one of the new."""
        before, after = prices(row.structure), prices("deci_cent")
        book = self._venue.market.book(symbol)
        row.structure, row.updated_us = "deci_cent", self._venue.clock.now_us()
        moved = {side: {after.index(before[place]): count for place, count in levels.items()} for side, levels in book.sides.items()}
        self._venue.market.regrid(symbol, moved)
        self._venue.told.price_level_structure_updated(row)

    def _fee_override(self, symbol: int, row: Listing, fault: Fault) -> None:
        self._override(row, str(fault.fields["fee_type"]), float(fault.fields["fee_multiplier"]))

    def _override(self, row: Listing, fee_type: str | None, multiplier: float | None) -> None:
        event, now_us = self._venue.universe.events[row.event], self._venue.clock.now_us()
        event.fee_type_override, event.fee_multiplier_override, event.updated_us = fee_type, multiplier, now_us
        names = {"id": f"fee-{len(self.fee_changes) + 1}", "event_ticker": event.ticker, "series_ticker": event.series}
        change = {"fee_type_override": fee_type, "fee_multiplier_override": multiplier, "scheduled_us": now_us}
        self.fee_changes.append({**names, **change})
        self._venue.told.fee_updated(event)


def _coarse(row: Listing) -> bool:
    return row.structure == "linear_cent"
