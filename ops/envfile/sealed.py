"""Bytes sealed as the age program does it, to public keys or by a passphrase, and opened again."""

import base64
import binascii
import io
from collections.abc import Sequence
from typing import Any

import pyrage

from db.backups import BackupError, sealing
from ops.cli.errors import Refused

#: What opens: private keys, or a passphrase.
Opener = Sequence[Any] | str

_HEADER = b"age-encryption.org/v1\n"
_ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"


def seal(data: bytes, to: Sequence[str] | str) -> bytes:
    """`to`: public keys, or a passphrase."""
    if isinstance(to, str):
        return bytes(pyrage.passphrase.encrypt(data, to))
    sink = io.BytesIO()
    sealing.seal(io.BytesIO(data), sink, to)
    return sink.getvalue()


def wants_passphrase(data: bytes, name: str) -> bool:
    """Raises Refused for what is no file of age."""
    head = _header(data)
    if not head.startswith(_HEADER):
        raise Refused(f"{name} is no file of age: take it from version control again, or make it by `./farm secrets encrypt`.")
    return head.removeprefix(_HEADER).startswith(b"-> scrypt ")


def unseal(data: bytes, by: Opener, name: str) -> bytes:
    """Raises Refused."""
    try:
        if isinstance(by, str):
            return bytes(pyrage.passphrase.decrypt(data, by))
        sink = io.BytesIO()
        sealing.unseal(io.BytesIO(data), sink, by, name, ["in its list of recipients"])
        return sink.getvalue()
    except pyrage.DecryptError:
        raise Refused(f"{name} is not opened by this passphrase, or is damaged.") from None
    except BackupError as exc:
        if "No matching keys" not in str(exc):
            raise Refused(_torn(name)) from None
        raise Refused(
            f"Your key does not open {name}: give another by --identity, or let somebody whom it opens for add your public key and encrypt again."
        ) from None
    except OSError:
        raise Refused(_torn(name)) from None


def _torn(name: str) -> str:
    return f"{name} is damaged or cut off: take it from version control or a backup again."


def _header(data: bytes) -> bytes:
    """The beginning, whether it is as bytes or as lines of letters (`age --armor`)."""
    if not data.lstrip().startswith(_ARMOR):
        return data[:200]
    lines = data.lstrip().splitlines()[1:5]
    try:
        return base64.b64decode(b"".join(line.strip() for line in lines if not line.startswith(b"-")))
    except (binascii.Error, ValueError):
        return b""
