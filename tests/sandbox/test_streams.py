"""What a plain client receives is what the ledger says, field by field, and silence where the venue is silent."""

import json
import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

COUNT = 300
BOOK_TICKER = ["e", "u", "s", "ps", "b", "B", "a", "A", "T", "E", "st"]
AGG_TRADE = ["e", "E", "a", "s", "p", "q", "nq", "f", "l", "T", "m", "st"]


def collect(client: Any, names: list[str], count: int) -> list[dict[str, Any]]:
    """At least `count` frames, and with the ack of UNSUBSCRIBE the certainty that no more were sent."""
    frames = [json.loads(client.recv(10)) for _ in range(count)]
    client.send(json.dumps({"method": "UNSUBSCRIBE", "params": names, "id": 99}))
    while True:
        frame = json.loads(client.recv(10))
        if frame.get("id") == 99:
            return frames
        frames.append(frame)


def delivered(sandbox: Any, kind: str, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["sent_us"] >= since_us) & (records["delivered"] > 0)]


def test_quotes_received_are_the_quotes_in_the_ledger(sandbox: Any) -> None:
    since = sandbox.alone()
    names = [f"{s}@bookTicker" for s in ("btcusdt", "ethusdt", "币安人生usdt", "btcusdt_261225")]
    with sandbox.open("/public/stream?streams=" + "/".join(names)) as client:
        frames = collect(client, names, COUNT)
    rows, symbols = delivered(sandbox, "quotes", since), sandbox.symbols()
    assert len(rows) == len(frames)
    for row, frame in zip(rows, frames, strict=True):
        data = frame["data"]
        assert frame["stream"] == data["s"].lower() + "@bookTicker"
        assert list(data) == BOOK_TICKER and data["st"] == 1
        assert (symbols[row["symbol"]], row["update_id"], row["event_us"]) == (data["s"], data["u"], data["T"] * 1000)
        for key, name in (("b", "bid"), ("B", "bid_quantity"), ("a", "ask"), ("A", "ask_quantity")):
            assert Decimal(data[key]) == Decimal(repr(float(row[name]))), (key, data)
        assert row["delivered"] == 1 and row["fault"] == 0
    ids, times = [f["data"]["u"] for f in frames], [f["data"]["T"] for f in frames]
    assert ids == sorted(set(ids)) and times == sorted(times)


def test_trades_received_are_the_trades_in_the_ledger(sandbox: Any) -> None:
    since = sandbox.alone()
    names = ["btcusdt@aggTrade", "solusdt@aggTrade", "atomusdt@aggTrade"]
    with sandbox.open("/market/ws/" + "/".join(names)) as client:
        frames = collect(client, names, COUNT // 3)
    rows, symbols = delivered(sandbox, "trades", since), sandbox.symbols()
    assert len(rows) == len(frames)
    for row, data in zip(rows, frames, strict=True):
        assert list(data) == AGG_TRADE
        ids = (symbols[row["symbol"]], row["id"], row["first_id"], row["last_id"], row["event_us"] // 1000)
        assert ids == (data["s"], data["a"], data["f"], data["l"], data["T"])
        assert row["buyer_maker"] == data["m"]
        for key, name in (("p", "price"), ("q", "quantity"), ("nq", "quantity_no_rpi")):
            assert Decimal(data[key]) == Decimal(repr(float(row[name]))), (key, data)
    for symbol in {frame["s"] for frame in frames}:
        ids = [frame["a"] for frame in frames if frame["s"] == symbol]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_two_sockets_count_twice(sandbox: Any) -> None:
    since = sandbox.alone()
    path = "/public/ws/btcusdt@bookTicker"
    with sandbox.open(path) as first, sandbox.open(path) as second:
        seen = [json.loads(second.recv(10))["u"] for _ in range(20)]
        first.recv(10)
    rows = delivered(sandbox, "quotes", since)
    assert set(rows["delivered"][np.isin(rows["update_id"], seen)]) == {2}


SILENT = {
    "market stream on the public route": "/public/ws/btcusdt@aggTrade",
    "public stream on the market route": "/market/ws/btcusdt@bookTicker",
    "market stream without a route": "/ws/btcusdt@aggTrade",
    "anything on the private route": "/private/ws/btcusdt@bookTicker",
    "upper case": "/public/ws/BTCUSDT@bookTicker",
    "unknown symbol": "/public/ws/nopeusdt@bookTicker",
    "unsupported speed": "/public/ws/btcusdt@depth@250ms",
    "a symbol that does not trade": "/public/ws/goneusdt@bookTicker",
}


@pytest.mark.parametrize("path", SILENT.values(), ids=SILENT.keys())
def test_acknowledged_and_silent(sandbox: Any, path: str) -> None:
    name = path.rsplit("/", 1)[1]
    with sandbox.open(path) as client:
        client.send(json.dumps({"method": "SUBSCRIBE", "params": [name], "id": 1}))
        assert json.loads(client.recv(5)) == {"result": None, "id": 1}
        with pytest.raises(TimeoutError):
            client.recv(0.3)


def test_the_pathless_form_delivers_public_streams(sandbox: Any) -> None:
    with sandbox.open("/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker") as client:
        assert {json.loads(client.recv(5))["stream"] for _ in range(20)} == {"btcusdt@bookTicker"}


REQUESTS = [
    ({"method": "LIST_SUBSCRIPTIONS", "id": 3}, {"result": ["nope@depth"], "id": 3}),
    ({"method": "GET_PROPERTY", "params": ["combined"], "id": 4}, {"result": False, "id": 4}),
    ({"method": "SET_PROPERTY", "params": ["combined", True], "id": 5}, {"result": None, "id": 5}),
    ({"method": "GET_PROPERTY", "params": ["combined"], "id": 6}, {"result": True, "id": 6}),
    ({"method": "UNSUBSCRIBE", "params": ["nope@depth"], "id": 7}, {"result": None, "id": 7}),
    ({"method": "LIST_SUBSCRIPTIONS", "id": 8}, {"result": [], "id": 8}),
]


def test_requests_and_answers(sandbox: Any) -> None:
    with sandbox.open("/public/ws/nope@depth") as client:
        for request, answer in REQUESTS:
            client.send(json.dumps(request))
            assert json.loads(client.recv(5)) == answer
        for text, code in (("{", 3), ('{"method":"FLY","id":1}', 2), ('{"method":"SET_PROPERTY","params":["x"]}', 0)):
            client.send(text)
            assert json.loads(client.recv(5))["error"]["code"] == code


@pytest.mark.parametrize("speed", ["depth@100ms", "depth", "depth@500ms"])
def test_depth_events_chain_onto_the_snapshot(sandbox: Any, speed: str) -> None:
    with sandbox.open(f"/public/ws/ethusdt@{speed}") as client:
        events = [json.loads(client.recv(5)) for _ in range(2)]
        snapshot = sandbox.get("/binance/fapi/v1/depth?symbol=ETHUSDT&limit=1000")
        events += [json.loads(client.recv(5)) for _ in range(3)]
        last = sandbox.get("/binance/fapi/v1/depth?symbol=ETHUSDT&limit=1000")
        while events[-1]["u"] < last["lastUpdateId"]:
            events.append(json.loads(client.recv(5)))
    for before, after in pairwise(events):
        assert after["pu"] == before["u"] < after["U"] <= after["u"]
    usable = [event for event in events if event["u"] >= snapshot["lastUpdateId"]]
    assert usable[0]["U"] <= snapshot["lastUpdateId"] <= usable[0]["u"]
    if events[-1]["u"] == last["lastUpdateId"]:
        assert {side: book(snapshot, usable, side) for side in "ab"} == {
            "a": {p: Decimal(q) for p, q in last["asks"]},
            "b": {p: Decimal(q) for p, q in last["bids"]},
        }


def book(snapshot: Any, events: list[Any], side: str) -> dict[str, Decimal]:
    levels = {p: Decimal(q) for p, q in snapshot["asks" if side == "a" else "bids"]}
    for event in events:
        levels |= {p: Decimal(q) for p, q in event[side]}
    return {p: q for p, q in levels.items() if q}


def test_mark_prices_of_all_markets_carry_both_universes(sandbox: Any) -> None:
    with sandbox.open("/market/ws/!markPrice@arr@1s/btcusdt@markPrice@1s") as client:
        frames = [json.loads(client.recv(5)) for _ in range(6)]
    arrays = [frame for frame in frames if isinstance(frame, list)]
    rows = [row for array in arrays for row in array]
    assert {row["st"] for row in rows} == {1, 2}
    assert any({row["s"] for row in array} == {"TSLAUSDT", "XAUUSDT", "NVDAUSDT"} for array in arrays)
    single = next(frame for frame in frames if isinstance(frame, dict))
    assert list(single) == ["e", "E", "s", "p", "ap", "P", "i", "r", "T", "st"]
    assert {row["T"] for row in rows if row["s"] == "BTCUSDT_261225"} == {0}


def test_all_quotes_come_every_five_seconds(sandbox: Any) -> None:
    with sandbox.open("/public/ws/!bookTicker") as client:
        first, start = json.loads(client.recv(6)), time.monotonic()
        rows = [first]
        while rows[-1]["s"] != "BTCUSD_261225":
            rows.append(json.loads(client.recv(5)))
    assert time.monotonic() - start < 3 and {row["st"] for row in rows} == {1, 2} and len(rows) > 50


def test_klines_follow_the_trades(sandbox: Any) -> None:
    with sandbox.open("/market/ws/btcusdt@kline_1m") as client:
        frame = json.loads(client.recv(5))
    assert (frame["e"], frame["s"], frame["k"]["i"], frame["k"]["B"]) == ("kline", "BTCUSDT", "1m", "0")
    assert frame["k"]["T"] == frame["k"]["t"] + 59_999
    low, high = Decimal(frame["k"]["l"]), Decimal(frame["k"]["h"])
    assert low <= Decimal(frame["k"]["o"]) <= high and low <= Decimal(frame["k"]["c"]) <= high


def test_listing_and_delisting(sandbox: Any, poll: Any) -> None:
    with sandbox.open("/market/ws/!contractInfo") as client:
        sandbox.ask("/control/universe", {"list": ["NEWUSDT"], "delist": ["DOGEUSDT"]})
        told = {row["s"]: row["cs"] for row in (json.loads(client.recv(5)) for _ in range(2))}
    assert told == {"NEWUSDT": "TRADING", "DOGEUSDT": "SETTLING"}
    info = sandbox.get("/binance/fapi/v1/exchangeInfo")["symbols"]
    assert {row["symbol"]: row["status"] for row in info if row["symbol"] in told} == told
    index = sandbox.symbols().index("NEWUSDT")
    poll(lambda: np.any(sandbox.records("quotes")["symbol"] == index))
    count = np.count_nonzero(sandbox.records("quotes")["symbol"] == sandbox.symbols().index("DOGEUSDT"))
    emitted = sandbox.summary()["quotes"]["emitted"]
    poll(lambda: sandbox.summary()["quotes"]["emitted"] > emitted + 200)
    assert np.count_nonzero(sandbox.records("quotes")["symbol"] == sandbox.symbols().index("DOGEUSDT")) == count
