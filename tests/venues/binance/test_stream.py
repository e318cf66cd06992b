"""Binance sockets: addresses, requests, answers, and frames into rows."""

import json

import numpy as np
import pytest

from core.venue import Control
from venues import VENUES
from venues.binance import stream

VENUE = VENUES["binance"]
QUOTES, TRADES = VENUE.channel("bookTicker"), VENUE.channel("aggTrade")
BASE = "wss://fstream.binance.com"

QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":429012276615,"s":"BTCUSDT","ps":"BTCUSDT","b":"76947.30","B":"0.0374",'
    b'"a":"76968.30","A":"2237.2173","T":1789469121938,"E":1789469121959,"st":1}}'
)
TRADE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1789469122045,"a":309896910,"s":"BTCUSDT","p":"76968.30","q":"1046.7650",'
    b'"nq":"1046.0","f":537859420,"l":537859465,"T":1789469121938,"m":true,"st":1}}'
)


def raw(frame: bytes) -> bytes:
    return json.dumps(json.loads(frame)["data"]).encode()


def changed(frame: bytes, **fields) -> bytes:
    """The frame with payload fields set, or left out where None is given."""
    document = json.loads(frame)
    data = {**document["data"], **fields}
    return json.dumps({**document, "data": {k: v for k, v in data.items() if v is not None}}, ensure_ascii=False).encode()


def lists(columns) -> dict:
    return {name: column if column is None or isinstance(column, list) else column.tolist() for name, column in columns.items()}


# --- addresses and requests


def test_each_channel_has_its_route() -> None:
    assert stream.url(BASE, QUOTES, ["BTCUSDT", "ETHUSDT"]) == f"{BASE}/public/stream?streams=btcusdt@bookTicker/ethusdt@bookTicker"
    assert stream.url(BASE + "/", TRADES, ["BTCUSDT_261225"]) == f"{BASE}/market/stream?streams=btcusdt_261225@aggTrade"
    assert stream.url("ws://127.0.0.1:1", TRADES, []) == "ws://127.0.0.1:1/market/stream"


def test_a_symbol_beyond_ascii_is_escaped_in_the_address_and_plain_in_requests() -> None:
    assert stream.url(BASE, QUOTES, ["币USDT"]).endswith("?streams=%E5%B8%81usdt@bookTicker")
    assert json.loads(stream.subscribe(QUOTES, ["币USDT"], 3)[0]) == {"method": "SUBSCRIBE", "params": ["币usdt@bookTicker"], "id": 3}


def test_requests_name_at_most_200_streams_each() -> None:
    requests = [json.loads(request) for request in stream.unsubscribe(TRADES, [f"S{i}" for i in range(450)], 9)]
    assert [(r["method"], len(r["params"]), r["id"]) for r in requests] == [
        ("UNSUBSCRIBE", 200, 9),
        ("UNSUBSCRIBE", 200, 9),
        ("UNSUBSCRIBE", 50, 9),
    ]


# --- answers


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b'{"result":null,"id":1}', Control("ack", 1)),
        (b'{"id":12,"result":["btcusdt@aggTrade"]}', Control("ack", 12)),
        (b'{"result":null,"id":"one"}', Control("ack", None)),
        (b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":7}', Control("error", 7, "4 Too many subscriptions")),
        (b'{"code":2,"msg":"Invalid request: unknown variant"}', Control("error", None, "2 Invalid request: unknown variant")),
        (b'{"error":"plain words"}', Control("error", None, "plain words")),
        (b'{"e":"serverShutdown","E":1789469122045}', Control("closing", None, "serverShutdown")),
        (b'{"event":{"e":"serverShutdown","E":1789469122045}}', Control("closing", None, "serverShutdown")),
        (QUOTE, None),
        (raw(TRADE), None),
        (b'{"data":{"e":"aggTrade"},"stream":"btcusdt@aggTrade"}', None),
        (b"", None),
        (b"[]", None),
        (b'{"result"', None),
    ],
)
def test_answers_are_told_from_data(frame: bytes, expected) -> None:
    assert stream.control(frame) == expected


def test_a_long_error_is_cut() -> None:
    assert len(stream.control(json.dumps({"error": {"code": 1, "msg": "x" * 999}}).encode()).message) == 300


@pytest.mark.parametrize(
    ("frame", "symbol"),
    [
        (QUOTE, "BTCUSDT"),
        (raw(TRADE), ""),  # json.dumps writes blanks, which the venue does not: not told, never told wrongly
        (raw(TRADE).replace(b'": ', b'":'), "BTCUSDT"),
        (b'{"data":{"e":"aggTrade","s":"ETHUSDT"},"stream":"ethusdt@aggTrade"}', "ETHUSDT"),
        ('{"stream":"币安人生usdt@bookTicker","data":{}}'.encode(), "币安人生USDT"),
        (b'{"stream":"\\u5e01usdt@bookTicker","data":{}}', "币USDT"),
        (b'{"stream":"!bookTicker","data":{"e":"bookTicker"}}', ""),
        (b'{"stream":"!markPrice@arr","data":[]}', ""),
        (b'{"stream":"' + b"x" * 500 + b'@bookTicker","data":{}}', ""),
        (b'{"stream":"\xff@bookTicker","data":{}}', ""),
        (b'{"result":null,"id":1}', ""),
        (b"", ""),
    ],
)
def test_the_symbol_of_a_frame_comes_from_its_first_bytes(frame: bytes, symbol: str) -> None:
    assert stream.subscription(frame) == symbol


# --- rows


def test_a_quote(batch) -> None:
    frames = batch([QUOTE])
    assert lists(stream.decode("bookTicker", frames).rows["quotes"]) == {
        "symbol": ["BTCUSDT"],
        "event_at": [1789469121938000],
        "received_at": frames.received_us.tolist(),
        "update_id": [429012276615],
        "bid_price": [76947.3],
        "bid_quantity": [0.0374],
        "ask_price": [76968.3],
        "ask_quantity": [2237.2173],
    }


def test_a_trade(batch) -> None:
    frames = batch([TRADE])
    assert lists(stream.decode("aggTrade", frames).rows["trades"]) == {
        "symbol": ["BTCUSDT"],
        "event_at": [1789469121938000],
        "received_at": frames.received_us.tolist(),
        "trade_id": [309896910],
        "price": [76968.3],
        "quantity": [1046.765],
        "side": [-1],
        "quantity_without_rpi": [1046.0],
        "first_trade_id": [537859420],
        "last_trade_id": [537859465],
    }


def test_columns_have_the_types_the_tables_have(batch) -> None:
    quotes = stream.decode("bookTicker", batch([QUOTE] * 3)).rows["quotes"]
    trades = stream.decode("aggTrade", batch([TRADE] * 3)).rows["trades"]
    assert {name: column.dtype for name, column in quotes.items() if name != "symbol"} == {
        **dict.fromkeys(("event_at", "received_at", "update_id"), np.int64),
        **dict.fromkeys(("bid_price", "bid_quantity", "ask_price", "ask_quantity"), np.float64),
    }
    assert trades["side"].dtype == np.int16
    assert trades["first_trade_id"].dtype == np.int64
    assert trades["quantity_without_rpi"].dtype == np.float64


@pytest.mark.parametrize("shape", ["combined", "raw", "other order", "sized", "mixed"])
def test_rows_do_not_depend_on_the_shape_of_the_frames(shape: str, batch) -> None:
    plain = [changed(TRADE, a=i, m=bool(i % 2), nq="5" if i % 3 else None) for i in range(7)]
    frames = {
        "combined": plain,
        "raw": [raw(frame).replace(b'{"e": "', b'{"e":"') for frame in plain],
        "other order": [json.dumps(dict(reversed(json.loads(frame).items()))).encode() for frame in plain],
        "sized": [json.dumps(json.loads(frame), indent=1).encode() for frame in plain],
        "mixed": [raw(frame) if i % 2 else frame for i, frame in enumerate(plain)],
    }[shape]
    decoded = stream.decode("aggTrade", batch(frames))
    columns = lists(decoded.rows["trades"])
    assert not decoded.rejected
    assert columns["trade_id"] == [0, 1, 2, 3, 4, 5, 6]
    assert columns["side"] == [1, -1, 1, -1, 1, -1, 1]
    assert columns["quantity_without_rpi"] == [None, 5.0, 5.0, None, 5.0, 5.0, None]


def test_absent_values_are_none_for_a_whole_column_or_masked_in_part(batch) -> None:
    old = changed(TRADE, nq=None, st=None)
    assert stream.decode("aggTrade", batch([old, old])).rows["trades"]["quantity_without_rpi"] is None
    assert isinstance(stream.decode("aggTrade", batch([old, TRADE])).rows["trades"]["quantity_without_rpi"], np.ma.MaskedArray)
    assert not isinstance(stream.decode("aggTrade", batch([TRADE])).rows["trades"]["quantity_without_rpi"], np.ma.MaskedArray)


def test_an_old_quote_without_transaction_time_has_its_event_time(batch) -> None:
    decoded = stream.decode("bookTicker", batch([QUOTE, changed(QUOTE, T=None), changed(QUOTE, T=None, E=None)]))
    assert decoded.rows["quotes"]["event_at"].tolist() == [1789469121938000, 1789469121959000]
    assert [(rejected.frame, rejected.reason) for rejected in decoded.rejected] == [(2, "neither T nor E: no event time")]


def test_an_empty_side_of_the_book_is_zero(batch) -> None:
    assert stream.decode("bookTicker", batch([changed(QUOTE, b="0", B="0")])).rows["quotes"]["bid_price"].tolist() == [0.0]


IGNORED = [
    pytest.param(changed(QUOTE, st=2), {"coin_m": 1}, id="COIN-M"),
    pytest.param(TRADE, {"aggTrade": 1}, id="the other channel"),
    pytest.param(raw(TRADE), {"aggTrade": 1}, id="the other channel, raw"),
    pytest.param(b'{"stream":"x","data":{"e":"depthUpdate","b":[["1","2"]]}}', {"depthUpdate": 1}, id="depth"),
    pytest.param(b'{"stream":"x","data":{"e":"kline","k":{}}}', {"kline": 1}, id="kline"),
    pytest.param(
        b'{"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate"},{"e":"markPriceUpdate"}]}', {"markPriceUpdate": 1}, id="array"
    ),
    pytest.param(b'{"stream":"x","data":{"e":"24hrTicker"}}', {"24hrTicker": 1}, id="ticker"),
    pytest.param(b'{"stream":"x","data":{"e":"forceOrder","o":{"s":"X"}}}', {"forceOrder": 1}, id="liquidation"),
    pytest.param(b'{"e":"serverShutdown"}', {"serverShutdown": 1}, id="shutdown"),
    pytest.param(b'{"result":null,"id":1}', {"ack": 1}, id="ack, be it for a stream that does not exist"),
    pytest.param(b'{"error":{"code":1,"msg":"no"},"id":1}', {"error": 1}, id="error"),
]


@pytest.mark.parametrize(("frame", "ignored"), IGNORED)
def test_a_known_frame_without_a_row_is_counted_by_name(frame: bytes, ignored, batch) -> None:
    decoded = stream.decode("bookTicker", batch([QUOTE, frame, QUOTE]))
    assert decoded.ignored == ignored
    assert not decoded.rejected
    assert len(decoded.rows["quotes"]["symbol"]) == 2


REJECTED = [
    pytest.param(QUOTE[:60], "truncated", id="torn"),
    pytest.param(QUOTE[60:], "no event we know", id="second half"),
    pytest.param(b"", "truncated", id="empty"),
    pytest.param(b"\xff\xfe", "malformed", id="binary"),
    pytest.param(QUOTE + QUOTE, "trailing", id="two frames in one"),
    pytest.param(changed(QUOTE, b="nan"), "data.b|`$.b`", id="NaN"),
    pytest.param(changed(QUOTE, a="Infinity"), "`$.a`", id="Infinity"),
    pytest.param(changed(QUOTE, b="-1"), "`$.b`", id="negative price"),
    pytest.param(changed(QUOTE, b=""), "`$.b`", id="empty number"),
    pytest.param(changed(QUOTE, b=[1]), "`$.b`", id="wrong type"),
    pytest.param(changed(QUOTE, u=2**63), "`$.u`", id="beyond int64"),
    pytest.param(changed(QUOTE, u=10**40), "`$.u`", id="huge"),
    pytest.param(changed(QUOTE, T=0), "`$.T`", id="1970"),
    pytest.param(changed(QUOTE, T=1789469121938000), "`$.T`", id="microseconds"),
    pytest.param(changed(QUOTE, s=None), "missing required field `s`", id="no symbol"),
    pytest.param(changed(QUOTE, s="A\0B"), "NUL", id="NUL in the symbol"),
    pytest.param(changed(QUOTE, s="A" * 101), "`$.s`", id="endless symbol"),
    pytest.param(changed(QUOTE, e="bookTicker2"), "unknown event 'bookTicker2'", id="unknown event"),
    pytest.param(changed(QUOTE, e=5), "no event we know", id="event is a number"),
    pytest.param(b'{"stream":"x","data":null}', "no event we know", id="null"),
    pytest.param(b'{"stream":"x","data":[]}', "an array that is empty", id="empty array"),
    pytest.param(b"{}", "no event we know", id="empty object"),
    pytest.param(b"12", "no event we know", id="number"),
    pytest.param(b'{"stream":"x","data":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "recursion|got `array`", id="nested without end"),
]


@pytest.mark.parametrize(("frame", "reason"), REJECTED)
def test_a_bad_frame_is_rejected_alone(frame: bytes, reason: str, batch) -> None:
    first, last = changed(QUOTE, u=1), changed(QUOTE, u=3)
    frames = batch([first, frame, last])
    decoded = stream.decode("bookTicker", frames)
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    assert any(part in decoded.rejected[0].reason for part in reason.split("|")), decoded.rejected
    assert decoded.rows["quotes"]["update_id"].tolist() == [1, 3]
    assert decoded.rows["quotes"]["received_at"].tolist() == frames.received_us[[0, 2]].tolist()


@pytest.mark.parametrize(
    "fields", [{"a": None}, {"p": "0"}, {"q": "0"}, {"p": "nan"}, {"nq": "nan"}, {"m": "buyer"}, {"m": None}, {"f": 2**63}, {"a": -1}]
)
def test_a_bad_trade_is_rejected_alone(fields, batch) -> None:
    decoded = stream.decode(
        "aggTrade", batch([TRADE, changed(TRADE, **fields) if fields != {"q": "0"} else changed(TRADE, q="0.000"), TRADE])
    )
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    assert len(decoded.rows["trades"]["symbol"]) == 2


def test_a_frame_with_an_inner_newline_is_one_frame(batch) -> None:
    frames = batch([QUOTE, QUOTE.replace(b',"data"', b',\n"data"'), QUOTE[:80] + b"\n"])
    assert not frames.lines
    decoded = stream.decode("bookTicker", frames)
    assert len(decoded.rows["quotes"]["symbol"]) == 2
    assert [rejected.frame for rejected in decoded.rejected] == [2]


def test_symbols_beyond_ascii_come_as_they_are(batch) -> None:
    escaped = changed(QUOTE, s="币安人生USDT").replace("币".encode(), b"\\u5e01")
    decoded = stream.decode("bookTicker", batch([changed(QUOTE, s="币安人生USDT"), escaped]))
    assert decoded.rows["quotes"]["symbol"] == ["币安人生USDT", "币安人生USDT"]


@pytest.mark.parametrize(("frame", "_"), [*IGNORED, *REJECTED])
def test_a_good_frame_means_the_same_in_any_company(frame: bytes, _, batch) -> None:
    frames = [changed(QUOTE, st=None), QUOTE, changed(QUOTE, E=0, T="1789469121938")]
    alone = lists(stream.decode("bookTicker", batch(frames)).rows["quotes"])
    among = lists(stream.decode("bookTicker", batch([*frames, frame])).rows["quotes"])
    assert among == alone


# --- recorded frames


def test_recorded_frames_of_a_mixed_connection(recorded, batch, accounted) -> None:
    frames = recorded("binance")
    events = [json.loads(frame)["data"].get("e") for frame in frames]
    for channel, kind in (("bookTicker", "quotes"), ("aggTrade", "trades")):
        decoded = stream.decode(channel, batch(frames))
        without_id = [i for i, frame in enumerate(frames) if events[i] == "aggTrade" == channel and '"a"' not in frame.decode()]
        without_event = [i for i, event in enumerate(events) if event is None]
        assert accounted(decoded) == len(frames)
        assert [rejected.frame for rejected in decoded.rejected] == sorted(without_id + without_event)
        assert len(decoded.rows[kind]["symbol"]) == events.count(channel) - len(without_id)


def test_recorded_frames_by_themselves_take_the_fast_path(recorded, batch) -> None:
    for channel, kind in (("bookTicker", "quotes"), ("aggTrade", "trades")):
        frames = [frame for frame in recorded("binance") if f'"e":"{channel}"'.encode() in frame and b'"a"' in frame]
        assert stream._decode_alike(channel, batch(frames)) is not None
        expected = [json.loads(frame)["data"] for frame in frames]
        columns = lists(stream.decode(channel, batch(frames)).rows[kind])
        assert columns["symbol"] == [data["s"] for data in expected]
        assert columns["event_at"] == [data["T"] * 1000 for data in expected]
        price = "ask_price" if channel == "bookTicker" else "price"
        assert columns[price] == [float(data["a" if channel == "bookTicker" else "p"]) for data in expected]


def test_recorded_aggregate_ids_rise_by_one(recorded, batch) -> None:
    frames = [frame for frame in recorded("binance") if b"sushiusdt@aggTrade" in frame[:40]]
    ids = stream.decode("aggTrade", batch(frames)).rows["trades"]["trade_id"]
    assert len(ids) == 40 and (np.diff(ids) == 1).all()
