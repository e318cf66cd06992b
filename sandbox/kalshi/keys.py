"""The account of the simulated venue: a key pair made at the start, or a public key that was given, and the check of a signature.

The private key lies in DIR/keys/kalshi.pem, readable by its owner only, for clients of this sandbox.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

KEY_ID = "sandbox"
SALT_BYTES = 32  # of the PSS signature; another length is another signature
SKEW_MS = 10_000
HEADERS = ("KALSHI-ACCESS-KEY", "KALSHI-ACCESS-TIMESTAMP", "KALSHI-ACCESS-SIGNATURE")
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=SALT_BYTES)


class Unauthorized(Exception):
    """Answered with 401."""


class Account:
    def __init__(self, public: RSAPublicKey | Ed25519PublicKey) -> None:
        self._public = public

    @classmethod
    def open(cls, root: Path, public_key: Path | None, kind: str) -> "Account":
        """The key of the account; without a given one the pair of this root, made once."""
        if public_key is not None:
            found = serialization.load_pem_public_key(public_key.read_bytes())
            if not isinstance(found, RSAPublicKey | Ed25519PublicKey):
                raise ValueError(f"{public_key} is neither an RSA nor an Ed25519 key")
            return cls(found)
        path = root / "keys" / "kalshi.pem"
        if not path.exists():
            _write(path, generate_private_key(65537, 2048) if kind == "rsa" else Ed25519PrivateKey.generate())
        private = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
            raise TypeError(f"{path} is neither an RSA nor an Ed25519 key")
        return cls(private.public_key())

    def require(self, headers: Mapping[str, str], method: str, path: str, now_ms: int) -> str:
        """The account that signed. Raises Unauthorized."""
        account = self.check(headers, method, path, now_ms)
        if not account:
            raise Unauthorized("MISSING_HEADERS")
        return account

    def check(self, headers: Mapping[str, str], method: str, path: str, now_ms: int) -> str:
        """The account that signed, '' where nothing was signed. Raises Unauthorized."""
        key, stamp, signature = (headers.get(name) for name in HEADERS)
        if key is None and stamp is None and signature is None:
            return ""
        if not (key and stamp and signature) or key != KEY_ID or not stamp.isdigit():
            raise Unauthorized("NOT_FOUND")
        if abs(now_ms - int(stamp[:18])) > SKEW_MS:
            raise Unauthorized("INCORRECT_TIMESTAMP")
        try:
            self._verify(base64.b64decode(signature, validate=True), (stamp + method + path).encode())
        except (InvalidSignature, binascii.Error, ValueError):
            raise Unauthorized("INCORRECT_API_KEY_SIGNATURE") from None
        return key

    def _verify(self, signature: bytes, message: bytes) -> None:
        if isinstance(self._public, Ed25519PublicKey):
            self._public.verify(signature, message)
        else:
            self._public.verify(signature, message, _PSS, hashes.SHA256())


def _write(path: Path, key: RSAPrivateKey | Ed25519PrivateKey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    temporary.replace(path)
