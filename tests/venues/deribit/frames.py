"""Frames as the venue sends them, made of a few words; and columns as plain lists."""

import json
from typing import Any

QUOTE = {
    "timestamp": 1765541767174,
    "instrument_name": "ETH-PERPETUAL",
    "best_ask_price": 2288.5,
    "best_bid_price": 2288.0,
    "best_ask_amount": 99470.0,
    "best_bid_amount": 133440.0,
}
OPTION = {
    "timestamp": 1790755217219,
    "state": "open",
    "stats": {"high": None, "low": None, "price_change": None, "volume": 7.5, "volume_usd": 0.0},
    "greeks": {"delta": 0.74092, "gamma": 2.0e-5, "vega": 132.3649, "theta": -29.43212, "rho": 121.30652},
    "index_price": 83250.78,
    "instrument_name": "BTC-25DEC26-76000-C",
    "last_price": 0.133,
    "settlement_price": 0.12972783,
    "min_price": 0.0945,
    "max_price": 0.1705,
    "open_interest": 480.6,
    "mark_price": 0.1296,
    "interest_rate": 0.0,
    "estimated_delivery_price": 83250.78,
    "best_ask_price": 0.133,
    "best_bid_price": 0.1255,
    "mark_iv": 38.25,
    "bid_iv": 35.6,
    "ask_iv": 40.38,
    "underlying_price": 84222.23,
    "underlying_index": "BTC-25DEC26",
    "best_ask_amount": 29.3,
    "best_bid_amount": 29.3,
}
TRADE = {
    "trade_seq": 92836831,
    "trade_id": "ETH-137487241",
    "timestamp": 1616321478553,
    "tick_direction": 1,
    "price": 0.0425,
    "mark_price": 0.0421,
    "iv": 61.5,
    "instrument_name": "ETH-26DEC26-3000-C",
    "index_price": 2173.74,
    "direction": "buy",
    "amount": 12.0,
    "contracts": 12.0,
}
BOOK = {
    "type": "change",
    "timestamp": 1622627435737,
    "prev_change_id": 90,
    "instrument_name": "ETH-PERPETUAL",
    "change_id": 95,
    "bids": [["delete", 36779.0, 0.0], ["new", 36809.5, 254870.0]],
    "asks": [["change", 37394.0, 42670.0]],
}
INDEX = {"timestamp": 1790755217000, "price": 2526.12, "index_name": "eth_usd"}


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


def sent(name: str, data: Any) -> bytes:
    """A notification of the channel of this name, spaced as the venue does: not at all."""
    document = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": name, "data": data}}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def lists(columns: Any) -> dict[str, list[Any] | None]:
    return {name: column if column is None or isinstance(column, list) else column.tolist() for name, column in columns.items()}
