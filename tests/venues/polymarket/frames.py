"""Frames as the venue sends them, made of a few words; and columns as plain lists."""

import json
from typing import Any

MARKET = "0x8bf1c1536ecb1c08fe13c6b71e8ab1f58bf3461c4cb79f5f1679f869a06aef86"
YES = "111604417349377875799825956621596386269673370070912696668140891647145772186047"
NO = "36015050921127306245266044699797268780268172446856063291868548314968920497494"
HASH = "0bb18be1c735730bb3702c3b3dd17436c5e08847"
MS = 1784578733584

BOOK = {
    "market": MARKET,
    "asset_id": YES,
    "bids": [{"price": "0.923", "size": "2256.83"}, {"price": "0.924", "size": "24514.9"}],
    "asks": [{"price": "0.926", "size": "818.1"}, {"price": "0.925", "size": "23403.29"}],
    "hash": HASH,
    "timestamp": str(MS),
    "event_type": "book",
}
TRADE = {
    "market": MARKET,
    "asset_id": YES,
    "price": "0.925",
    "size": "216.216215",
    "fee_rate_bps": "0",
    "side": "BUY",
    "timestamp": "1784578733812",
    "event_type": "last_trade_price",
    "transaction_hash": "0x05cc387abf197675a7c70f63f590f2caefd35533b1b088c80a76e7dcd7685a18",
}
TOP = {
    "market": MARKET,
    "asset_id": YES,
    "best_bid": "0.924",
    "best_ask": "0.925",
    "spread": "0.001",
    "timestamp": str(MS),
    "event_type": "best_bid_ask",
}
RESOLVED = {
    "id": "1031769",
    "market": MARKET,
    "assets_ids": [YES, NO],
    "winning_asset_id": NO,
    "winning_outcome": "No",
    "timestamp": str(MS),
    "event_type": "market_resolved",
}
TICK = {
    "market": MARKET,
    "asset_id": YES,
    "old_tick_size": "0.01",
    "new_tick_size": "0.001",
    "timestamp": str(MS),
    "event_type": "tick_size_change",
}


def change(token: str = YES, side: str = "SELL", price: str = "0.925", size: str = "23403.29", **more: Any) -> dict[str, Any]:
    row = {"asset_id": token, "price": price, "size": size, "side": side, "hash": HASH, "best_bid": "0.924", "best_ask": "0.925"}
    return row | more


def changes(*rows: dict[str, Any], ms: int = MS) -> dict[str, Any]:
    return {"market": MARKET, "price_changes": list(rows), "timestamp": str(ms), "event_type": "price_change"}


def sent(*events: dict[str, Any]) -> bytes:
    """A frame: an object, or an array of several; spaced as the venue does: not at all."""
    document = events[0] if len(events) == 1 else list(events)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def lists(columns: Any) -> dict[str, list[Any] | None]:
    return {name: column if column is None or isinstance(column, list) else column.tolist() for name, column in columns.items()}
