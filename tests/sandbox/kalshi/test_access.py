"""Who is let in: signatures as the venue checks them, and what it charges for requests."""

import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

WRONG = {
    "the query is signed too": {"path": "/trade-api/ws/v2?x=1"},
    "the path of REST": {"path": "/trade-api/v2/markets"},
    "a minute late": {"skew_ms": -60_000},
    "a minute early": {"skew_ms": 60_000},
    "seconds, not milliseconds": {"at_ms": 1_795_000_000},
    "the longest salt": {"salt": 222},
    "no salt": {"salt": 0},
    "another method": {"method": "POST"},
    "another account": {"key": "somebody"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_signature_is_refused(client: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatus) as refused, client(**wrong):
        pass
    assert refused.value.response.status_code == 401


def test_a_right_signature_is_let_in(client: Any) -> None:
    with client() as peer:
        assert peer.ask("list_subscriptions") == {"id": 1, "type": "ok", "msg": []}


def test_a_handshake_without_a_signature_is_refused(sandbox: Any) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{sandbox.port}/kalshi/trade-api/ws/v2", proxy=None):
        pass
    assert refused.value.response.status_code == 401


def test_an_edwards_key_signs_too(launch: Any) -> None:
    _, client = launch("--key-type", "ed25519")
    with client() as peer:
        assert peer.ask("list_subscriptions")["msg"] == []
    with pytest.raises(InvalidStatus), client(skew_ms=-60_000):
        pass


def test_a_public_key_can_be_given(sandbox_process: Any, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(pem)
    running = sandbox_process(tmp_path, "--public-key", str(tmp_path / "public.pem"), venue="kalshi")
    assert not (tmp_path / "keys").exists()
    assert running.stop() == 0


def test_the_private_key_is_its_owners(sandbox: Any) -> None:
    assert stat.S_IMODE((sandbox.root / "keys/kalshi.pem").stat().st_mode) == 0o600


def test_bulk_books_want_a_signature(ask: Any, tickers: list[str]) -> None:
    path = f"/markets/orderbooks?tickers={tickers[0]}&tickers={tickers[1]}"
    assert ask(path)[0] == 401
    status, body = ask(path, signed=True)
    assert status == 200 and [row["ticker"] for row in body["orderbooks"]] == tickers[:2]


def test_a_wrong_signature_is_refused_where_none_is_needed(ask: Any) -> None:
    assert ask("/exchange/status")[0] == 200
    assert ask("/exchange/status", signed={"KALSHI-ACCESS-KEY": "sandbox"})[0] == 401


def test_the_path_is_signed_as_the_venues_host_has_it(ask: Any) -> None:
    for base in ("/kalshi", ""):
        assert ask("/account/limits", signed=True, base=base)[0] == 200


def test_tokens_run_out_and_come_back(launch: Any) -> None:
    sandbox, _ = launch("--read-tokens", "40")
    answers = [sandbox.ask("/kalshi/trade-api/v2/exchange/status") for _ in range(8)]
    refused = [(body, headers) for status, body, headers in answers if status == 429]
    # nobody signed: 20 tokens a second, and 40 held; a request costs 10
    assert [status for status, _, _ in answers[:4]] == [200] * 4 and refused
    body, headers = refused[0]
    assert body == {"error": "too many requests"} and "Retry-After" not in headers
