"""Replies as the venue sends them, made of a few words."""

import json
from typing import Any

from core.venue import Decoded, Reply
from venues import VENUES

VENUE = VENUES["kalshi"]
#: 2026-08-11 00:15:35.5 UTC
NOW_US = 1_786_407_335_500_000
NOW_S = NOW_US // 1_000_000

LISTED = {
    "ticker": "KXGOLD15M-26AUG102030-30",
    "event_ticker": "KXGOLD15M-26AUG102030",
    "market_type": "binary",
    "title": "Gold price up in next 15 mins?",
    "yes_sub_title": "Target Price: $4,320.10",
    "no_sub_title": "Target price: TBD",
    "created_time": "2026-08-10T00:00:51.433609Z",
    "updated_time": "2026-08-11T00:15:02.5Z",
    "open_time": "2026-08-11T00:15:00Z",
    "close_time": "2026-08-11T00:30:00Z",
    "settlement_timer_seconds": 1,
    "status": "active",
    "yes_bid_dollars": "0.4500",
    "yes_bid_size_fp": "2074.00",
    "yes_ask_dollars": "0.4800",
    "yes_ask_size_fp": "169.74",
    "no_bid_dollars": "0.5200",
    "no_ask_dollars": "0.5500",
    "last_price_dollars": "0.4700",
    "volume_fp": "2233487.48",
    "volume_24h_fp": "2233480.00",
    "open_interest_fp": "618700.14",
    "notional_value_dollars": "1.0000",
    "result": "",
    "rules_primary": "If the price is at least the target, Yes.",
    "rules_secondary": "Rounded to two places.",
    "can_close_early": True,
    "strike_type": "greater_or_equal",
    "floor_strike": 4320.1,
    "price_level_structure": "tapered_deci_cent",
    "price_ranges": [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
        {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
    ],
    "exchange_index": 2,
}
EVENT = {
    "event_ticker": "KXGOLD15M-26AUG102030",
    "series_ticker": "KXGOLD15M",
    "title": "Gold 15 min",
    "sub_title": "Aug 10 - 8:15PM EDT to 8:30PM EDT",
    "category": "Commodities",
    "mutually_exclusive": False,
    "collateral_return_type": "",
    "fee_multiplier_override": 0.5,
    "last_updated_ts": "0001-01-01T00:00:00Z",
    "settlement_sources": [{"name": "Pyth - Gold", "url": "https://app.pyth.com/explore"}, {"name": "Another"}],
}


def listed(**changes: Any) -> dict[str, Any]:
    """A market; None leaves a field out."""
    return {name: value for name, value in {**LISTED, **changes}.items() if value is not None}


def event(*markets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**EVENT, **changes, "markets": list(markets)}


def body(result: Any) -> bytes:
    return result if isinstance(result, bytes) else json.dumps(result).encode()


def reply(poll: str, result: Any, *, received_us: int = NOW_US, **params: Any) -> Reply:
    return Reply(poll, params, body(result), received_us)


def parse(poll: str, result: Any, *, received_us: int = NOW_US, **params: Any) -> Decoded:
    return VENUE.poll(poll).parse(reply(poll, result, received_us=received_us, **params))


def markets(*rows: Any) -> dict[str, Any]:
    return {"cursor": "", "markets": list(rows)}
