"""The venue's limits: streams and messages per socket, pings, lifetimes, request weight, slow consumers."""

import json
import socket
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed


def end_of(sandbox: Any, client: Any) -> tuple[int, list[str]]:
    frames: list[str] = []
    with pytest.raises(ConnectionClosed) as closed:
        sandbox.drain(client, 10, frames)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, frames


def subscribe(names: list[str], request_id: int) -> str:
    return json.dumps({"method": "SUBSCRIBE", "params": names, "id": request_id})


def test_the_1025th_stream_costs_the_connection(sandbox: Any) -> None:
    with sandbox.open("/public/ws") as client:
        client.send(subscribe([f"x{n}@bookTicker" for n in range(1024)], 1))
        assert json.loads(client.recv(5)) == {"result": None, "id": 1}
        client.send(subscribe(["x1024@bookTicker"], 2))
        code, frames = end_of(sandbox, client)
    assert code == 1008 and json.loads(frames[0])["error"]["code"] == 4


def test_too_many_messages_cost_the_connection(sandbox: Any) -> None:
    with sandbox.open("/public/ws") as client:
        for n in range(30):
            client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": n}))
        code, frames = end_of(sandbox, client)
    assert code == 1008 and len(frames) == 15


def test_over_the_weight_come_429_and_then_418(launch: Any) -> None:
    sandbox = launch("--weight-limit", "100", "--ban-seconds", "1", "--symbols", "12")
    path = "/binance/fapi/v1/aggTrades?symbol=BTCUSDT"
    answers = [sandbox.ask(path) for _ in range(30)]
    statuses = [status for status, _, _ in answers]
    assert sorted(set(statuses)) == [200, 418, 429] and statuses[-1] == 418
    limited = answers[statuses.index(429)]
    assert limited[1]["code"] == -1003 and 1 <= int(limited[2]["Retry-After"]) <= 60
    assert int(limited[2]["X-MBX-USED-WEIGHT-1M"]) > 100


def test_pings_and_the_end_of_a_lifetime(launch: Any) -> None:
    sandbox = launch("--ping-seconds", "0.2", "--lifetime-seconds", "1", "--symbols", "12")
    with sandbox.open("/public/ws/btcusdt@bookTicker") as client:
        code, frames = end_of(sandbox, client)
    assert code == 1001 and frames
    assert sandbox.endings() == ["lifetime"]


def test_endings_are_clean(launch: Any) -> None:
    sandbox = launch("--symbols", "12")
    with sandbox.open("/public/ws/btcusdt@bookTicker") as client:
        client.recv(5)
        assert sandbox.stop() == 0
        assert end_of(sandbox, client)[0] == 1001


def test_a_client_that_does_not_read_is_cut_off(launch: Any, poll: Any) -> None:
    sandbox = launch("--rate", "20000", "--symbols", "12", "--max-buffered-mib", "0.25")
    with socket.create_connection(("127.0.0.1", sandbox.port)) as raw:
        names = "/".join(f"{name.lower()}@bookTicker" for name in sandbox.symbols())
        head = f"GET /binance/public/stream?streams={quote(names)} HTTP/1.1\r\nHost: sandbox\r\n"
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        raw.sendall((head + upgrade + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode())
        closed = poll(lambda: [line for line in sandbox.lines("sockets.jsonl") if line["event"] == "closed"], 15)[0]
    assert closed["reason"] == "slow consumer" and closed["unsure_since_us"] > 0
