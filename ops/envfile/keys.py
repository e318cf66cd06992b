"""Who may open the sealed file: public keys in `.env.recipients`, a private key in the account's own folder, or a passphrase."""

import getpass
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage

from db.backups import BackupError, sealing
from ops.cli.errors import Refused
from ops.envfile import files

#: Whoever has the sealed file may try one passphrase after the other, for ever.
SHORTEST_PASSPHRASE = 12


def default_identity() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "tapefarm" / "age.key"


def identities(given: Path | None) -> list[Any]:
    """The private keys of a file, or of the default one. Raises Refused."""
    file = given or default_identity()
    if not file.is_file():
        raise Refused(f"There is no private key at {file}: `./farm secrets keygen` makes one, --identity names another file.")
    try:
        return sealing.identities(file)
    except BackupError as exc:
        raise Refused(str(exc), status=2) from None


def recipients(file: Path, given: Sequence[str]) -> list[str]:
    """Public keys given by --recipient, or else those of a file, one a line. Raises Refused, which never shows one: it may be a private key."""
    if given:
        return [_usable(one, f"--recipient number {number}") for number, one in enumerate(given, start=1)]
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as exc:
        raise Refused(f"{file} cannot be read ({type(exc).__name__}): write one public key a line.", status=2) from None
    found = [
        _usable(line.strip(), f"{file}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not found:
        raise Refused(
            f"Nobody is named who may open it: `./farm secrets keygen` makes a key and adds it to {file}; or --recipient, or --passphrase."
        )
    return found


def _usable(text: str, where: str) -> str:
    try:
        found = sealing.recipients(text.partition(",")[0])
    except BackupError:
        found = ()
    if not found or "," in text:
        raise Refused(f"{where} is no public key of age: write age1… or an SSH public key, as `age-keygen -y` prints it.", status=2)
    return found[0]


def make(identity: Path, recipients_file: Path) -> str:
    """A new private key in a file of its own, its public key added to the recipients; the public key."""
    identity.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = pyrage.x25519.Identity.generate()
    public = str(made.to_public())
    at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        descriptor = os.open(identity, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(f"{identity} is there already, and what it opens would be lost without it: name another by --identity.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"# created: {at}\n# public key: {public}\n{made}\n")
    there = recipients_file.read_text(encoding="utf-8") if recipients_file.is_file() else _HEAD
    files.replace(recipients_file, f"{there.rstrip()}\n{public}\n".encode(), mode=0o644)
    return public


_HEAD = "# Who can open the sealed file beside this one: a public key of age or SSH a line. Nothing here is secret.\n"


def ask_passphrase(*, twice: bool) -> str:
    """On the terminal: an argument stands in the list of processes. Raises Refused."""
    if not sys.stdin.isatty():
        raise Refused("A passphrase is asked on a terminal, and there is none: use a key (`./farm secrets keygen`).", status=2)
    found = getpass.getpass("Passphrase: ")
    if twice:
        if len(found) < SHORTEST_PASSPHRASE:
            raise Refused(
                f"A passphrase that guards a file has at least {SHORTEST_PASSPHRASE} characters; better take five words.", status=2
            )
        if getpass.getpass("Once more: ") != found:
            raise Refused("They differ: nothing was written.", status=2)
    return found
