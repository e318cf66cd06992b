"""Envelope, heartbeats, logins, credits and the ends of sockets."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

LOGIN = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
RAW = "quote.ETH-PERPETUAL", "ticker.ETH-PERPETUAL.raw"


def code(error: ConnectionClosed) -> int | None:
    return None if error.rcvd is None else error.rcvd.code


def test_the_envelope(client: Any, sandbox: Any) -> None:
    with client() as peer:
        answer = peer.ask("hello", client_name="test", client_version="1")
        assert list(answer) == ["jsonrpc", "id", "result", "usIn", "usOut", "usDiff", "testnet"]
        assert answer["usOut"] - answer["usIn"] == answer["usDiff"] >= 0 and answer["testnet"] is False
        assert "id" not in sandbox.get("/deribit/api/v2/public/get_time")
    body = {"jsonrpc": "2.0", "id": 7, "method": "public/get_index_price", "params": {"index_name": "eth_usd"}}
    status, answer, _ = sandbox.ask("/deribit/api/v2", body)
    assert (status, answer["id"]) == (200, 7) and answer["result"]["index_price"] > 100


REFUSED = [
    ('{"id":1', 11050, "no JSON"),
    ('{"id":1}', -32600, "no method"),
    ('{"id":1,"method":"public/fly"}', -32601, "unknown method"),
    ('{"id":1,"method":"private/buy"}', 13009, "not logged in"),
    ('{"id":1,"method":"public/ticker","params":{"instrument_name":"ETH-1JAN20-1-C"}}', 13020, "unknown instrument"),
    ('{"id":1,"method":"public/get_index_price","params":{}}', -32602, "missing parameter"),
    ('{"id":1,"method":"public/subscribe","params":{"channels":["ticker.ETH-PERPETUAL.raw"]}}', 13778, "raw without login"),
    (
        '{"id":1,"method":"public/auth","params":{"grant_type":"client_credentials","client_id":"a","client_secret":"b"}}',
        13004,
        "wrong secret",
    ),
    ('{"id":1,"method":"public/set_heartbeat","params":{"interval":1}}', -32602, "interval too short"),
]


@pytest.mark.parametrize(("text", "number"), [row[:2] for row in REFUSED], ids=[row[2] for row in REFUSED])
def test_refusals(client: Any, text: str, number: int) -> None:
    with client() as peer:
        peer.socket.send(text)
        assert peer.receive()["error"]["code"] == number


def test_refusals_over_http_are_400(sandbox: Any) -> None:
    for path, number in (
        ("subscribe?channels=x", 10030),
        ("get_order_book?instrument_name=X", 13020),
        ("get_last_trades_by_currency?currency=DOGE", -32602),
    ):
        status, body, _ = sandbox.ask(f"/deribit/api/v2/public/{path}")
        assert (status, body["error"]["code"]) == (400, number)


def test_a_login_opens_raw_channels_and_is_refreshed(client: Any) -> None:
    with client() as peer:
        first = peer.ask("auth", **LOGIN)["result"]
        assert first["expires_in"] == 31_536_000 and first["token_type"] == "bearer"
        second = peer.ask("auth", grant_type="refresh_token", refresh_token=first["refresh_token"])["result"]
        assert second["refresh_token"] != first["refresh_token"]
        again = peer.ask("auth", grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert again["error"]["code"] == 13004, "a refresh token serves once"
        assert set(peer.subscribe(*RAW)) == set(RAW)
        peer.until(lambda _: peer.data("ticker."))


def test_a_token_runs_out(launch: Any) -> None:
    _, client = launch("--token-seconds", "1")
    with client() as peer:
        peer.ask("auth", **LOGIN)
        assert len(peer.subscribe(*RAW)) == 2
        peer.collect(1.2)
        assert peer.ask("subscribe", channels=list(RAW))["error"]["code"] == 13778


def test_unanswered_test_requests_cost_the_socket(launch: Any) -> None:
    sandbox, client = launch("--heartbeat-seconds", "1", "--answer-seconds", "1.5")
    with client() as peer:
        assert peer.ask("set_heartbeat", interval=1)["result"] == "ok"
        kinds = [peer.receive()["params"]["type"] for _ in range(2)]
        assert kinds == ["heartbeat", "test_request"]
        assert peer.ask("test")["result"]["version"]
        peer.until(lambda frame: frame["params"]["type"] == "test_request")
        with pytest.raises(ConnectionClosed) as closed:
            sandbox.drain(peer.socket, 6)
    assert code(closed.value) == 4000 and sandbox.endings() == ["heartbeat close"]


def test_no_heartbeat(launch: Any) -> None:
    sandbox, client = launch("--heartbeat-seconds", "1")
    with client() as peer:
        peer.ask("set_heartbeat", interval=1)
        peer.receive(3)
        sandbox.fault(kind="no_heartbeat", seconds=60)
        with pytest.raises(TimeoutError):
            peer.receive(2.5)


def test_a_socket_for_nothing_dies(launch: Any) -> None:
    _, client = launch("--idle-seconds", "1", "--rate", "0")
    with client() as idle, client() as subscribed, client() as beating:
        subscribed.subscribe("instrument.state.any.any")
        beating.ask("set_heartbeat", interval=10)
        with pytest.raises(ConnectionClosed) as closed:
            idle.receive(5)
        assert code(closed.value) is None, "clients see 1006"
        assert "result" in subscribed.ask("test") and "result" in beating.ask("test")


def test_subscribing_costs_credits(launch: Any) -> None:
    _, client = launch("--credit-refill", "0")
    with client() as peer:
        for _ in range(10):
            assert peer.subscribe("platform_state") == ["platform_state"]
        peer.socket.send(json.dumps({"id": 1, "method": "public/subscribe", "params": {"channels": []}}))
        assert peer.until(lambda frame: "error" in frame)["error"]["code"] == 10028
        with pytest.raises(ConnectionClosed):
            peer.socket.recv(5)


def test_requests_over_http_cost_credits(launch: Any) -> None:
    sandbox, _ = launch("--credit-refill", "0")
    answers = [sandbox.ask("/deribit/api/v2/public/get_time") for _ in range(101)]
    assert [status for status, _, _ in answers] == [200] * 100 + [429]
    assert answers[-1][1]["error"]["code"] == 10028 and "Retry-After" not in answers[-1][2]


def test_connections_of_one_address_are_limited(launch: Any) -> None:
    _, client = launch("--connections", "2")
    with client(), client() as peer:
        with pytest.raises(InvalidStatus) as refused, client():
            pass
        assert refused.value.response.status_code == 429 and "result" in peer.ask("test")


def test_two_venues_in_one_process_keep_their_own_rates(launch: Any, poll: Any) -> None:
    sandbox, _ = launch("--venues", "binance,deribit", "--rate", "300")
    sandbox.ask("/control/rate", {"venue": "deribit", "rate": 0})

    def emitted() -> tuple[int, int]:
        summary = sandbox.get("/control/summary")
        return summary["binance"]["quotes"]["emitted"], summary["deribit"]["quotes"]["emitted"]

    before = emitted()
    poll(lambda: emitted()[0] > before[0] + 100)
    assert emitted()[1] == before[1]
    assert {path.name for path in (sandbox.root / "ledger").iterdir()} == {"binance", "deribit"}
