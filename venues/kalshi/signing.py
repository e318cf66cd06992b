"""Signatures: RSA-PSS or Ed25519, as the key's PEM says, over time, method and path. A key appears in no message and no repr."""

import base64
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from core.venue import Request

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


def headers(credentials: Mapping[str, str], path: str, now_us: int) -> Mapping[str, str]:
    """Of one GET: the venue refuses a time that is seconds off. `path` has no host and no query. Without credentials there are none.
    Raises ValueError for a key that cannot be used."""
    if not (credentials.get("key_id") and credentials.get("private_key")):
        return {}
    stamp = str(now_us // 1000)
    signature = _signed(_key(credentials["private_key"]), f"{stamp}GET{path}".encode())
    return {
        "KALSHI-ACCESS-KEY": credentials["key_id"],
        "KALSHI-ACCESS-TIMESTAMP": stamp,
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
    }


def sign(request: Request, credentials: Mapping[str, str], now_us: int) -> Mapping[str, str]:
    return headers(credentials, request.target()[0].partition("?")[0], now_us)


def _signed(key: RSAPrivateKey | Ed25519PrivateKey, text: bytes) -> bytes:
    return key.sign(text) if isinstance(key, Ed25519PrivateKey) else key.sign(text, _PSS, hashes.SHA256())


@lru_cache(maxsize=4)  # reading an RSA key takes longer than signing with it
def _key(pem: str) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        found = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(_UNUSABLE) from None  # what it says of the key is nobody's business
    match found:
        case RSAPrivateKey() | Ed25519PrivateKey():
            return found
        case _:
            raise ValueError(_UNUSABLE)


_UNUSABLE = "the private key cannot be used: give an RSA or Ed25519 key as PEM, without a passphrase"
