"""Payloads as the simulated Binance writes them: one byte template per instrument and event, filled by `%`.

A template fills about ten times faster than a JSON encoder, and fixes the digits a venue would write.
"""

from typing import NamedTuple

import numpy as np

from sandbox.engine import Instrument


def quoted(decimals: int) -> str:
    return f'"%.{decimals}f"'


class Templates(NamedTuple):
    """All shapes of one instrument that carry its numbers."""

    book_ticker: bytes
    agg_trade: bytes
    trade: bytes
    mark_price: bytes
    kline: bytes
    rest_agg_trade: bytes
    rest_trade: bytes


def templates(name: str, pair: str, instrument: Instrument, market: int = 1) -> Templates:
    p, q = quoted(instrument.price_decimals), quoted(instrument.quantity_decimals)
    turnover = quoted(instrument.price_decimals + instrument.quantity_decimals)
    s, st = name.replace("%", "%%"), f'"st":{market}'
    texts = (
        f'{{"e":"bookTicker","u":%d,"s":"{s}","ps":"{pair}","b":{p},"B":{q},"a":{p},"A":{q},"T":%d,"E":%d,{st}}}',
        f'{{"e":"aggTrade","E":%d,"a":%d,"s":"{s}","p":{p},"q":{q},"nq":{q},"f":%d,"l":%d,"T":%d,"m":%s,{st}}}',
        f'{{"e":"trade","E":%d,"T":%d,"s":"{s}","t":%d,"p":{p},"q":{q},"X":"MARKET","m":%s,{st}}}',
        f'{{"e":"markPriceUpdate","E":%d,"s":"{s}","p":"%.8f","ap":"%.8f","P":"%.8f","i":"%.8f","r":"%s","T":%d,{st}}}',
        f'{{"e":"kline","E":%d,"s":"{s}","k":{{"t":%d,"T":%d,"s":"{s}","i":"1m","f":%d,"L":%d,"o":{p},"c":{p},"h":{p},"l":{p},'
        f'"v":{q},"n":%d,"x":%s,"q":{turnover},"V":{q},"Q":{turnover},"B":"0"}}}}',
        f'{{"a":%d,"p":{p},"q":{q},"nq":{q},"f":%d,"l":%d,"T":%d,"m":%s}}',
        f'{{"id":%d,"price":{p},"qty":{q},"quoteQty":{turnover},"time":%d,"isBuyerMaker":%s,"isRPITrade":%s}}',
    )
    return Templates(*(text.encode() for text in texts))


BOOL = (b"false", b"true")


def event_ms(rows: np.ndarray) -> list[int]:
    times: list[int] = (rows["event_us"] // 1000).tolist()
    return times


def sent_ms(rows: np.ndarray) -> list[int]:
    """`E` is sometimes a millisecond after `T`, so that a reader who mixes them up is found out."""
    times: list[int] = (rows["event_us"] // 1000 + rows["event_us"] // 1000 % 2).tolist()
    return times


def booleans(column: np.ndarray) -> list[bytes]:
    return [BOOL[value] for value in column.tolist()]


def book_ticker_columns(rows: np.ndarray) -> list[list[object]]:
    names = ("update_id", "bid", "bid_quantity", "ask", "ask_quantity")
    return [*(rows[name].tolist() for name in names), event_ms(rows), sent_ms(rows)]


def agg_trade_columns(rows: np.ndarray) -> list[list[object]]:
    names = ("id", "price", "quantity", "quantity_no_rpi", "first_id", "last_id")
    maker = booleans(rows["buyer_maker"])
    return [sent_ms(rows), *(rows[name].tolist() for name in names), event_ms(rows), maker]


def trade_columns(rows: np.ndarray) -> list[list[object]]:
    numbers = (rows[name].tolist() for name in ("last_id", "price", "quantity"))
    return [sent_ms(rows), event_ms(rows), *numbers, booleans(rows["buyer_maker"])]


def rest_agg_trades(rows: np.ndarray, template: bytes) -> bytes:
    names = ("id", "price", "quantity", "quantity_no_rpi", "first_id", "last_id")
    columns = [*(rows[name].tolist() for name in names), event_ms(rows), booleans(rows["buyer_maker"])]
    return b"[" + b",".join(template % row for row in zip(*columns, strict=True)) + b"]"


def rest_trades(rows: np.ndarray, template: bytes) -> bytes:
    price, quantity = rows["price"], rows["quantity"]
    rpi = booleans((rows["quantity_no_rpi"] < quantity).astype(int))
    numbers = (rows["last_id"].tolist(), price.tolist(), quantity.tolist(), (price * quantity).tolist())
    columns = [*numbers, event_ms(rows), booleans(rows["buyer_maker"]), rpi]
    return b"[" + b",".join(template % row for row in zip(*columns, strict=True)) + b"]"


def wrapped(name: str, payload: bytes) -> bytes:
    return stream_prefix(name) + payload + b"}"


def stream_prefix(name: str) -> bytes:
    return b'{"stream":"' + name.encode() + b'","data":'


def corrupted(kind: str, turn: int, payload: bytes) -> bytes:
    """A frame that is valid JSON of the right event, with one value no reader may accept."""
    key = b'"p":' if kind == "aggTrade" else b'"b":'
    head, rest = payload.split(key, 1)
    value, tail = rest.split(b",", 1)
    bad = (b'"NaN"', b"null", b'{"price":' + value + b"}", b'"Infinity"', b"[]")[turn % 5]
    return head + key + bad + b"," + tail
