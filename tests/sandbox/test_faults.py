"""Every fault does what it says, ends by itself, and leaves a ledger that tells the truth about it."""

import json
import time
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

TORN, SKIPPED, REPEATED, REORDERED, CORRUPTED, TORN_UTF8 = 1, 2, 3, 4, 5, 7
TRADES = "/market/ws/btcusdt@aggTrade"
QUOTES = "/public/ws/btcusdt@bookTicker"


@pytest.fixture(autouse=True)
def clean(sandbox: Any) -> Any:
    sandbox.alone()
    yield
    sandbox.clear()


def rows_of(sandbox: Any, kind: str, fault: int, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["fault"] == fault) & (records["sent_us"] >= since_us)]


def read_until(client: Any, done: Any, seconds: float = 10) -> list[str]:
    deadline, frames = time.monotonic() + seconds, []
    while not (frames and done(frames)):
        assert time.monotonic() < deadline
        frames.append(client.recv(5))
    return frames


def ids(frames: list[str]) -> list[int]:
    return [json.loads(frame)["a"] for frame in frames]


def test_skip(sandbox: Any) -> None:
    since = sandbox.alone()
    with sandbox.open(TRADES) as client:
        before = client.recv(5)
        sandbox.fault(kind="skip", symbol="BTCUSDT", count=3)
        frames = [before, *read_until(client, lambda f: ids(f)[-1] - json.loads(before)["a"] > len(f))]
    missing = sorted(set(range(ids(frames)[0], ids(frames)[-1])) - set(ids(frames)))
    rows = rows_of(sandbox, "trades", SKIPPED, since)
    assert rows["id"].tolist() == missing and len(missing) == 3 and not rows["delivered"].any()


def test_repeat(sandbox: Any) -> None:
    since = sandbox.alone()
    with sandbox.open(TRADES) as client:
        sandbox.fault(kind="repeat", symbol="BTCUSDT", count=2)
        frames = read_until(client, lambda f: len(f) - len(set(f)) == 2)
    twice = sorted({a for a in ids(frames) if ids(frames).count(a) == 2})
    rows = rows_of(sandbox, "trades", REPEATED, since)
    assert rows["id"].tolist() == twice and set(rows["delivered"]) == {1}


@pytest.mark.parametrize(("path", "channel", "kind", "key"), [(TRADES, "aggTrade", "trades", "id")])
def test_reorder(sandbox: Any, path: str, channel: str, kind: str, key: str) -> None:
    since = sandbox.alone()
    with sandbox.open(path) as client:
        sandbox.fault(kind="reorder", channel=channel, symbol="BTCUSDT")
        frames = read_until(client, lambda f: len(f) > 2 and min(np.diff(ids(f[:-1]))) < 0)
    assert sorted(ids(frames)) == list(range(min(ids(frames)), max(ids(frames)) + 1))
    rows = rows_of(sandbox, kind, REORDERED, since)
    swapped = [a for a in ids(frames) if a in rows[key]]
    assert swapped == sorted(rows[key].tolist(), reverse=True) and len(swapped) >= 2


def unreadable(frame: str) -> bool:
    try:
        json.loads(frame)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(("path", "channel", "kind"), [(TRADES, "aggTrade", "trades"), (QUOTES, "bookTicker", "quotes")])
def test_torn(sandbox: Any, path: str, channel: str, kind: str) -> None:
    since = sandbox.alone()
    with sandbox.open(path) as client:
        sandbox.fault(kind="torn", channel=channel, count=2)
        read_until(client, lambda f: sum(map(unreadable, f)) == 2)
    rows = rows_of(sandbox, kind, TORN, since)
    assert len(rows) == 2 and set(rows["delivered"]) == {1}


def test_corrupt(sandbox: Any) -> None:
    since = sandbox.alone()
    with sandbox.open(TRADES) as client:
        sandbox.fault(kind="corrupt", count=3)
        frames = read_until(client, lambda f: sum(not sound(frame) for frame in f) == 3)
    rows = rows_of(sandbox, "trades", CORRUPTED, since)
    assert rows["id"].tolist() == [json.loads(frame)["a"] for frame in frames if not sound(frame)]


def sound(frame: str) -> bool:
    price = json.loads(frame)["p"]
    return isinstance(price, str) and price.replace(".", "").isdigit()


def test_unknown(sandbox: Any) -> None:
    with sandbox.open(TRADES) as client:
        fault = sandbox.fault(kind="unknown", count=2)
        frames = read_until(client, lambda f: sum("unheardOf" in frame for frame in f) == 2)
    assert sandbox.injected(fault) == 2
    noted = [line["text"] for line in sandbox.lines("faults.jsonl") if line["event"] == "injected" and line["fault"] == fault]
    assert noted == [frame for frame in frames if "unheardOf" in frame]


def test_torn_within_a_character(sandbox: Any) -> None:
    since = sandbox.alone()
    with sandbox.open(TRADES) as client:
        sandbox.fault(kind="torn_utf8", count=1)
        with pytest.raises(ConnectionClosed) as closed:
            read_until(client, lambda _: False)
    assert closed.value.sent is not None and closed.value.sent.code == 1007
    rows = rows_of(sandbox, "trades", TORN_UTF8, since)
    assert set(rows["delivered"]) == {1} and len(rows) == 1


def test_huge(sandbox: Any) -> None:
    with sandbox.open(TRADES) as client:
        fault = sandbox.fault(kind="huge", megabytes=2)
        frames = read_until(client, lambda f: len(f[-1]) > 2 << 20)
    assert json.loads(frames[-1])["e"] == "unheardOf"
    [noted] = [line for line in sandbox.lines("faults.jsonl") if line["event"] == "injected" and line["kind"] == "huge"]
    assert noted["fault"] == fault and noted["bytes"] == len(frames[-1]) > 2 << 20 > len(noted["text"])


def test_freeze_of_one_symbol(sandbox: Any, poll: Any) -> None:
    since = sandbox.alone()
    with sandbox.open("/public/ws/btcusdt@bookTicker/ethusdt@bookTicker") as client:
        client.recv(5)
        sandbox.fault(kind="freeze", symbols=["BTCUSDT"], seconds=0.5)
        poll(lambda: len(rows_of(sandbox, "quotes", SKIPPED, since)) > 5)
        seen = read_until(client, lambda f: ended(sandbox, "freeze") and '"BTCUSDT"' in f[-1])
    rows = rows_of(sandbox, "quotes", SKIPPED, since)
    assert not rows["delivered"].any() and set(rows["symbol"]) == {0}
    assert not {json.loads(frame)["u"] for frame in seen} & set(rows["update_id"].tolist())


def ended(sandbox: Any, kind: str) -> bool:
    report = sandbox.get("/control/faults")["binance"]
    return not any(fault["kind"] == kind for fault in report["active"])


@pytest.mark.parametrize("command", [{"kind": "stall"}, {"kind": "silence_route", "channel": "bookTicker"}])
def test_silence_for_a_while(sandbox: Any, command: dict[str, Any]) -> None:
    since = sandbox.alone()
    with sandbox.open(QUOTES) as client:
        client.recv(5)
        sandbox.fault(**command, route="public", seconds=1)
        with pytest.raises(TimeoutError):
            sandbox.drain(client, 0.3)
        assert client.ping().wait(3), "the socket itself lives"
        frame = json.loads(client.recv(5))
    rows = rows_of(sandbox, "quotes", SKIPPED, since)
    assert len(rows) > 5 and not rows["delivered"].any() and frame["u"] > rows["update_id"].max()


def test_half_open(sandbox: Any) -> None:
    with sandbox.open(QUOTES) as client:
        client.recv(5)
        sandbox.fault(kind="half_open", seconds=1)
        with pytest.raises(TimeoutError):
            sandbox.drain(client, 0.3)
        pong = client.ping()
        assert not pong.wait(0.2)
        assert client.recv(5) and pong.wait(5), "it hears again when the fault is over"


def test_drop(sandbox: Any, poll: Any) -> None:
    since = sandbox.alone()
    with sandbox.open(QUOTES) as public, sandbox.open(TRADES) as market:
        seen = [public.recv(5)]
        assert market.recv(5)
        sandbox.fault(kind="drop", route="public")
        with pytest.raises(ConnectionClosed) as closed:
            sandbox.drain(public, 5, seen)
        assert closed.value.rcvd is None and market.recv(5)
    poll(lambda: sandbox.endings().count("drop") == 1)
    quotes = sandbox.records("quotes")
    sent = quotes["update_id"][(quotes["sent_us"] >= since) & (quotes["delivered"] > 0)]
    assert sent[-1] == json.loads(seen[-1])["u"], "what the ledger calls delivered was received before the end"


def test_shutdown_notice(sandbox: Any) -> None:
    with sandbox.open(QUOTES) as client:
        sandbox.fault(kind="shutdown_notice", grace_seconds=0.2)
        frames = read_until(client, lambda f: "serverShutdown" in f[-1])
        with pytest.raises(ConnectionClosed) as closed:
            sandbox.drain(client, 5)
    assert frames and closed.value.rcvd is not None and closed.value.rcvd.code == 1001


def test_maintenance(sandbox: Any, poll: Any) -> None:
    with sandbox.open(QUOTES) as client:
        sandbox.fault(kind="maintenance", seconds=0.6)
        with pytest.raises(ConnectionClosed):
            sandbox.drain(client, 5)
    assert sandbox.ask("/binance/fapi/v1/ping")[0] == 503
    with pytest.raises(InvalidStatus):
        sandbox.open(QUOTES)
    poll(lambda: sandbox.ask("/binance/fapi/v1/ping")[0] == 200)


@pytest.mark.parametrize("silent", [False, True])
def test_ceiling(sandbox: Any, silent: bool) -> None:
    sandbox.fault(kind="ceiling", streams=1, silent=silent, seconds=5)
    with sandbox.open(QUOTES) as client:
        client.send(json.dumps({"method": "SUBSCRIBE", "params": ["ethusdt@bookTicker"], "id": 1}))
        answer = json.loads(read_until(client, lambda f: '"id":1' in f[-1])[-1])
        if silent:
            assert answer == {"result": None, "id": 1}
            assert {json.loads(client.recv(5))["s"] for _ in range(50)} == {"BTCUSDT"}
        else:
            assert answer["error"]["code"] == 4
            with pytest.raises(ConnectionClosed):
                sandbox.drain(client, 5)


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (7, "7")])
def test_rest_429(sandbox: Any, retry_after: int | None, header: str | None) -> None:
    sandbox.fault(kind="rest_429", count=1, retry_after=retry_after)
    status, body, headers = sandbox.ask("/binance/fapi/v1/time")
    assert (status, body["code"], headers.get("Retry-After")) == (429, -1003, header)
    assert sandbox.ask("/binance/fapi/v1/time")[0] == 200


def test_rest_5xx_slow_and_huge(sandbox: Any) -> None:
    sandbox.fault(kind="rest_5xx", count=1, status=502)
    assert sandbox.ask("/binance/fapi/v1/time")[0] == 502
    slow = sandbox.fault(kind="rest_slow", delay_seconds=0.3)
    start = time.monotonic()
    sandbox.get("/binance/fapi/v1/time")
    assert time.monotonic() - start >= 0.3 and sandbox.injected(slow) == 1
    sandbox.clear()
    usual = sandbox.get("/binance/fapi/v1/exchangeInfo")
    huge = sandbox.fault(kind="rest_huge", megabytes=3)
    assert sandbox.get("/binance/fapi/v1/exchangeInfo")["symbols"] == usual["symbols"]
    assert sandbox.injected(huge) == 1


def test_endless_pages(sandbox: Any, poll: Any) -> None:
    poll(lambda: len(sandbox.get("/binance/fapi/v1/aggTrades?symbol=BTCUSDT&limit=20")) == 20)
    sandbox.fault(kind="endless_pages", seconds=5)
    page = sandbox.get("/binance/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=99999999&limit=20")
    assert len(page) == 20


def test_nonsense_is_refused(sandbox: Any) -> None:
    for command in ({"kind": "flood"}, {"kind": "skip", "colour": "red"}, {"kind": "stall", "seconds": "x"}):
        assert sandbox.ask("/control/faults", command)[0] == 400
