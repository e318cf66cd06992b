"""What the lifecycle channels say, to whom, and on which line of the ledger: lifecycle.jsonl."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.emission import NONE
from sandbox.kalshi import wire
from sandbox.kalshi.grids import DOLLAR, DOLLARS, ranges
from sandbox.kalshi.listings import Event, Listing
from sandbox.kalshi.records import DETERMINATION
from sandbox.kalshi.subscriptions import LIFECYCLE
from sandbox.ledger import Lines

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi


class Told:
    def __init__(self, venue: "Kalshi") -> None:
        self._venue = venue
        self._lines = Lines(venue.ledger.folder / "lifecycle.jsonl")

    def close(self) -> None:
        self._lines.close()

    def _tell(self, channel: str, type: str, body: dict[str, Any]) -> None:
        venue, now_us = self._venue, self._venue.clock.now_us()
        listeners = list(venue.hub.all(channel))
        delivered = sum(not venue.troubles.silenced(channel, one.socket) for one in listeners)
        self._lines.add(now_us, type, channel=channel, delivered=delivered, msg=body)
        for one in listeners:
            venue.feeds[channel].tell(one, type, wire.encode(body), now_us // 1000)

    def _market(self, row: Listing, event_type: str, **fields: Any) -> None:
        self._tell(row.lifecycle_channel, row.lifecycle_channel, {"market_ticker": row.name, **fields, "event_type": event_type})

    def created(self, row: Listing) -> None:
        metadata = {
            "name": row.sub_title,
            "title": self._venue.universe.title_of(row),
            "yes_sub_title": row.sub_title,
            "no_sub_title": row.sub_title,
            "rules_primary": row.rules,
            "rules_secondary": "",
            "can_close_early": True,
            "event_ticker": row.event,
            "expected_expiration_ts": row.close_us // 1_000_000,
            "strike_type": "greater",
            "floor_strike": row.strike,
        }
        times = {"open_ts": row.open_us // 1_000_000, "close_ts": row.close_us // 1_000_000}
        body = {"exchange_index": row.exchange_index, **times, "additional_metadata": metadata, "price_level_structure": row.structure}
        self._market(row, "created", **body)

    def event_created(self, event: Event, row: Listing) -> None:
        collateral = "MECNET" if event.exclusive else ""
        body = {"event_ticker": event.ticker, "exchange_index": row.exchange_index, "title": event.title, "subtitle": event.sub_title}
        body |= {"collateral_return_type": collateral, "series_ticker": event.series}
        self._tell(row.lifecycle_channel, "event_lifecycle", body)

    def activated(self, row: Listing) -> None:
        self._market(row, "activated")

    def deactivated(self, row: Listing) -> None:
        self._market(row, "deactivated", is_deactivated=True)

    def close_date_updated(self, row: Listing) -> None:
        self._market(row, "close_date_updated", close_ts=row.close_us // 1_000_000)

    def determined(self, row: Listing) -> None:
        """Two records: of the message, and of what REST says, at `updated_time`, until the market is final."""
        seconds, venue = row.determined_us // 1_000_000, self._venue
        delivered = sum(not venue.troubles.silenced(row.lifecycle_channel, one.socket) for one in venue.hub.all(row.lifecycle_channel))
        told = [(seconds * 1_000_000, delivered), (row.updated_us, 0)]
        head, now_us = venue.index[row.name], venue.clock.now_us()
        rows = [(head, event_us, now_us, row.value / DOLLAR, count, NONE) for event_us, count in told]
        venue.counts["resolutions"].add(batch := np.array(rows, DETERMINATION))
        venue.record("resolutions", batch)
        self._market(row, "determined", determination_ts=seconds, result=row.result, settlement_value=DOLLARS[row.value])

    def settled(self, row: Listing) -> None:
        self._market(row, "settled", settled_ts=row.settled_us // 1_000_000)

    def metadata_updated(self, row: Listing) -> None:
        self._market(row, "metadata_updated", strike_type="greater", floor_strike=row.strike, yes_sub_title=row.sub_title)

    def price_level_structure_updated(self, row: Listing) -> None:
        body = {"price_level_structure": row.structure, "price_ranges": ranges(row.structure)}
        self._market(row, "price_level_structure_updated", **body)

    def fee_updated(self, event: Event) -> None:
        body = {"event_ticker": event.ticker, "fee_type_override": event.fee_type_override}
        self._tell(LIFECYCLE, "event_fee_update", body | {"fee_multiplier_override": event.fee_multiplier_override})
