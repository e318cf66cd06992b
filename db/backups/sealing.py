"""Seals a stream to age recipients and opens it again, 64 KiB at a time. The age program reads and writes the same files."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import pyrage

from core.private import NotPrivate, read_private
from db.backups import BackupError


class Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


def recipients(text: str) -> tuple[str, ...]:
    """Of a setting: age1… or ssh-… public keys, a comma between. Raises BackupError."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for one in found:
        _recipient(one)
    return found


def seal(source: IO[bytes], sink: Sink, to: Sequence[str]) -> None:
    """Raises what `sink` raises as pyrage.EncryptError."""
    pyrage.encrypt_io(source, sink, [_recipient(one) for one in to])


def unseal(source: IO[bytes], sink: Sink, identities: Sequence[Any], name: str, sealed_to: Sequence[str]) -> None:
    """Raises BackupError when none of the identities opens it, OSError when it is torn."""
    try:
        pyrage.decrypt_io(source, sink, identities)
    except pyrage.DecryptError as exc:
        raise BackupError(f"The key does not open {name} ({exc}): give the one whose public key is {' or '.join(sealed_to)}.") from None


def identities(file: Path) -> list[Any]:
    """The private keys of a file as age-keygen writes it, or of an SSH key. Raises BackupError, which never holds what is in the file."""
    try:
        text = read_private(file)
    except NotPrivate as exc:
        raise BackupError(str(exc)) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise BackupError(f"{file} cannot be read ({type(exc).__name__}): give the file with the private key.") from None
    try:
        if "PRIVATE KEY-----" in text:
            return [pyrage.ssh.Identity.from_buffer(text.encode())]
        lines = [line.strip() for line in text.splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError:
        found = []
    if not found:
        raise BackupError(f"There is no private key of age in {file}: give a file as age-keygen writes it.")
    return found


def _recipient(text: str) -> Any:
    try:
        return pyrage.ssh.Recipient.from_str(text) if text.startswith("ssh-") else pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        # Not what it is: it may be the private key.
        raise BackupError("BACKUP_AGE_RECIPIENT cannot be used: give public keys, as age-keygen -y prints them, a comma between.") from None
