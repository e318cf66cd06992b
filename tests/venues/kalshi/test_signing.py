"""Signatures hold against the public key, are made anew for each attempt, and give nothing away."""

import base64
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from core.venue import Request
from venues import VENUES
from venues.kalshi import signing, stream

NOW_US = 1_795_300_000_123_456
BOOKS = VENUES["kalshi"].channel("orderbook_delta")


def pem(key: Any, password: bytes | None = None) -> str:
    how = serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    return str(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode())


@pytest.fixture(scope="module", params=["rsa", "ed25519"])
def key(request: pytest.FixtureRequest) -> Any:
    return generate_private_key(65537, 2048) if request.param == "rsa" else Ed25519PrivateKey.generate()


def verify(key: Any, headers: Any, path: str) -> None:
    """As the venue does. Raises InvalidSignature."""
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True)
    text = f"{headers['KALSHI-ACCESS-TIMESTAMP']}GET{path}".encode()
    if isinstance(key, Ed25519PrivateKey):
        key.public_key().verify(signature, text)
    else:
        key.public_key().verify(signature, text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def test_a_handshake_is_signed(key: Any) -> None:
    headers = stream.headers(BOOKS, {"key_id": "me", "private_key": pem(key)}, NOW_US)
    assert (headers["KALSHI-ACCESS-KEY"], headers["KALSHI-ACCESS-TIMESTAMP"]) == ("me", "1795300000123")
    verify(key, headers, "/trade-api/ws/v2")
    with pytest.raises(InvalidSignature):
        verify(key, headers, "/trade-api/v2")


def test_a_request_is_signed_without_its_query(key: Any) -> None:
    credentials = {"key_id": "me", "private_key": pem(key)}
    for request, path in (
        (Request("markets", "/trade-api/v2/markets", {"limit": 5}), "/trade-api/v2/markets"),
        (Request("orderbooks", "/trade-api/v2/markets/orderbooks?tickers=A&tickers=B"), "/trade-api/v2/markets/orderbooks"),
        (Request("orderbook", "/trade-api/v2/markets/{ticker}/orderbook", {"ticker": "A B"}), "/trade-api/v2/markets/A%20B/orderbook"),
    ):
        verify(key, signing.sign(request, credentials, NOW_US), path)


def test_without_a_key_nothing_is_signed() -> None:
    for credentials in ({}, {"key_id": "me"}, {"client_id": "a", "client_secret": "b"}):
        assert stream.headers(BOOKS, credentials, NOW_US) == {}


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(Ed25519PrivateKey.generate(), b"passphrase"),
        "s3cr3t ö",
    ],
    ids=["no key", "another kind", "with a passphrase", "no PEM"],
)
def test_a_key_that_cannot_be_used_is_a_sentence_without_the_key(text: str) -> None:
    with pytest.raises(ValueError, match="give an RSA or Ed25519 key as PEM, without a passphrase") as caught:
        stream.headers(BOOKS, {"key_id": "me", "private_key": text}, NOW_US)
    assert caught.value.__cause__ is None and text not in str(caught.value)
