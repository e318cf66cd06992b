"""Which account runs the servers, and where it may keep its files.

PostgreSQL refuses to run as root. Started by root, the farm gives its servers an unprivileged account; started by an
ordinary user, they run as that user.
"""

import hashlib
import os
import pwd
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.local.errors import DataRefused, ServerRefused

STATE_FOLDER = Path("/var/lib/tapefarm")
_PREFERRED = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The account a server runs as; `switch` when that is not the farm's own."""

    name: str
    uid: int
    gid: int
    switch: bool

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command as this account runs it."""
        return [*self.drop(), *argv]

    def drop(self) -> list[str]:
        if not self.switch:
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--"]

    def owns(self, *paths: Path) -> None:
        """Hand the paths over to the account."""
        if self.switch:
            for path in paths:
                os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data: Path) -> Account:
    """Who runs the server of a data folder: as root its present owner, else the first unprivileged account there is."""
    own = os.geteuid()
    if own != 0:
        _require_own(data, own)
        return Account(_name(own), own, os.getegid(), switch=False)
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid, switch=True)
    return unprivileged()


def unprivileged() -> Account:
    for name in _PREFERRED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid:
            return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise ServerRefused("PostgreSQL does not run as root and there is no account `postgres` or `nobody`: create one of them.")


def _require_own(data: Path, own: int) -> None:
    if data.exists() and data.stat().st_uid != own:
        owner = _name(data.stat().st_uid)
        raise DataRefused(f"{data} belongs to {owner}: run ./farm as root, or `sudo chown -R {_name(own)} {data}` first.")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def reaches(account: Account, folder: Path) -> bool:
    """Whether the account may walk to the folder."""
    return not account.switch or subprocess.run(account.argv(["test", "-x", str(folder)]), check=False).returncode == 0


def place(folder: Path, say: Callable[[str], None] = lambda _: None) -> Path:
    """The folder itself, or where root's unprivileged servers keep it when they may not enter the checkout."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or reaches(unprivileged(), folder.parent):
        return folder
    home = STATE_FOLDER / hashlib.sha256(str(folder.parent).encode()).hexdigest()[:12]
    say(f"{folder} is closed to unprivileged accounts; using {home / folder.name}")
    home.mkdir(parents=True, exist_ok=True)
    for path in (STATE_FOLDER, home):
        path.chmod(0o755)
    (home / "origin").write_text(f"{folder.parent}\n")
    return home / folder.name


def private_folder(folder: Path, account: Account) -> None:
    """Make a folder that only the account may enter."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    account.owns(folder)
