"""Payloads as the simulated Deribit writes them. Shapes and key order as in frames recorded 2025-12 and 2026-09."""

import re
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from sandbox.deribit.records import BLOCK, COMBO, LIQUIDATION
from sandbox.deribit.universe import Listing

encode = msgspec.json.Encoder().encode
HEAD = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'
TRADE_COLUMNS = (
    "id",
    "trade_number",
    "event_us",
    "tick_direction",
    "price",
    "mark_price",
    "index_price",
    "buyer_maker",
    "quantity",
    "iv",
    "flags",
)
_DECIMALS = re.compile(rb"(?<=[:\[,])-?\d+\.\d+(?=[,}\]])")
# the first value of a frame that a reader cannot do without
_VITAL = {
    "quote": re.compile(rb'"best_ask_price":[^,}]+'),
    "ticker": re.compile(rb'"mark_price":[^,}]+'),
    "trades": re.compile(rb'"price":[^,}]+'),
    "book": re.compile(rb'"change_id":[^,}]+'),
}
_IMPOSSIBLE = (b'"NaN"', b'{"value":1}', b"[]", b"true", b'"Infinity"')


def notification(channel: str, data: bytes) -> bytes:
    return HEAD + channel.encode() + b'","data":' + data + b"}}"


def quote_template(name: str) -> bytes:
    keys = "best_ask_price", "best_bid_price", "best_ask_amount", "best_bid_amount"
    values = ",".join(f'"{key}":%a' for key in keys)
    return notification(f"quote.{name}", f'{{"timestamp":%d,"instrument_name":"{name}",{values}}}'.encode())


def quote_columns(rows: np.ndarray) -> list[list[object]]:
    """An empty side is written as None here and as null by `nulled`."""
    prices = [[price or None for price in rows[name].tolist()] for name in ("ask", "bid")]
    return [(rows["event_us"] // 1000).tolist(), *prices, rows["ask_quantity"].tolist(), rows["bid_quantity"].tolist()]


def nulled(payload: bytes) -> bytes:
    return payload.replace(b":None", b":null") if b":None" in payload else payload


def contract_size(listing: Listing) -> float:
    return listing.grid.lot / 10**listing.grid.amount_decimals if listing.kind == "future" else 1.0


def trades(rows: np.ndarray, listings: list[Listing]) -> list[dict[str, Any]]:
    columns = zip(rows["symbol"].tolist(), *(rows[name].tolist() for name in TRADE_COLUMNS), strict=True)
    return [trade(listings[symbol], *values) for symbol, *values in columns]


def trade(
    listing: Listing, seq: int, number: int, us: int, tick: int, price: float, mark: float, index: float, *rest: Any
) -> dict[str, Any]:
    sold, amount, iv, flags = rest
    row = {
        "trade_seq": seq,
        "trade_id": f"{listing.trade_prefix}{number}",
        "timestamp": us // 1000,
        "tick_direction": tick,
        "price": price,
        "mark_price": mark,
        "instrument_name": listing.name,
        "index_price": index,
        "direction": "sell" if sold else "buy",
        "amount": amount,
        "contracts": round(amount / contract_size(listing), 8),
    }
    if listing.kind == "option":
        row["iv"] = iv
    if flags & LIQUIDATION:
        row["liquidation"] = "T"
    if flags & BLOCK:
        row |= {"block_trade_id": f"{listing.base}-{number}", "block_trade_leg_count": 2}
    if flags & COMBO:
        row |= {"combo_id": f"{listing.base}-CS-{listing.name.split('-')[1]}-1_2", "combo_trade_id": number + 1_000_000}
    return row


# --- what faults do to a payload


def corrupted(channel: str, turn: int, payload: bytes) -> bytes:
    """A frame that is valid JSON, with one value no reader may accept."""
    bad = _IMPOSSIBLE[turn % len(_IMPOSSIBLE)]
    return _VITAL[channel].sub(lambda found: found[0].split(b":")[0] + b":" + bad, payload, count=1)


def with_exponents(payload: bytes) -> bytes:
    """The same numbers in the other spelling of JSON, digit for digit."""
    return _DECIMALS.sub(lambda found: f"{Decimal(found[0].decode()):e}".replace("e+", "e").encode(), payload)


def with_unknown_fields(payload: bytes) -> bytes:
    return payload.replace(b'"instrument_name":', b'"starbase_match_id":77,"novelty":{"of":[1,"2",null]},"instrument_name":')


def with_state(payload: bytes, state: str) -> bytes:
    return re.sub(rb'"state":"[a-z]*"', b'"state":' + encode(state), payload)


def without(payload: bytes, keys: list[str]) -> bytes:
    """Leaves fields out of the frame's data."""
    frame = msgspec.json.decode(payload)
    data = frame.get("params", {}).get("data", frame)  # a trade is disguised before it is put into a frame
    for key in keys:
        data.pop(key, None)
    return encode(frame)
