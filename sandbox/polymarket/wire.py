"""Frames of the market channel as the simulated Polymarket writes them. Shapes and key order as in frames recorded 2026-07 and 2026-08."""

import json
import re
from typing import Any, NamedTuple

from sandbox.polymarket.books import PRICES, SIDES, Book, exact_text, last_trade_text, size_text
from sandbox.polymarket.flow import Fill
from sandbox.polymarket.universe import TAG_IDS, UNIT, Market


class Told(NamedTuple):
    """One change of one token in a frame."""

    token: int
    side: int
    units: int
    micro: int
    hash: str
    bid: int
    ask: int


def book(market: Market, token: int, state: Book, *, greeting: bool) -> bytes:
    """After a subscribe with tick size and last trade; after a trade without (recorded 2026-07-20)."""
    head = f'"market":"{market.condition}","asset_id":"{market.tokens[token]}"'
    if greeting:
        tail = f'"tick_size":"{PRICES[market.tick]}","event_type":"book","last_trade_price":"{last_trade_text(market.last_trade)}"'
        return f'{{{head},"timestamp":"{state.changed_ms}","hash":"{state.hashes[token]}",{state.sides(token)},{tail}}}'.encode()
    middle = f'"hash":"{state.hashes[token]}","timestamp":"{state.changed_ms}"'
    return f'{{{head},{state.sides(token)},{middle},"event_type":"book"}}'.encode()


def price_change(market: Market, changes: list[Told], now_ms: int) -> bytes:
    rows = ",".join(
        f'{{"asset_id":"{market.tokens[row.token]}","price":"{PRICES[row.units]}","size":"{size_text(row.micro)}",'
        f'"side":"{SIDES[row.side]}","hash":"{row.hash}","best_bid":"{PRICES[row.bid]}","best_ask":"{PRICES[row.ask]}"}}'
        for row in changes
    )
    return f'{{"market":"{market.condition}","price_changes":[{rows}],"timestamp":"{now_ms}","event_type":"price_change"}}'.encode()


def last_trade_price(market: Market, fill: Fill, transaction: bytes, now_ms: int) -> bytes:
    head = f'"market":"{market.condition}","asset_id":"{market.tokens[fill.token]}"'
    values = f'"price":"{PRICES[fill.units]}","size":"{exact_text(fill.micro)}","fee_rate_bps":"0","side":"{side_of(fill)}"'
    tail = f'"timestamp":"{now_ms}","event_type":"last_trade_price","transaction_hash":"0x{transaction.hex()}"'
    return f"{{{head},{values},{tail}}}".encode()


def side_of(fill: Fill) -> str:
    return "BUY" if fill.bought else "SELL"


def best_bid_ask(market: Market, token: int, bid: int, ask: int, now_ms: int) -> bytes:
    head = f'"market":"{market.condition}","asset_id":"{market.tokens[token]}"'
    values = f'"best_bid":"{PRICES[bid]}","best_ask":"{PRICES[ask]}","spread":"{PRICES[min(ask - bid, UNIT)]}"'
    return f'{{{head},{values},"timestamp":"{now_ms}","event_type":"best_bid_ask"}}'.encode()


def tick_size_change(market: Market, token: int, old: int, now_ms: int) -> bytes:
    frame = {
        "market": market.condition,
        "asset_id": market.tokens[token],
        "old_tick_size": PRICES[old],
        "new_tick_size": PRICES[market.tick],
        "timestamp": str(now_ms),
        "event_type": "tick_size_change",
    }
    return encode(frame)


def new_market(market: Market, description: str, now_ms: int) -> bytes:
    fees = {"exponent": "1", "rate": str(market.kind.fee_rate), "taker_only": True, "rebate_rate": "0.2"}
    frame = {
        "id": market.id,
        "question": market.title,
        "market": market.condition,
        "slug": market.slug,
        "description": description,
        "assets_ids": list(market.tokens),
        "outcomes": list(market.outcomes),
        "event_message": event_message(market, description),
        "timestamp": str(now_ms),
        "event_type": "new_market",
        "tags": [market.kind.tag.lower()],
        "condition_id": market.condition,
        "active": True,
        "clob_token_ids": list(market.tokens),
        "sports_market_type": "",
        "line": "",
        "game_start_time": "",
        "order_price_min_tick_size": PRICES[market.tick],
        "group_item_title": str(market.place + 1),
        "taker_base_fee": "1000" if market.kind.fee_rate else "0",
        "fees_enabled": bool(market.kind.fee_rate),
        **({"fee_schedule": fees} if market.kind.fee_rate else {}),
    }
    return encode(frame)


def event_message(market: Market, description: str) -> dict[str, Any]:
    slug = f"{market.family}-{market.event}"
    return {"id": market.event_id, "ticker": slug, "slug": slug, "title": market.event_title, "description": description}


def market_resolved(market: Market, winner: int, now_ms: int) -> bytes:
    frame = {
        "id": market.id,
        "market": market.condition,
        "assets_ids": list(market.tokens),
        "winning_asset_id": market.tokens[winner],
        "winning_outcome": market.outcomes[winner],
        "timestamp": str(now_ms),
        "event_type": "market_resolved",
        "tags": [market.kind.tag.lower()],
    }
    return encode(frame)


def tag_rows(market: Market) -> list[dict[str, Any]]:
    tag = market.kind.tag
    return [{"id": str(TAG_IDS[tag]), "label": tag, "slug": tag.lower()}]


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# --- what faults do to a frame

_IMPOSSIBLE = (b'"NaN"', b'{"value":1}', b"[]", b"true", b'"Infinity"', b'"-1"')
_VITAL = re.compile(rb'"(?:size|price|timestamp)":"[^"]*"')
_LEADING_ZERO = re.compile(rb'("(?:price|best_bid|best_ask)":")0(\.\d+")')


def corrupted(turn: int, body: bytes) -> bytes:
    """A frame that is valid JSON, with one value no reader may accept."""
    bad = _IMPOSSIBLE[turn % len(_IMPOSSIBLE)]
    return _VITAL.sub(lambda found: found[0].split(b":")[0] + b":" + bad, body, count=1)


def with_bare_prices(body: bytes) -> bytes:
    """`.48` in the place of `0.48`, as older documents have it."""
    return _LEADING_ZERO.sub(rb"\1\2", body)


def with_unknown_fields(body: bytes) -> bytes:
    return body.replace(b'"market":', b'"novelty":{"of":[1,"2",null]},"market":', 1)
