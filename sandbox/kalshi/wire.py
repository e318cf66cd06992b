"""Messages as the simulated Kalshi writes them. Shapes and key order as in frames recorded 2026-06 to 2026-09."""

import re
import uuid
from typing import Any

import msgspec

from sandbox.kalshi.books import NO, YES, Change
from sandbox.kalshi.grids import DOLLAR, DOLLARS, contracts
from sandbox.kalshi.listings import Listing
from sandbox.kalshi.times import rfc3339

encode = msgspec.json.Encoder().encode
#: one record of the ledger
Row = Any
SIDES = {YES: "yes", NO: "no"}
# the first value of a message that a reader cannot do without
_VITAL = {
    "orderbook_delta": re.compile(rb'"delta_fp":[^,}]+'),
    "trade": re.compile(rb'"count_fp":[^,}]+'),
    "ticker": re.compile(rb'"yes_bid_dollars":[^,}]+'),
}
_IMPOSSIBLE = (b'"NaN"', b'"much"', b"[]", b"true", b'"1e999"', b'""')


def frame(type: str, sid: int, seq: int | None, message: bytes, sent_ms: int, command: int | None = None) -> bytes:
    """One message of a subscription; `command` is the id of the command it answers."""
    numbered = b"" if seq is None else b'"seq":%d,' % seq
    answering = b"" if command is None else b'"id":%d,' % command
    return b'{"type":"%b",%b"sid":%d,%b"msg":%b,"sending_ts_ms":%d}' % (type.encode(), answering, sid, numbered, message, sent_ms)


def head(listing: Listing) -> str:
    return f'"market_ticker":"{listing.name}","market_id":"{listing.market_id}"'


def delta(head: str, change: Change, price: int, now_us: int) -> tuple[bytes, bytes]:
    """The message with NO prices as prices of NO, and as prices of YES."""
    tail = f'"delta_fp":"{contracts(change.change)}","side":"{SIDES[change.side]}","ts":"{rfc3339(now_us)}","ts_ms":{now_us // 1000}}}'
    yes = f'{{{head},"price_dollars":"{DOLLARS[price]}",{tail}'.encode()
    if change.side == YES:
        return yes, yes
    return f'{{{head},"price_dollars":"{DOLLARS[DOLLAR - price]}",{tail}'.encode(), yes


def levels(rows: list[tuple[int, int]], *, flip: bool) -> list[tuple[str, str]]:
    return [(DOLLARS[DOLLAR - price if flip else price], contracts(count)) for price, count in rows]


def snapshot(listing: Listing, yes: list[tuple[int, int]], no: list[tuple[int, int]], *, yes_price: bool) -> bytes:
    """A side without orders has no key."""
    body: dict[str, object] = {"market_ticker": listing.name, "market_id": listing.market_id}
    if yes:
        body["yes_dollars_fp"] = levels(yes, flip=False)
    if no:
        body["no_dollars_fp"] = levels(no, flip=not yes_price)
    return encode(body)


def trade_id(row: Row) -> str:
    return str(uuid.UUID(int=int(row["uuid_high"]) << 64 | int(row["uuid_low"])))


def trade(listing: Listing, row: Row) -> dict[str, object]:
    """What the stream and REST both say of a trade."""
    price, no = round(float(row["price"]) * DOLLAR), bool(row["buyer_maker"])
    return {
        "trade_id": trade_id(row),
        "yes_price_dollars": DOLLARS[price],
        "no_price_dollars": DOLLARS[DOLLAR - price],
        "count_fp": contracts(round(float(row["quantity"]) * 100)),
        "taker_side": "no" if no else "yes",
        "taker_outcome_side": "no" if no else "yes",
        "taker_book_side": "ask" if no else "bid",
        "is_block_trade": bool(row["flags"]),
    }


def stream_trade(listing: Listing, row: Row) -> bytes:
    ms = int(row["event_us"]) // 1000
    return encode({**trade(listing, row), "market_ticker": listing.name, "ts": ms // 1000, "ts_ms": ms})


def rest_trade(listing: Listing, row: Row) -> dict[str, object]:
    return {**trade(listing, row), "ticker": listing.name, "created_time": rfc3339(int(row["created_us"]))}


def ticker(listing: Listing, row: Row) -> bytes:
    ms = int(row["event_us"]) // 1000
    prices = {"price": row["last_price"], "yes_bid": row["bid"], "yes_ask": row["ask"] or 1.0}
    counts = {"volume": "total_volume", "open_interest": "open_interest", "yes_bid_size": "bid_quantity", "yes_ask_size": "ask_quantity"}
    return encode(
        {
            "market_ticker": listing.name,
            "market_id": listing.market_id,
            **{f"{name}_dollars": DOLLARS[round(float(price) * DOLLAR)] for name, price in prices.items()},
            **{f"{name}_fp": contracts(round(float(row[column]) * 100)) for name, column in counts.items()},
            "last_trade_size_fp": contracts(round(float(row["last_quantity"]) * 100)),
            "dollar_volume": int(row["dollar_volume"]),
            "dollar_open_interest": int(row["dollar_open_interest"]),
            "ts": ms // 1000,
            "ts_ms": ms,
            "time": rfc3339(ms * 1000),
        }
    )


# --- what faults do to a message


def corrupted(channel: str, turn: int, message: bytes) -> bytes:
    """A message that is valid JSON, with one value no reader may accept."""
    bad = _IMPOSSIBLE[turn % len(_IMPOSSIBLE)]
    return _VITAL[channel].sub(lambda found: found[0].split(b":")[0] + b":" + bad, message, count=1)


def with_unknown_fields(message: bytes) -> bytes:
    return message.replace(b'{"', b'{"novelty":{"of":[1,"2",null]},"', 1)
