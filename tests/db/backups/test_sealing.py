"""What is sealed is opened by its key alone, whole or not at all, and a key that cannot be used is told without being shown."""

import io
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from db.backups import BackupError, sealing

PIECE = 65_536


def kept(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def sealed(data: bytes, *to: str) -> bytes:
    sink = io.BytesIO()
    sealing.seal(io.BytesIO(data), sink, to)
    return sink.getvalue()


def opened(data: bytes, key: Path) -> bytes:
    sink = io.BytesIO()
    sealing.unseal(io.BytesIO(data), sink, sealing.identities(key), "x.dump.age", ["age1right"])
    return sink.getvalue()


@pytest.fixture
def age_key(tmp_path: Path) -> tuple[str, Path]:
    identity = pyrage.x25519.Identity.generate()
    return str(identity.to_public()), kept(tmp_path / "age.txt", f"# created: today\n# public key: {identity.to_public()}\n{identity}\n")


@pytest.fixture
def ssh_key(tmp_path: Path) -> tuple[str, Path]:
    key = Ed25519PrivateKey.generate()
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, plain).decode()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    return public, kept(tmp_path / "id_ed25519", private)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_each_of_the_recipients_opens_it(age_key: tuple[str, Path], ssh_key: tuple[str, Path], size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    found = sealed(data[:size], *sealing.recipients(f"{age_key[0]}, {ssh_key[0]}"))
    assert opened(found, age_key[1]) == opened(found, ssh_key[1]) == data[:size]


def test_another_key_is_told_the_right_one(age_key: tuple[str, Path], ssh_key: tuple[str, Path]) -> None:
    with pytest.raises(BackupError, match=r"does not open x\.dump\.age .*: give the one whose public key is age1right"):
        opened(sealed(b"x", age_key[0]), ssh_key[1])


@pytest.mark.parametrize("cut", [1, 100, PIECE + 16, 2 * PIECE])
def test_what_is_cut_off_does_not_pass_for_the_whole(age_key: tuple[str, Path], cut: int) -> None:
    with pytest.raises(OSError, match=r"decryption error|truncated"):
        opened(sealed(b"x" * 3 * PIECE, age_key[0])[:-cut], age_key[1])


@pytest.mark.parametrize("text", ["age1wrong", "ssh-ed25519 AAAA", "me@example.org", "AGE-SECRET-KEY-1QQQ"])
def test_a_recipient_that_is_none_is_told(text: str) -> None:
    with pytest.raises(BackupError, match="BACKUP_AGE_RECIPIENT cannot be used") as caught:
        sealing.recipients(text)
    assert text not in str(caught.value), "it may be the private key"


def test_without_recipients_nothing_is_sealed() -> None:
    assert sealing.recipients("") == sealing.recipients(" , ") == ()


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "age1public\n", "AGE-SECRET-KEY-1HIDDEN\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nHIDDEN\n"]
)
def test_a_file_without_a_key_is_told_and_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(BackupError, match="There is no private key of age in") as caught:
        sealing.identities(kept(tmp_path / "key", text))
    assert "HIDDEN" not in str(caught.value)


def test_a_key_that_others_may_read_is_not_used(age_key: tuple[str, Path], tmp_path: Path) -> None:
    age_key[1].chmod(0o640)
    with pytest.raises(BackupError, match="chmod 600"):
        sealing.identities(age_key[1])
    with pytest.raises(BackupError, match="cannot be read"):
        sealing.identities(tmp_path / "nowhere")
