"""Messages as the venue sends them, made of a few words; and columns as plain lists."""

import json
from typing import Any

MARKET = "KXGOLD15M-26AUG102030-30"
AT_MS = 1786407333463
UUID = "2d4334aa-5112-3253-ebea-4958a6ec2c97"

BOOK = {
    "market_ticker": MARKET,
    "market_id": "2c0a84d8-9df7-4965-8be3-0a230f12c02e",
    "yes_dollars_fp": [["0.4400", "100.10"], ["0.4500", "2074.00"]],
    "no_dollars_fp": [["0.5200", "169.74"]],
}
DELTA = {
    "market_ticker": MARKET,
    "market_id": "2c0a84d8-9df7-4965-8be3-0a230f12c02e",
    "price_dollars": "0.4900",
    "delta_fp": "-0.10",
    "side": "no",
    "ts": "2026-08-11T00:15:33.463921Z",
    "ts_ms": AT_MS,
}
TICKER = {
    "market_ticker": MARKET,
    "price_dollars": "0.9990",
    "yes_bid_dollars": "0.4500",
    "yes_ask_dollars": "0.5200",
    "yes_bid_size_fp": "2074.00",
    "yes_ask_size_fp": "169.74",
    "last_trade_size_fp": "0.11",
    "volume_fp": "2233487.48",
    "open_interest_fp": "618700.14",
    "dollar_volume": 1116743,
    "ts": AT_MS // 1000,
    "ts_ms": AT_MS,
}
TRADE = {
    "trade_id": UUID,
    "market_ticker": MARKET,
    "yes_price_dollars": "0.4700",
    "no_price_dollars": "0.5300",
    "count_fp": "228.27",
    "taker_side": "no",
    "taker_outcome_side": "no",
    "taker_book_side": "ask",
    "is_block_trade": False,
    "ts": AT_MS // 1000,
    "ts_ms": AT_MS,
}
DETERMINED = {
    "market_ticker": MARKET,
    "determination_ts": 1784501722,
    "result": "no",
    "settlement_value": "0.0000",
    "event_type": "determined",
}


def frame(type: str, message: dict[str, Any] | None = None, *, sid: int = 1, seq: int | None = 7, **more: Any) -> bytes:
    numbered = {} if seq is None else {"seq": seq}
    said = {} if message is None else {"msg": message}
    return json.dumps({"type": type, "sid": sid, **numbered, **said, **more}, separators=(",", ":")).encode()


def snapshot(seq: int = 1, sent_ms: int | None = AT_MS + 5, **changes: Any) -> bytes:
    message = {name: value for name, value in {**BOOK, **changes}.items() if value is not None}
    return frame("orderbook_snapshot", message, seq=seq, **({} if sent_ms is None else {"sending_ts_ms": sent_ms}))


def delta(seq: int = 2, **changes: Any) -> bytes:
    return frame("orderbook_delta", {**DELTA, **changes}, seq=seq)


def ticker(**changes: Any) -> bytes:
    return frame("ticker", {**TICKER, **changes}, sid=2, seq=None)


def trade(seq: int | None = 3, **changes: Any) -> bytes:
    return frame("trade", {**TRADE, **changes}, seq=seq)


def lifecycle(type: str = "market_lifecycle_v2", seq: int = 4, **changes: Any) -> bytes:
    return frame(type, {**DETERMINED, **changes}, seq=seq)


def lists(columns: Any) -> dict[str, list[Any]]:
    """Arrays and masked arrays as lists, an absent value as None."""
    return {name: column if isinstance(column, list) else None if column is None else column.tolist() for name, column in columns.items()}
