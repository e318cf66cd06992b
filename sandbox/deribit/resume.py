"""Going on where the ledger ends: ids never restart or repeat, coin prices continue."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sandbox.deribit.venue import Deribit

LEAP = 1_000_000  # change ids used since the last checkpoint: books nobody listened to take ids that the ledger does not hold
COLUMNS = ("next_id", "last", "rising")


def resume(venue: "Deribit") -> None:
    market, kinds = venue.market, venue.ledger.kinds
    saved = venue.ledger.load("checkpoint.json")
    if saved:
        for name in COLUMNS:
            getattr(market, name)[: len(saved[name])] = saved[name]
        market.trade_numbers[:] = saved["trade_numbers"]
        market.quote_number, market.change_id = saved["quote_number"], saved["change_id"] + LEAP
        market.pricing.spot[:] = saved["spot"]
    for _, records in kinds["trades"].sealed():
        venue.candles.replay(records)
        np.maximum.at(market.next_id, records["symbol"], records["id"] + 1)
        np.maximum.at(market.trade_numbers, market.currency[records["symbol"]], records["trade_number"] + 1)
    for _, records in kinds["quotes"].sealed():
        market.quote_number = max(market.quote_number, int(records["number"].max()))
        np.maximum.at(market.quoted_ms, records["symbol"], records["event_us"] // 1000)
    for _, records in kinds["book_deltas"].sealed():
        market.change_id = max(market.change_id, int(records["update_id"].max()) + LEAP)
    market.reseed()
    checkpoint(venue)


def checkpoint(venue: "Deribit") -> None:
    """Keep what segments may take with them when they are deleted."""
    market = venue.market
    columns = {name: getattr(market, name).tolist() for name in (*COLUMNS, "trade_numbers")}
    numbers = {"quote_number": market.quote_number, "change_id": market.change_id, "spot": market.pricing.spot.tolist()}
    venue.ledger.save("checkpoint.json", columns | numbers)
